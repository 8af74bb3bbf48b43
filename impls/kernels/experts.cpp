// Rows sent to experts and summed again, on CPU tensors.
#include "experts.h"
#include "segments.h"

#include <tuple>

namespace {

using rows::Wide;
using tensors::check_shape;
using tensors::data_of;
using tensors::Tensor;
using tensors::writable;

// ---- sorting ------------------------------------------------------------------------------------

// A stable counting sort: the rows of group g are firsts[g] .. firsts[g + 1] - 1.
struct Sorted {
  std::unique_ptr<int64_t[]> firsts;
  std::unique_ptr<int64_t[]> table; // by row its place, or by place its row

  Sorted(const Tensor& ids, const char* name, int64_t groups, bool places)
      : firsts(new int64_t[groups + 1]()), table(new int64_t[ids.numel()]) {
    const Tensor wide = tensors::as_int64(ids, name);
    const int64_t* const id = data_of<int64_t>(wide);
    const int64_t number = ids.numel();
    for (int64_t r = 0; r < number; ++r) {
      STD_TORCH_CHECK(id[r] >= 0 && id[r] < groups, name, " must be 0 to ", groups - 1, ", found ",
                      id[r]);
      ++firsts[id[r] + 1];
    }
    for (int64_t g = 0; g < groups; ++g) firsts[g + 1] += firsts[g];
    const std::unique_ptr<int64_t[]> next(new int64_t[groups + 1]);
    std::copy_n(firsts.get(), groups + 1, next.get());
    for (int64_t r = 0; r < number; ++r) {
      const int64_t place = next[id[r]]++;
      table[places ? r : place] = places ? place : r;
    }
  }
};

// ---- rows sent to experts -----------------------------------------------------------------------

// Where row r of [B, S, D] is: the two first axes may have any strides.
struct Places {
  const char* data;
  int64_t outer;
  int64_t inner;
  int64_t size;

  explicit Places(const Tensor& x)
      : data(static_cast<const char*>(x.const_data_ptr())), outer(x.stride(0) * x.element_size()),
        inner(x.stride(1) * x.element_size()), size(x.size(1)) {}
  const char* at(int64_t r) const {
    return data + r / size * outer + r % size * inner;
  }
};

// Calls copy(move, r) for all rows; `move` copies one, past the caches where the result is large.
template <typename Copy>
void move_rows(int64_t number, int64_t bytes, const Copy& copy) {
  const bool streamed = tensors::is_streamed(number * bytes);
  if (bytes == 0) return;
  tensors::parallel_rows(number, 2 * bytes, [&](int64_t begin, int64_t end) {
    if (streamed) {
      const auto move = [=](void* to, const void* from) { rows::stream_row(to, from, bytes); };
      for (int64_t r = begin; r < end; ++r) copy(move, r);
      return rows::finish_streaming();
    }
    const auto move = [=](void* to, const void* from) { std::memcpy(to, from, bytes); };
    for (int64_t r = begin; r < end; ++r) copy(move, r);
  });
}

void sort_rows(const Tensor& from, const Tensor& to, const Sorted& sorted) {
  const bool adjacent = from.size(2) <= 1 || from.stride(2) == 1;
  const Tensor x = adjacent ? from : torch::stable::contiguous(from);
  const Places source(x);
  const int64_t bytes = x.size(2) * x.element_size();
  auto* const target = static_cast<char*>(to.mutable_data_ptr());
  const int64_t* const rows = sorted.table.get();
  move_rows(x.size(0) * x.size(1), bytes, [=](const auto& move, int64_t place) {
    move(target + place * bytes, source.at(rows[place]));
  });
}

void check_tokens(const Tensor& x, const Tensor& ids, int64_t experts) {
  check_shape(x, "x", 3);
  check_shape(ids, "expert_ids", 2);
  STD_TORCH_CHECK(x.size(0) == ids.size(0) && x.size(1) == ids.size(1),
                  "x and expert_ids differ in sequences or tokens");
  STD_TORCH_CHECK(experts >= 1, "num_experts must be at least 1, found ", experts);
}

Tensor batch_equal(Tensor x, Tensor ids, int64_t experts) {
  check_tokens(x, ids, experts);
  const Sorted sorted(ids, "expert_ids", experts, false);
  const int64_t load = ids.numel() / experts;
  for (int64_t e = 0; e <= experts; ++e) {
    STD_TORCH_CHECK(sorted.firsts[e] == e * load, "the experts' loads must be equal");
  }
  const Tensor out = tensors::fresh(x, {experts, load, x.size(2)});
  sort_rows(x, out, sorted);
  return out;
}

std::tuple<Tensor, Tensor> batch_ragged(Tensor x, Tensor ids, int64_t experts) {
  check_tokens(x, ids, experts);
  const Sorted sorted(ids, "expert_ids", experts, false);
  const Tensor out = tensors::fresh(x, {ids.numel(), x.size(2)});
  const Tensor offsets = tensors::fresh(x, tensors::ScalarType::Long, {experts + 1});
  std::copy_n(sorted.firsts.get(), experts + 1, writable<int64_t>(offsets));
  sort_rows(x, out, sorted);
  return {out, offsets};
}

// The gradient [B, S, D] of either, from that of its rows.
Tensor batch_backward(Tensor grad, Tensor ids, int64_t experts) {
  check_shape(ids, "expert_ids", 2);
  const Sorted sorted(ids, "expert_ids", experts, true);
  const Tensor grads = tensors::contiguous(grad);
  const int64_t width = grad.size(grad.dim() - 1);
  const Tensor out = tensors::fresh(grad, {ids.size(0), ids.size(1), width});
  const int64_t bytes = width * grad.element_size();
  const auto* const source = static_cast<const char*>(grads.const_data_ptr());
  auto* const target = static_cast<char*>(out.mutable_data_ptr());
  const int64_t* const places = sorted.table.get();
  move_rows(ids.numel(), bytes, [=](const auto& move, int64_t r) {
    move(target + r * bytes, source + places[r] * bytes);
  });
  return out;
}

// ---- rows summed again --------------------------------------------------------------------------

// The rows of token t are `order`[first(t)] .. `order`[first(t + 1) - 1].
struct Choices {
  int64_t tokens;
  int64_t each; // the number of rows of every token, where there is no order
  const Sorted* sorted;

