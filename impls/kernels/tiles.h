// Small matrices transposed: tiles in registers, and what is too narrow for them.
//
// Elements are moved as unsigned integers of their size. A block has `rows` steps that are adjacent
// in the source, and `columns` steps that are adjacent in the target.
#pragma once

#include "rows.h"

#include <utility>

namespace permute {

// A step along an axis in both memories.
struct Step {
  int64_t size = 1;
  int64_t from = 0;
  int64_t to = 0;
};

// Two vectors with their elements taken in turn: the first or the second half of that.
template <bool kSecond, typename V, size_t... I>
inline V in_turn(V a, V b, std::index_sequence<I...>) {
  constexpr size_t n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 * n + I / 2 + (kSecond ? n / 2 : 0))...);
}

// The side of the tiles that are transposed in registers: 32 bytes at most, as wider vectors are
// taken apart slower than they are moved.
template <typename T>
constexpr int kTile = sizeof(T) == 8 ? 4 : 8;

template <typename T, int N>
struct Tile {
  typedef T V __attribute__((vector_size(N * sizeof(T))));
  V row[N];

  // Reads a matrix and transposes it: log2(N) rounds that each interleave the upper half of the
  // rows with the lower.
  Tile(const T* from, int64_t pitch) {
    constexpr auto order = std::make_index_sequence<N>{};
    for (int i = 0; i < N; ++i) std::memcpy(&row[i], from + i * pitch, sizeof(V));
#pragma GCC unroll 8
    for (int round = 1; round < N; round *= 2) {
      V next[N];
      for (int i = 0; i < N / 2; ++i) {
        next[2 * i] = in_turn<false>(row[i], row[i + N / 2], order);
        next[2 * i + 1] = in_turn<true>(row[i], row[i + N / 2], order);
      }
      for (int i = 0; i < N; ++i) row[i] = next[i];
    }
  }
};

// The last tile of each side overlaps the one before it, so that no edge is moved one by one.
template <typename T, int N>
void by_tiles(const T* from, T* to, const Step& rows, const Step& columns) {
  for (int64_t c = 0;; c = std::min(c + N, columns.size - N)) {
    for (int64_t r = 0;; r = std::min(r + N, rows.size - N)) {
      const Tile<T, N> tile(from + c * columns.from + r, columns.from);
      T* const target = to + r * rows.to + c;
      for (int i = 0; i < N; ++i) std::memcpy(target + i * rows.to, &tile.row[i], N * sizeof(T));
      if (r + N >= rows.size) break;
    }
    if (c + N >= columns.size) break;
  }
}

// The same past the caches: one line of columns, which the tiles side by side fill at once.
template <typename T, int N, size_t... I>
void stream_tiles(const T* from, T* to, const Step& rows, const Step& columns,
                  std::index_sequence<I...>) {
  for (int64_t r = 0;; r = std::min(r + N, rows.size - N)) {
    const Tile<T, N> tile[] = {{from + I * N * columns.from + r, columns.from}...};
    for (int i = 0; i < N; ++i) {
      T* const target = to + (r + i) * rows.to;
      (rows::stream_row(target + I * N, &tile[I].row[i], N * sizeof(T)), ...);
    }
    if (r + N >= rows.size) break;
  }
}

// One row of the source dealt out to S rows of the target.
template <typename T, int S>
void deal(const T* __restrict from, T* to, int64_t pitch, int64_t size) {
  T* __restrict row[S];
  for (int q = 0; q < S; ++q) row[q] = to + q * pitch;
  for (int64_t i = 0; i < size; ++i) {
    for (int q = 0; q < S; ++q) row[q][i] = from[i * S + q];
  }
}

// S rows of the source collected into one row of the target.
template <typename T, int S>
void collect(const T* from, T* __restrict to, int64_t pitch, int64_t size) {
  const T* row[S];
  for (int q = 0; q < S; ++q) row[q] = from + q * pitch;
  for (int64_t i = 0; i < size; ++i) {
    for (int q = 0; q < S; ++q) to[i * S + q] = row[q][i];
  }
}

// The same for two rows, without a remainder that is moved one by one.
template <typename T, int N, size_t... I>
void deal_pairs(const T* from, T* to, int64_t pitch, int64_t size, std::index_sequence<I...>) {
  typedef T V __attribute__((vector_size(N * sizeof(T))));
  for (int64_t i = 0;; i = std::min(i + N, size - N)) {
    V a, b;
    std::memcpy(&a, from + 2 * i, sizeof(V));
    std::memcpy(&b, from + 2 * i + N, sizeof(V));
    const V even = __builtin_shufflevector(a, b, (2 * I)...);
    const V odd = __builtin_shufflevector(a, b, (2 * I + 1)...);
    std::memcpy(to + i, &even, sizeof(V));
    std::memcpy(to + pitch + i, &odd, sizeof(V));
    if (i + N >= size) break;
  }
}

template <typename T, int N>
void collect_pairs(const T* from, T* to, int64_t pitch, int64_t size) {
  typedef T V __attribute__((vector_size(N * sizeof(T))));
  constexpr auto order = std::make_index_sequence<N>{};
  for (int64_t i = 0;; i = std::min(i + N, size - N)) {
    V a, b;
    std::memcpy(&a, from + i, sizeof(V));
    std::memcpy(&b, from + pitch + i, sizeof(V));
    const V first = in_turn<false>(a, b, order), second = in_turn<true>(a, b, order);
    std::memcpy(to + 2 * i, &first, sizeof(V));
    std::memcpy(to + 2 * i + N, &second, sizeof(V));
    if (i + N >= size) break;
  }
}

template <typename T>
void one_by_one(const T* from, T* to, const Step& rows, const Step& columns) {
  for (int64_t r = 0; r < rows.size; ++r) {
    for (int64_t c = 0; c < columns.size; ++c) {
      to[r * rows.to + c] = from[r * rows.from + c * columns.from];
    }
  }
}

template <typename T>
void move_block(const T* from, T* to, const Step& rows, const Step& columns) {
  constexpr int N = kTile<T>;
  const int64_t least = std::min(rows.size, columns.size);
  if (rows.from == 1) {
    if (least >= N) return by_tiles<T, N>(from, to, rows, columns);
    if (least >= 4) return by_tiles<T, 4>(from, to, rows, columns);
    if (rows.size == 2 && columns.from == 2 && columns.size >= N) {
      constexpr auto order = std::make_index_sequence<N>{};
      return deal_pairs<T, N>(from, to, rows.to, columns.size, order);
    }
    if (columns.size == 2 && rows.to == 2 && rows.size >= N) {
      return collect_pairs<T, N>(from, to, columns.from, rows.size);
    }
    if (rows.size == 3 && columns.from == 3) return deal<T, 3>(from, to, rows.to, columns.size);
    if (columns.size == 3 && rows.to == 3) return collect<T, 3>(from, to, columns.from, rows.size);
  }
  one_by_one(from, to, rows, columns);
}

} // namespace permute
