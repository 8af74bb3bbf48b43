// As many bytes read, and as many written to a fresh result, as an op moves: the simplest loop.
#include "../impls/kernels/tensors.h"

#include <numeric>

namespace {

using tensors::Tensor;

// What a thread reads, and writes after it, before it goes on to the next.
constexpr int64_t kPieceWords = 512;

// Where piece `index` of `pieces` begins, of so many words.
int64_t start_of(int64_t index, int64_t pieces, int64_t count) {
  return count * index / pieces;
}

// Reads all words of `source`, and writes `count` to a result.
Tensor traffic(Tensor source, int64_t count) {
  tensors::check_shape(source, "source", 1);
  STD_TORCH_CHECK(source.scalar_type() == tensors::ScalarType::Long && source.is_contiguous(),
                  "source must be contiguous int64");
  Tensor result = tensors::fresh(source, {count});
  const int64_t read = source.numel();
  const int64_t pieces = std::max<int64_t>(1, std::max(read, count) / kPieceWords);
  const auto* const from = tensors::data_of<int64_t>(source);
  auto* const to = tensors::writable<int64_t>(result);
  tensors::parallel_rows(pieces, 8 * (read + count) / pieces, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t sum = std::accumulate(from + start_of(piece, pieces, read),
                                          from + start_of(piece + 1, pieces, read), int64_t{0});
      std::fill(to + start_of(piece, pieces, count), to + start_of(piece + 1, pieces, count), sum);
    }
  });
  return result;
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("traffic(Tensor source, int count) -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("traffic", TORCH_BOX(&traffic));
}
