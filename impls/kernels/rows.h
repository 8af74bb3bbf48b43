// Arithmetic on rows of one element type: sum, scale, copy, store. Nothing here knows about tensors.
//
// Half types are summed in float32, the others in their own precision. The loops are plain, so
// that the compiler vectorises them for the machine it runs on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rows {

// Copies a row past the caches; the caller ends with `finish_streaming`. Plain where the addresses
// are not aligned, or the machine has no such stores.
inline void stream_row(void* target, const void* source, size_t bytes) {
#if defined(__AVX512F__)
  if ((reinterpret_cast<uintptr_t>(target) | bytes) % 64 == 0) {
    auto* const to = static_cast<__m512i*>(target);
    const auto* const from = static_cast<const __m512i*>(source);
    for (size_t i = 0; i < bytes / 64; ++i) _mm512_stream_si512(to + i, _mm512_loadu_si512(from + i));
    return;
  }
#endif
#if defined(__SSE2__)
  if ((reinterpret_cast<uintptr_t>(target) | bytes) % 16 == 0) {
    auto* const to = static_cast<__m128i*>(target);
    const auto* const from = static_cast<const __m128i*>(source);
    for (size_t i = 0; i < bytes / 16; ++i) _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
    return;
  }
#endif
  std::memcpy(target, source, bytes);
}

// As stream_row, to any address: whole lines go past the caches, the ends don't.
inline void stream_out(void* target, const void* source, int64_t bytes) {
  constexpr int64_t kLine = 64;
  auto* const to = static_cast<char*>(target);
  const auto* const from = static_cast<const char*>(source);
  const auto ahead = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(to) % kLine);
  const int64_t head = std::min(bytes, ahead), lines = (bytes - head) / kLine * kLine;
  std::memcpy(to, from, head);
  stream_row(to + head, from + head, lines);
  std::memcpy(to + head + lines, from + head + lines, bytes - head - lines);
}

inline void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

struct BFloat16 {
  uint16_t bits;
};

struct Float16 {
  uint16_t bits;
};

template <typename T>
struct WideOf {
  using type = float;
};
template <>
struct WideOf<double> {
  using type = double;
};
template <typename T>
using Wide = typename WideOf<T>::type;

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// The conversions select among values that are always computed: compilers turn that into vector
// code on every machine, which they do not for the half types of their own.
inline float widen(float value) {
  return value;
}
inline double widen(double value) {
  return value;
}
inline float widen(BFloat16 value) {
  return float_of(static_cast<uint32_t>(value.bits) << 16);
}
inline float widen(Float16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits & 0x7fffu) << 13;
  const uint32_t exponent = bits & 0x0f800000u;
  const uint32_t normal = bits + (112u << 23);
  const uint32_t subnormal = bits_of(float_of(bits + (113u << 23)) - float_of(113u << 23));
  uint32_t result = exponent == 0 ? subnormal : normal;
  result = exponent == 0x0f800000u ? bits + (224u << 23) : result; // infinity, NaN
  return float_of(result | static_cast<uint32_t>(value.bits & 0x8000u) << 16);
}

