// Inverts the running sum of a distribution on CPU tensors: for each u, the first event whose sum
// exceeds it.
//
// Few events are all compared with u. Of many, a guide table says where to start: [0, 1) is cut into
// about as many buckets as there are events, so that the event mostly is the bucket's first, or one
// of the next two.
#include "tensors.h"

#include <cmath>
#include <limits>
#include <vector>

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMostCompared = 48;
// Draws whose counts stay in the first-level cache.
constexpr int64_t kBlock = 512;
// Edges compared in one pass over a block.
constexpr int64_t kEdges = 4;
// A draw by the guide table costs about as much time as copying this many bytes.
constexpr int64_t kBytesPerDraw = 64;

// The smallest F at or above the value: a u of type F is below the one exactly if below the other.
template <typename F>
F rounded_up(double value) {
  const F near = static_cast<F>(value);
  return near < value ? std::nextafter(near, std::numeric_limits<F>::infinity()) : near;
}

// The sums at which the event changes to the next, and NaNs, which no u reaches: one at least, and
// up to a multiple of kEdges. A sum that is complete is none, so that no u leads past its event.
template <typename F>
struct Edges {
  std::vector<F> value;
  int64_t number;

  // scaled: to a whole of 1.
  Edges(const Tensor& probs, bool scaled) {
    std::vector<double> total(probs.size(0));
    tensors::with_float_type(probs, [&](auto type) {
      const auto* const prob = tensors::data_of<decltype(type)>(probs);
      double sum = 0;
      for (size_t i = 0; i < total.size(); ++i) total[i] = sum += rows::widen(prob[i]);
    });
    if (scaled) {
      const double whole = total.back();
      for (double& sum : total) sum /= whole;
    }
    number = std::lower_bound(total.begin(), total.end(), total.back()) - total.begin();
    value.assign((number / kEdges + 1) * kEdges, std::numeric_limits<F>::quiet_NaN());
    for (int64_t i = 0; i < number; ++i) value[i] = rounded_up<F>(total[i]);
  }
};

// ---- few events ---------------------------------------------------------------------------------

template <typename T, typename F>
void count_block(const T* u, int64_t* out, int64_t size, const Edges<F>& edges) {
  // As wide as F, so that comparing and counting use the same vectors.
  using Count = std::conditional_t<sizeof(F) == 8, int64_t, int32_t>;
  alignas(64) F wide[kBlock];
  alignas(64) Count counts[kBlock] = {};
  for (int64_t i = 0; i < size; ++i) wide[i] = rows::widen(u[i]);
  for (int64_t at = 0; at < edges.number; at += kEdges) {
    const F* const edge = edges.value.data() + at;
    const F a = edge[0], b = edge[1], c = edge[2], d = edge[3];
    for (int64_t i = 0; i < size; ++i) {
      counts[i] += Count{wide[i] >= a} + Count{wide[i] >= b} + Count{wide[i] >= c} +
          Count{wide[i] >= d};
    }
  }
  for (int64_t i = 0; i < size; ++i) out[i] = counts[i];
}

template <typename T, typename F>
void count_all(const T* u, int64_t* out, int64_t size, const Edges<F>& edges) {
  const int64_t cost = sizeof(T) + sizeof(int64_t) + edges.number / 2;
  tensors::parallel_rows(size, cost, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kBlock) {
      count_block(u + at, out + at, std::min(kBlock, end - at), edges);
    }
  });
}

// ---- many events --------------------------------------------------------------------------------

// The first of the edges low .. high - 1 that exceeds u, or high.
template <typename F>
int64_t search(const F* edge, int64_t low, int64_t high, F u) {
  for (int64_t step = high - low; step > 0;) {
    const int64_t half = step / 2;
    const bool past = edge[low + half] <= u;
    low = past ? low + half + 1 : low;
    step = past ? step - half - 1 : half;
  }
  return low;
}

// Bucket b holds the u from b / buckets on; its first event is first[b].
template <typename F>
struct Guide {
  const Edges<F>& edges;
  int64_t buckets;
  std::vector<int32_t> first;

  explicit Guide(const Edges<F>& edges) : edges(edges), buckets(1) {
    while (buckets < edges.number) buckets *= 2;
    first.resize(buckets + 1);
    int64_t b = 0;
    for (int64_t i = 0; i < edges.number; ++i) {
      const double end = std::ceil(static_cast<double>(edges.value[i]) * buckets);
      const int64_t until = std::min(static_cast<int64_t>(end), buckets);
      for (; b < until; ++b) first[b] = i;
    }
    for (; b <= buckets; ++b) first[b] = edges.number;
  }

  int64_t event(F u) const {
    // Exact, since the number of buckets is a power of two. A u outside of [0, 1) must not read
    // outside of the table.
    const auto b = std::min(static_cast<uint64_t>(static_cast<int64_t>(u * buckets)),
                            static_cast<uint64_t>(buckets - 1));
    const F* const edge = edges.value.data();
    int64_t i = first[b];
    // Two steps without a branch, which nothing could predict; the NaN after the last edge holds
    // them back.
    i += edge[i] <= u;
    i += edge[i] <= u;
    return edge[i] <= u ? search(edge, i, int64_t{first[b + 1]}, u) : i;
  }
};

template <typename T, typename F>
void look_up_all(const T* u, int64_t* out, int64_t size, const Edges<F>& edges) {
  const Guide<F> guide(edges);
  tensors::parallel_rows(size, kBytesPerDraw, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = guide.event(rows::widen(u[i]));
  });
}

template <typename T, typename F>
void search_all(const T* u, int64_t* out, int64_t size, const Edges<F>& edges) {
  const F* const edge = edges.value.data();
  tensors::parallel_rows(size, kBytesPerDraw, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = search(edge, 0, edges.number, static_cast<F>(rows::widen(u[i])));
    }
  });
}

// ---- op -----------------------------------------------------------------------------------------

Tensor inverse_cdf(Tensor probs, Tensor u, bool scaled) {
  tensors::check_shape(probs, "probs", 1);
  tensors::check_shape(u, "u", 1);
  const int64_t size = u.size(0);
  STD_TORCH_CHECK(probs.size(0) > 0, "probs must have an event");
  STD_TORCH_CHECK(probs.size(0) < (int64_t{1} << 31), "probs must have less than 2^31 events");
  Tensor out = tensors::fresh(u, ScalarType::Long, {size});
  const Tensor source = tensors::contiguous(u);
  const Tensor shares = tensors::contiguous(probs);
  tensors::with_float_type(source, [&](auto type) {
    using T = decltype(type);
    const Edges<rows::Wide<T>> edges(shares, scaled);
    const T* const from = tensors::data_of<T>(source);
    auto* const to = tensors::writable<int64_t>(out);
    if (edges.number <= kMostCompared) return count_all(from, to, size, edges);
    // A table takes a time in proportion to the events, and saves some of each search.
    if (size < edges.number / 8) return search_all(from, to, size, edges);
    look_up_all(from, to, size, edges);
  });
  return out;
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("inverse_cdf(Tensor probs, Tensor u, bool scaled) -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("inverse_cdf", TORCH_BOX(&inverse_cdf));
}
