// One row summed or written, chunk by chunk. Sums are kept in several places at once: the loops
// become vector code, and the rounding error of a long row stays small.
#pragma once

#include "rows.h"

namespace lanes {

// What is summed in the elements' precision: a row's chunk that stays in the first-level cache.
constexpr int64_t kChunk = 2048;
// Sums and maxima are kept in this many places at once, four vectors of 64 bytes in float32.
constexpr int64_t kLanes = 64;

template <typename W>
inline W folded_sum(W* lane) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) lane[j] += lane[j + half];
  }
  return lane[0];
}

// The sum over i of at(i), chunk by chunk in float64.
template <typename W, typename At>
inline W sum_of(int64_t size, const At& at) {
  double total = 0;
  for (int64_t start = 0; start < size; start += kChunk) {
    const int64_t end = std::min(size, start + kChunk);
    alignas(64) W lane[kLanes] = {};
    int64_t i = start;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) lane[j] += at(i + j);
    }
    for (int64_t j = 0; i + j < end; ++j) lane[j] += at(i + j);
    total += folded_sum(lane);
  }
  return static_cast<W>(total);
}

// out[i] = at(i), past the caches if `streamed`: the caller ends with `rows::finish_streaming`.
template <typename T, typename At>
inline void write_row(T* __restrict out, int64_t size, bool streamed, const At& at) {
  if (!streamed) {
    for (int64_t i = 0; i < size; ++i) out[i] = at(i);
    return;
  }
  alignas(64) T buffer[kChunk];
  for (int64_t start = 0; start < size; start += kChunk) {
    const int64_t count = std::min(kChunk, size - start);
    for (int64_t i = 0; i < count; ++i) buffer[i] = at(start + i);
    rows::stream_out(out + start, buffer, count * sizeof(T));
  }
}

} // namespace lanes