// Both round to nearest even; a NaN must not be rounded up into an infinity.
inline BFloat16 narrow_to(float value, BFloat16) {
  const uint32_t bits = bits_of(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
}
inline Float16 narrow_to(float value, Float16) {
  const uint32_t bits = bits_of(value);
  const uint32_t size = bits & 0x7fffffffu;
  const uint32_t normal = (size - (112u << 23) + 0xfffu + ((size >> 13) & 1u)) >> 13;
  const uint32_t half = 126u << 23; // added to it, a subnormal is rounded to its last place
  const uint32_t subnormal = bits_of(float_of(size) + float_of(half)) - half;
  uint32_t result = size < (113u << 23) ? subnormal : normal;
  result = size >= (143u << 23) ? 0x7c00u : result;
  result = size > 0x7f800000u ? 0x7e00u : result;
  return {static_cast<uint16_t>(result | (bits & 0x80000000u) >> 16)};
}
template <typename T>
inline T narrow(Wide<T> value) {
  if constexpr (std::is_floating_point_v<T>) {
    return value;
  } else {
    return narrow_to(value, T{});
  }
}

// Columns summed at a time: the sums stay in the first-level cache.
constexpr int64_t kTile = 1024;
// Rows summed before a partial sum is set aside, which bounds the rounding error of long segments.
constexpr int64_t kRun = 512;

template <int N, typename T>
inline Wide<T> sum_of(const T* const* row, int64_t i) {
  Wide<T> sum = widen(row[0][i]);
  if constexpr (N > 1) sum += widen(row[1][i]);
  if constexpr (N == 3) sum += widen(row[2][i]);
  if constexpr (N == 4) sum += widen(row[2][i]) + widen(row[3][i]);
  return sum;
}

// total (+)= the sum of N rows.
template <int N, bool kFirst, typename T>
inline void add_rows(Wide<T>* __restrict total, const T* const* row, int64_t width) {
  const T* const local[4] = {row[0], row[N > 1], row[N > 2 ? 2 : 0], row[N > 3 ? 3 : 0]};
  for (int64_t i = 0; i < width; ++i) {
    const Wide<T> sum = sum_of<N>(local, i);
    total[i] = kFirst ? sum : total[i] + sum;
  }
}

// out = the mean of N rows, without a pass over intermediate sums.
template <int N, typename T>
inline void mean_rows(T* __restrict out, const T* const* row, int64_t width, Wide<T> divisor) {
  const T* const local[4] = {row[0], row[N > 1], row[N > 2 ? 2 : 0], row[N > 3 ? 3 : 0]};
  for (int64_t i = 0; i < width; ++i) out[i] = narrow<T>(sum_of<N>(local, i) / divisor);
}

template <typename T>
inline void divide(T* __restrict out, const Wide<T>* total, int64_t width, Wide<T> divisor) {
  for (int64_t i = 0; i < width; ++i) out[i] = narrow<T>(total[i] / divisor);
}

template <typename T>
inline void divide_row(T* __restrict out, const T* row, int64_t width, Wide<T> divisor) {
  for (int64_t i = 0; i < width; ++i) out[i] = narrow<T>(widen(row[i]) / divisor);
}

// total = the sum of rows first .. last - 1 (at least one), `row_at` giving each one's address.
template <typename T, typename RowAt>
void sum_run(Wide<T>* total, const RowAt& row_at, int64_t first, int64_t last, int64_t width) {
  const int64_t head = (last - first - 1) % 4 + 1;
  const T* row[4] = {};
  for (int64_t i = 0; i < head; ++i) row[i] = row_at(first + i);
  switch (head) {
    case 1: add_rows<1, true>(total, row, width); break;
    case 2: add_rows<2, true>(total, row, width); break;
    case 3: add_rows<3, true>(total, row, width); break;
    default: add_rows<4, true>(total, row, width);
  }
  for (int64_t at = first + head; at < last; at += 4) {
    for (int64_t i = 0; i < 4; ++i) row[i] = row_at(at + i);
    add_rows<4, false>(total, row, width);
  }
}

template <typename T, typename RowAt>
void reduce_many(T* out, const RowAt& row_at, int64_t count, int64_t width, Wide<T> divisor) {
  alignas(64) Wide<T> total[kTile];
  sum_run<T>(total, row_at, 0, std::min(count, kRun), width);
  for (int64_t at = kRun; at < count; at += kRun) {
    alignas(64) Wide<T> partial[kTile];
    sum_run<T>(partial, row_at, at, std::min(count, at + kRun), width);
    for (int64_t i = 0; i < width; ++i) total[i] += partial[i];
  }
  divide(out, total, width, divisor);
}

// out = (the sum of `count` >= 1 rows) / divisor, over at most kTile columns.
template <typename T, typename RowAt>
void reduce_rows(T* out, const RowAt& row_at, int64_t count, int64_t width, Wide<T> divisor) {
  if (count > 4) return reduce_many(out, row_at, count, width, divisor);
  const T* row[4] = {};
  for (int64_t i = 0; i < count; ++i) row[i] = row_at(i);
  switch (count) {
    case 1: std::memcpy(out, row[0], width * sizeof(T)); break;
    case 2: mean_rows<2>(out, row, width, divisor); break;
    case 3: mean_rows<3>(out, row, width, divisor); break;
    default: mean_rows<4>(out, row, width, divisor);
  }
}

} // namespace rows
