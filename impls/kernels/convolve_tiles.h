// Small blocks of matrix products that stay in the machine's registers.
#pragma once

#include "simd.h"

#include <algorithm>
#include <type_traits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tiles {

#if defined(__AVX512F__)
constexpr int kRows = 8; // 24 of 32 registers hold sums
#else
constexpr int kRows = 4; // 12 of 16
#endif
constexpr int kVectors = 3;
// One row alone takes more vectors, so that additions need not wait for each other.
constexpr int kVectorsOfOne = 8;

using simd::kLanes;
using simd::kVectorBytes;
using simd::load;
using simd::store;
using simd::Vector;
template <typename W>
constexpr int64_t kMostColumns = kVectorsOfOne * kLanes<W>;

// As memcpy, of which a call would take longer than most runs do.
template <typename T>
inline void copy_run(const T* from, int64_t count, T* to) {
  if (count < kLanes<T>) {
    std::copy_n(from, count, to);
    return;
  }
  for (int64_t i = 0; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, load(from + i));
  store(to + count - kLanes<T>, load(from + count - kLanes<T>));
}

// The first `count` lanes, the others zero.
template <typename W>
inline Vector<W> load_part(const W* from, int64_t count) {
#if defined(__AVX512F__)
  const auto mask = static_cast<uint16_t>((1u << count) - 1);
  if constexpr (std::is_same_v<W, float>) return (Vector<W>)_mm512_maskz_loadu_ps(mask, from);
  if constexpr (std::is_same_v<W, double>) return (Vector<W>)_mm512_maskz_loadu_pd(mask, from);
#endif
  W part[kLanes<W>] = {};
  std::copy_n(from, count, part);
  return load(part);
}

// Factors of a product: row r of the left one at left + r * row, row k of the right one, of which
// some columns are computed, at right + offsets[k].
template <typename W>
struct Factors {
  const W* left;
  int64_t row;
  const W* right;
  const int64_t* offsets;
  int64_t depth;
};

// Where the sums of a product go: row r to out + r * step, added to what is there or to start[r].
template <typename W>
struct Sums {
  W* out;
  int64_t step;
  const W* start; // or null: add
};

// The sum over k of left[r, k] * right[k, p], of R rows and V vectors of columns. The loops over
// them are unrolled, so that all sums stay in registers.
template <int R, int V, typename W>
void multiply(const Factors<W>& given, const Sums<W>& to) {
  const auto [left, row, right, offsets, depth] = given;
  Vector<W> sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v] = Vector<W>{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    const W* const from = right + offsets[k];
    Vector<W> column[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) column[v] = load(from + v * kLanes<W>);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] += left[r * row + k] * column[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      W* const place = to.out + r * to.step + v * kLanes<W>;
      store(place, to.start == nullptr ? load(place) + sum[r][v] : to.start[r] + sum[r][v]);
    }
  }
}

// The same with the number of rows, of kRows at most, known only now.
template <int R = kRows, typename W>
void multiply_rows(int64_t count, const Factors<W>& given, const Sums<W>& to) {
  if constexpr (R > 1) {
    if (count < R) return multiply_rows<R - 1>(count, given, to);
  }
  multiply<R, kVectors>(given, to);
}

// Sums of products along adjacent elements: R rows with kDotColumns others.
constexpr int kDotRows = 4;
constexpr int kDotColumns = kVectorBytes == 64 ? 6 : 2;

template <int R, typename W>
struct Dots {
  Vector<W> sum[R][kDotColumns] = {};

  // The others are filled up with zeros to whole vectors.
  void add(const W* const* a, const W* const* b, int64_t size) {
    Vector<W> part[R][kDotColumns];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < kDotColumns; ++c) part[r][c] = Vector<W>{};
    }
    for (int64_t i = 0; i < size; i += kLanes<W>) {
      const int64_t rest = size - i;
      Vector<W> column[kDotColumns];
#pragma GCC unroll 8
      for (int c = 0; c < kDotColumns; ++c) column[c] = load(b[c] + i);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vector<W> row = rest < kLanes<W> ? load_part(a[r] + i, rest) : load(a[r] + i);
#pragma GCC unroll 8
        for (int c = 0; c < kDotColumns; ++c) part[r][c] += row * column[c];
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < kDotColumns; ++c) sum[r][c] += part[r][c];
    }
  }

  W total(int r, int c) const {
    double whole = 0;
    for (int64_t lane = 0; lane < kLanes<W>; ++lane) whole += sum[r][c][lane];
    return static_cast<W>(whole);
  }
};

} // namespace tiles
