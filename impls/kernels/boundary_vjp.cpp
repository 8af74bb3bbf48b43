// The gradient of boundaries on CPU tensors, given that of the groups' means.
//
// Each token's row is multiplied by its group's row of the gradient, in the order in which they lie
// in memory; the sums along the sequences are of one number per token and cost next to nothing.
#include "plans.h"

namespace {

using namespace plans;
using rows::Wide;
using rows::widen;

Tensor with_adjacent_columns(const Tensor& tensor) {
  if (tensor.size(2) == 1 || tensor.stride(2) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

// Products are summed in so many independent sums: a single one would wait for each addition.
constexpr int64_t kLanes = 64;

template <typename T>
Wide<T> dot(const T* __restrict a, const T* __restrict b, int64_t width) {
  alignas(64) Wide<T> lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += widen(a[i + k]) * widen(b[i + k]);
  }
  for (int64_t k = 0; i < width; ++i, ++k) lanes[k] += widen(a[i]) * widen(b[i]);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}

// products[b, l] = hidden[l, b] times the row of the gradient of the token's slot.
template <typename T>
void multiply(const Tensor& hidden, const Tensor& grad, const Segments& plan, Wide<T>* products) {
  const int64_t batches = plan.batches, width = hidden.size(2);
  const View<const T> tokens = reading<T>(hidden, 1), grads = reading<T>(grad, 1);
  const auto slots = segments::slot_of_rows(plan);
  const int64_t bytes = width * static_cast<int64_t>(sizeof(T));
  tensors::parallel_rows(batches * plan.rows, bytes, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t l = i / batches, b = i % batches, at = b * plan.rows + l;
      if (slots[at] < 0) continue;
      products[at] = dot(tokens.at(b, l), grads.at(b, slots[at] + 1), width);
    }
  });
}

// In double precision: it is done once per token, not once per element.
template <typename T>
void spread_group(const Wide<T>* products, int64_t first, int64_t last, double scale, T* out) {
  double mean = 0.0;
  for (int64_t r = first; r < last; ++r) mean += products[r];
  mean /= last - first;
  const double steepness = scale / (last - first);
  double after = 0.0;
  for (int64_t r = last - 1; r >= first; --r) {
    out[r] = rows::narrow<T>(static_cast<Wide<T>>(steepness * after));
    after += products[r] - mean;
  }
}

// Every token gets the sum of (product - mean) / n over the tokens after it in its group of n.
template <typename T>
void spread(const Wide<T>* products, const Segments& plan, double scale, T* out) {
  const int64_t bytes = plan.rows * static_cast<int64_t>(4 * sizeof(T));
  tensors::parallel_rows(plan.batches, bytes, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const Wide<T>* const own = products + b * plan.rows;
      T* const to = out + b * plan.rows;
      const int64_t* const first = plan.first(b);
      for (int64_t p = 0; p < plan.slots; ++p) {
        if (first[p] < first[p + 1]) spread_group<T>(own, first[p], first[p + 1], scale, to);
      }
      std::fill(to + first[plan.slots], to + plan.rows, T{});
    }
  });
}

Tensor boundary_vjp(Tensor boundaries, Tensor hidden, Tensor grad_out, double scale) {
  check_shape(hidden, "hidden", 3);
  check_shape(grad_out, "grad_out", 3);
  STD_TORCH_CHECK(grad_out.size(0) > 0, "grad_out must have a row for the null group");
  const Segments plan = segments_of_marks(boundaries, grad_out.size(0) - 1, true);
  STD_TORCH_CHECK(hidden.size(0) == plan.rows && hidden.size(1) == plan.batches,
                  "hidden must be [tokens, batches, width] of boundaries");
  STD_TORCH_CHECK(grad_out.size(1) == plan.batches && grad_out.size(2) == hidden.size(2),
                  "grad_out must be [slots, batches, width] of hidden");
  STD_TORCH_CHECK(hidden.scalar_type() == boundaries.scalar_type() &&
                  grad_out.scalar_type() == boundaries.scalar_type(),
                  "boundaries, hidden and grad_out must be of one type");
  Tensor out = tensors::fresh(boundaries, {plan.batches, plan.rows});
  const Tensor tokens = with_adjacent_columns(hidden), grads = with_adjacent_columns(grad_out);
  tensors::with_float_type(hidden, [&](auto type) {
    using T = decltype(type);
    const std::unique_ptr<Wide<T>[]> products(new Wide<T>[plan.batches * plan.rows]);
    multiply<T>(tokens, grads, plan, products.get());
    spread<T>(products.get(), plan, scale, tensors::writable<T>(out));
  });
  return out;
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("boundary_vjp(Tensor boundaries, Tensor hidden, Tensor grad_out, float scale) -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("boundary_vjp", TORCH_BOX(&boundary_vjp));
}
