// Top-k gating on CPU tensors: the k largest logits of each row and their softmax.
#include "exponentials.h"
#include "simd.h"
#include "tensors.h"

#include <memory>
#include <tuple>
#include <vector>

namespace {

using rows::narrow;
using rows::Wide;
using rows::widen;
using tensors::check_shape;
using tensors::data_of;
using tensors::Tensor;
using tensors::writable;

// ---- rows side by side --------------------------------------------------------------------------

// Each row has its own lane of vectors: none waits for another, and nothing depends on the values
// but what is selected.
using simd::kLanes;

// The position of a value as an integer of its size, which fits beside it in a vector.
template <typename W>
using Position = std::conditional_t<sizeof(W) == 4, int32_t, int64_t>;

// One column of the rows: their values, and from where in each row these came.
template <typename W>
struct Column {
  simd::Vector<W> value;
  simd::Vector<Position<W>> place;

  // Exchanges the two in the lanes in which this one's value is the larger.
  void exchange_if_larger(Column& other) {
    const Column old = other;
    const auto larger = value > old.value;
    other.value = larger ? value : old.value;
    other.place = larger ? place : old.place;
    value = larger ? old.value : value;
    place = larger ? old.place : place;
  }
};

// e ** (value - largest), in every lane.
template <typename W>
simd::Vector<W> powers(simd::Vector<W> value, simd::Vector<W> largest) {
  alignas(64) W power[kLanes<W>];
  simd::store(power, value - largest);
  for (W& x : power) x = exponentials::power(x);
  return simd::load(power);
}

// Puts the N largest of the columns in front, in descending order: each value takes the place of
// the first that is smaller, which goes on to do the same. Of equals the first stays first.
template <int N, typename W>
void select(Column<W>* columns, int64_t width) {
  Column<W> largest[N];
#pragma GCC unroll 4
  for (int at = 0; at < N; ++at) {
    largest[at] = columns[at];
#pragma GCC unroll 4
    for (int i = 0; i < at; ++i) largest[at].exchange_if_larger(largest[i]);
  }
  for (int64_t at = N; at < width; ++at) {
    Column<W> column = columns[at];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) column.exchange_if_larger(largest[i]);
    columns[at] = column;
  }
  std::copy_n(largest, N, columns);
}

// The k largest, as many at a time as there are registers for.
template <typename W>
void select(Column<W>* columns, int64_t width, int64_t k) {
  int64_t at = 0;
  for (; at + 4 <= k; at += 4) select<4>(columns + at, width - at);
  if (k - at >= 2) select<2>(columns + at, width - at), at += 2;
  if (at < k) select<1>(columns + at, width - at);
}

// ---- ops ----------------------------------------------------------------------------------------

template <typename T>
struct Gate {
  using W = Wide<T>;
  const T* logits;
  T* weights;
  int64_t* indices;
  int64_t width;
  int64_t k;
  bool renormalise;

  // Rows begin .. begin + number - 1, of which there is at least one and at most one for each lane.
  void rows(int64_t begin, int64_t number, Column<W>* columns) const {
    read(begin, number, columns);
    select(columns, width, k);
    const auto largest = columns[0].value;
    simd::Vector<W> sum{};
    for (int64_t i = 0; i < (renormalise ? k : width); ++i) {
      columns[i].value = powers<W>(columns[i].value, largest);
      sum += columns[i].value;
    }
    for (int64_t i = 0; i < k; ++i) {
      write(begin, number, i, columns[i].value / sum, columns[i].place);
    }
  }

  void read(int64_t begin, int64_t number, Column<W>* columns) const {
    for (int64_t lane = 0; lane < kLanes<W>; ++lane) {
      const T* const row = logits + (begin + std::min(lane, number - 1)) * width;
      for (int64_t e = 0; e < width; ++e) columns[e].value[lane] = widen(row[e]);
    }
    simd::Vector<Position<W>> place{};
    for (int64_t e = 0; e < width; ++e, place += 1) columns[e].place = place;
  }

  // The i-th of each row's chosen.
  void write(int64_t begin, int64_t number, int64_t i, simd::Vector<W> share,
             simd::Vector<Position<W>> place) const {
    for (int64_t lane = 0; lane < number; ++lane) {
      const int64_t to = (begin + lane) * k + i;
      weights[to] = narrow<T>(share[lane]);
      indices[to] = place[lane];
    }
  }
};

template <typename T>
void gate_rows(
    const Tensor& logits, const Tensor& weights, const Tensor& indices, bool renormalise) {
  constexpr int64_t lanes = kLanes<Wide<T>>;
  const int64_t tokens = logits.size(0), width = logits.size(1), k = weights.size(1);
  const Gate<T> gate{data_of<T>(logits), writable<T>(weights), writable<int64_t>(indices),
                     width, k, renormalise};
  const int64_t cost = 16 * width * (k + 4); // as many bytes would take as long
  tensors::parallel_rows((tokens + lanes - 1) / lanes, cost, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<Column<Wide<T>>[]> columns(new Column<Wide<T>>[width]);
    for (int64_t at = begin * lanes; at < std::min(tokens, end * lanes); at += lanes) {
      gate.rows(at, std::min(lanes, tokens - at), columns.get());
    }
  });
}