  int64_t first(int64_t t) const {
    return sorted ? sorted->firsts[t] : t * each;
  }
  int64_t row(int64_t place) const {
    return sorted ? sorted->table[place] : place;
  }
  // The bytes that a token's sum reads and writes, as a mean.
  int64_t cost(int64_t row_bytes) const {
    return tokens ? (first(tokens) / tokens + 1) * row_bytes : 0;
  }
  int64_t most() const {
    if (!sorted) return each;
    int64_t result = 0;
    for (int64_t t = 0; t < tokens; ++t) result = std::max(result, first(t + 1) - first(t));
    return result;
  }
};

// Rows of weight 0 are left out where they are sorted: whatever they hold, it is nobody's.
template <typename T>
void sum_rows(const Tensor& y, const Tensor& weights, const Tensor& out, const Choices& choices) {
  const T* const rows = data_of<T>(y);
  const T* const weight = data_of<T>(weights);
  T* const target = writable<T>(out);
  const int64_t width = out.size(1);
  const int64_t most = choices.most();
  const bool streamed = tensors::is_streamed(choices.tokens * width * sizeof(T));
  const int64_t cost = choices.cost(width * sizeof(T));
  tensors::parallel_rows(choices.tokens, cost, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<const T*[]> row(new const T*[most + 1]);
    const std::unique_ptr<Wide<T>[]> factor(new Wide<T>[most + 1]);
    const std::unique_ptr<T[]> sum(new T[streamed ? width : 0]);
    for (int64_t t = begin; t < end; ++t) {
      int64_t count = 0;
      for (int64_t place = choices.first(t); place < choices.first(t + 1); ++place) {
        const int64_t r = choices.row(place);
        factor[count] = rows::widen(weight[r]);
        row[count] = rows + r * width;
        count += choices.sorted && factor[count] == 0 ? 0 : 1;
      }
      T* const to = target + t * width;
      experts::weighted_sum(streamed ? sum.get() : to, row.get(), factor.get(), count, width);
      if (streamed) rows::stream_row(to, sum.get(), width * sizeof(T));
    }
    if (streamed) rows::finish_streaming();
  });
}

template <typename T>
void sum_rows_backward(const Tensor& grad, const Tensor& y, const Tensor& weights,
                       const Tensor& grad_y, const Tensor& grad_weights, const Choices& choices) {
  const T* const grads = data_of<T>(grad);
  const T* const rows = data_of<T>(y);
  const T* const weight = data_of<T>(weights);
  T* const to_y = writable<T>(grad_y);
  T* const to_weights = writable<T>(grad_weights);
  const int64_t width = grad.size(1);
  const int64_t cost = 2 * choices.cost(width * sizeof(T));
  tensors::parallel_rows(choices.tokens, cost, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t place = choices.first(t); place < choices.first(t + 1); ++place) {
        const int64_t r = choices.row(place);
        const Wide<T> factor = rows::widen(weight[r]);
        T* const target = to_y + r * width;
        if (choices.sorted && factor == 0) {
          std::memset(static_cast<void*>(target), 0, width * sizeof(T));
          to_weights[r] = rows::narrow<T>(0);
          continue;
        }
        to_weights[r] = rows::narrow<T>(experts::scale_and_dot(
            target, grads + t * width, rows + r * width, factor, width));
      }
    }
  });
}

