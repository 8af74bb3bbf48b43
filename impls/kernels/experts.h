// Weighted sums of rows and their gradients. Nothing here knows about tensors.
#pragma once

#include "rows.h"

namespace experts {

using rows::kTile;
using rows::narrow;
using rows::Wide;
using rows::widen;

// out = [total +] the weighted sum of N rows; kept wide in `total` unless it is the last.
template <int N, bool kFirst, bool kLast, typename T>
void add_weighted(T* __restrict out, Wide<T>* __restrict total, const T* const* row,
                  const Wide<T>* weight, int64_t width) {
  const T* const source[4] = {row[0], row[N > 1], row[N > 2 ? 2 : 0], row[N > 3 ? 3 : 0]};
  const Wide<T> factor[4] = {weight[0], weight[N > 1], weight[N > 2 ? 2 : 0],
                             weight[N > 3 ? 3 : 0]};
  for (int64_t i = 0; i < width; ++i) {
    Wide<T> sum = factor[0] * widen(source[0][i]);
    if constexpr (N > 1) sum += factor[1] * widen(source[1][i]);
    if constexpr (N > 2) sum += factor[2] * widen(source[2][i]);
    if constexpr (N > 3) sum += factor[3] * widen(source[3][i]);
    if constexpr (!kFirst) sum += total[i];
    if constexpr (kLast) {
      out[i] = narrow<T>(sum);
    } else {
      total[i] = sum;
    }
  }
}

template <bool kFirst, typename T>
void add_last(T* out, Wide<T>* total, const T* const* row, const Wide<T>* weight, int64_t count,
              int64_t width) {
  switch (count) {
    case 1: return add_weighted<1, kFirst, true>(out, total, row, weight, width);
    case 2: return add_weighted<2, kFirst, true>(out, total, row, weight, width);
    case 3: return add_weighted<3, kFirst, true>(out, total, row, weight, width);
    default: return add_weighted<4, kFirst, true>(out, total, row, weight, width);
  }
}

// out = the weighted sum of `count` rows; zeros without one. `row` is left at the rows' ends.
template <typename T>
void weighted_sum(T* out, const T** row, const Wide<T>* weight, int64_t count, int64_t width) {
  if (count == 0) {
    std::memset(static_cast<void*>(out), 0, width * sizeof(T));
    return;
  }
  if (count <= 4) return add_last<true, T>(out, nullptr, row, weight, count, width);
  alignas(64) Wide<T> total[kTile];
  for (int64_t at = 0; at < width; at += kTile) {
    const int64_t piece = std::min(kTile, width - at);
    add_weighted<4, true, false>(out, total, row, weight, piece);
    int64_t done = 4;
    for (; count - done > 4; done += 4) {
      add_weighted<4, false, false>(out, total, row + done, weight + done, piece);
    }
    add_last<false>(out + at, total, row + done, weight + done, count - done, piece);
    for (int64_t i = 0; i < count; ++i) row[i] += piece;
  }
}

// out = factor * grad; returns the product of grad and row, in sums that don't wait for each other.
template <typename T>
Wide<T> scale_and_dot(
    T* __restrict out, const T* grad, const T* row, Wide<T> factor, int64_t width) {
  constexpr int64_t kLanes = 256 / sizeof(Wide<T>);
  alignas(64) Wide<T> sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const Wide<T> gradient = widen(grad[i + lane]);
      sums[lane] += gradient * widen(row[i + lane]);
      out[i + lane] = narrow<T>(factor * gradient);
    }
  }
  Wide<T> rest = 0;
  for (; i < width; ++i) {
    const Wide<T> gradient = widen(grad[i]);
    rest += gradient * widen(row[i]);
    out[i] = narrow<T>(factor * gradient);
  }
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0] + rest;
}

} // namespace experts