std::tuple<Tensor, Tensor> gate(Tensor logits, int64_t k, bool renormalise) {
  check_shape(logits, "logits", 2);
  STD_TORCH_CHECK(k >= 1 && k <= logits.size(1), "k must be 1 to ", logits.size(1), ", found ", k);
  const Tensor values = tensors::contiguous(logits);
  const Tensor weights = tensors::fresh(logits, {logits.size(0), k});
  const Tensor indices = tensors::fresh(logits, tensors::ScalarType::Long, {logits.size(0), k});
  tensors::with_float_type(logits, [&](auto type) {
    gate_rows<decltype(type)>(values, weights, indices, renormalise);
  });
  return {weights, indices};
}

// The gradient of a softmax of the chosen, or of all: then the others get theirs too.
template <typename T>
struct GateBackward {
  using W = Wide<T>;
  const T* grads;
  const T* weights;
  const int64_t* indices;
  const T* logits;
  T* out;
  int64_t width;
  int64_t k;

  W mean(int64_t t) const {
    W sum = 0;
    for (int64_t i = t * k; i < (t + 1) * k; ++i) sum += widen(grads[i]) * widen(weights[i]);
    return sum;
  }

  void zero(int64_t begin, int64_t end) const {
    std::memset(static_cast<void*>(out + begin * width), 0, (end - begin) * width * sizeof(T));
  }

  // The part that all of a row have in common: -mean times their weights. Several rows at a time,
  // since what is left over after whole vectors costs as much as they do.
  void common(int64_t begin, int64_t end, std::vector<W>& wide) const {
    wide.resize((end - begin) * width);
    W* const power = wide.data();
    const T* const from = logits + begin * width;
    T* const to = out + begin * width;
    for (int64_t r = 0; r < end - begin; ++r) {
      const W largest = widen(from[r * width + indices[(begin + r) * k]]);
      for (int64_t i = r * width; i < (r + 1) * width; ++i) power[i] = widen(from[i]) - largest;
    }
    for (W& x : wide) x = exponentials::power(x);
    for (int64_t r = 0; r < end - begin; ++r) {
      // The weight of the largest, the first of the chosen, gives every other's.
      const W scale = -mean(begin + r) * widen(weights[(begin + r) * k]);
      for (int64_t i = r * width; i < (r + 1) * width; ++i) to[i] = narrow<T>(scale * power[i]);
    }
  }

  void chosen(int64_t begin, int64_t end) const {
    for (int64_t t = begin; t < end; ++t) {
      const W own = mean(t);
      for (int64_t i = t * k; i < (t + 1) * k; ++i) {
        out[t * width + indices[i]] = narrow<T>(widen(weights[i]) * (widen(grads[i]) - own));
      }
    }
  }
};

template <typename T>
void gate_rows_backward(const GateBackward<T>& rows, int64_t tokens, bool renormalise) {
  const int64_t cost = 8 * (rows.width + 8 * rows.k); // as many bytes would take as long
  tensors::parallel_rows(tokens, cost, [&](int64_t begin, int64_t end) {
    const int64_t step = std::max<int64_t>(1, 2048 / rows.width);
    std::vector<Wide<T>> wide;
    for (int64_t at = begin; at < end; at += step) {
      const int64_t stop = std::min(end, at + step);
      if (renormalise) {
        rows.zero(at, stop);
      } else {
        rows.common(at, stop, wide);
      }
      rows.chosen(at, stop);
    }
  });
}

Tensor gate_backward(
    Tensor grad, Tensor weights, Tensor indices, Tensor logits, bool renormalise) {
  const Tensor grads = tensors::contiguous(grad), values = tensors::contiguous(logits);
  const Tensor result = tensors::fresh(logits, {logits.size(0), logits.size(1)});
  tensors::with_float_type(logits, [&](auto type) {
    using T = decltype(type);
    const GateBackward<T> rows{data_of<T>(grads), data_of<T>(weights), data_of<int64_t>(indices),
                               data_of<T>(values), writable<T>(result), logits.size(1),
                               weights.size(1)};
    gate_rows_backward(rows, logits.size(0), renormalise);
  });
  return result;
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("gate(Tensor logits, SymInt k, bool renormalise) -> (Tensor, Tensor)");
  m.def(
      "gate_backward(Tensor grad, Tensor weights, Tensor indices, Tensor logits, bool renormalise) "
      "-> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("gate", TORCH_BOX(&gate));
  m.impl("gate_backward", TORCH_BOX(&gate_backward));
}