Tensor combine(Tensor y, Tensor weights) {
  check_shape(y, "y", 3);
  check_shape(weights, "weights", 2);
  STD_TORCH_CHECK(y.size(0) == weights.size(0) && y.size(1) == weights.size(1) &&
                  y.scalar_type() == weights.scalar_type(), "weights must be [T, K] of y's type");
  const Tensor source = tensors::contiguous(y), factors = tensors::contiguous(weights);
  const Tensor out = tensors::fresh(y, {y.size(0), y.size(2)});
  const Choices choices{y.size(0), y.size(1), nullptr};
  tensors::with_float_type(y, [&](auto type) {
    sum_rows<decltype(type)>(source, factors, out, choices);
  });
  return out;
}

std::tuple<Tensor, Tensor> combine_backward(Tensor grad, Tensor y, Tensor weights) {
  const Tensor grads = tensors::contiguous(grad), source = tensors::contiguous(y);
  const Tensor factors = tensors::contiguous(weights);
  const Tensor grad_y = tensors::fresh(y, {y.size(0), y.size(1), y.size(2)});
  const Tensor grad_weights = tensors::fresh(y, {y.size(0), y.size(1)});
  const Choices choices{y.size(0), y.size(1), nullptr};
  tensors::with_float_type(y, [&](auto type) {
    sum_rows_backward<decltype(type)>(grads, source, factors, grad_y, grad_weights, choices);
  });
  return {grad_y, grad_weights};
}

Tensor combine_sorted(Tensor y, Tensor index, Tensor weights, int64_t tokens) {
  check_shape(y, "y", 2);
  check_shape(index, "token_index", 1);
  check_shape(weights, "weights", 1);
  STD_TORCH_CHECK(y.size(0) == index.size(0) && y.size(0) == weights.size(0) &&
                  y.scalar_type() == weights.scalar_type(), "each row of y must have one weight");
  const Sorted sorted(index, "token_index", tokens, false);
  const Tensor source = tensors::contiguous(y), factors = tensors::contiguous(weights);
  const Tensor out = tensors::fresh(y, {tokens, y.size(1)});
  tensors::with_float_type(y, [&](auto type) {
    sum_rows<decltype(type)>(source, factors, out, Choices{tokens, 0, &sorted});
  });
  return out;
}

std::tuple<Tensor, Tensor> combine_sorted_backward(
    Tensor grad, Tensor y, Tensor index, Tensor weights) {
  const Sorted sorted(index, "token_index", grad.size(0), false);
  const Tensor grads = tensors::contiguous(grad), source = tensors::contiguous(y);
  const Tensor factors = tensors::contiguous(weights);
  const Tensor grad_y = tensors::fresh(y, {y.size(0), y.size(1)});
  const Tensor grad_weights = tensors::fresh(y, {y.size(0)});
  const Choices choices{grad.size(0), 0, &sorted};
  tensors::with_float_type(y, [&](auto type) {
    sum_rows_backward<decltype(type)>(grads, source, factors, grad_y, grad_weights, choices);
  });
  return {grad_y, grad_weights};
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("batch_equal(Tensor x, Tensor ids, SymInt experts) -> Tensor");
  m.def("batch_ragged(Tensor x, Tensor ids, SymInt experts) -> (Tensor, Tensor)");
  m.def("batch_backward(Tensor grad, Tensor ids, SymInt experts) -> Tensor");
  m.def("combine(Tensor y, Tensor weights) -> Tensor");
  m.def("combine_backward(Tensor grad, Tensor y, Tensor weights) -> (Tensor, Tensor)");
  m.def("combine_sorted(Tensor y, Tensor index, Tensor weights, SymInt tokens) -> Tensor");
  m.def(
      "combine_sorted_backward(Tensor grad, Tensor y, Tensor index, Tensor weights) "
      "-> (Tensor, Tensor)");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("batch_equal", TORCH_BOX(&batch_equal));
  m.impl("batch_ragged", TORCH_BOX(&batch_ragged));
  m.impl("batch_backward", TORCH_BOX(&batch_backward));
  m.impl("combine", TORCH_BOX(&combine));
  m.impl("combine_backward", TORCH_BOX(&combine_backward));
  m.impl("combine_sorted", TORCH_BOX(&combine_sorted));
  m.impl("combine_sorted_backward", TORCH_BOX(&combine_sorted_backward));
}
