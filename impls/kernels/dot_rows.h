// The dot product of two rows of one element type, integers among them.
#pragma once

#include "lanes.h"

namespace dot_rows {

// The type that products are made and summed in: unsigned, since integers may wrap around, and of
// 32 bits at least, since smaller ones would be promoted to int.
template <typename T>
using Whole = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;
template <typename T>
using Sum = typename std::conditional_t<
    std::is_integral_v<T>, std::type_identity<Whole<T>>, rows::WideOf<T>>::type;

template <typename T>
inline Sum<T> as_sum(T value) {
  if constexpr (std::is_integral_v<T>) return value;
  else return rows::widen(value);
}

template <typename T>
T dot(const T* a, const T* b, int64_t size) {
  using S = Sum<T>;
  if constexpr (std::is_integral_v<T>) {
    S total = 0;
    for (int64_t i = 0; i < size; ++i) total += as_sum(a[i]) * as_sum(b[i]);
    return static_cast<T>(total);
  } else {
    return rows::narrow<T>(
        lanes::sum_of<S>(size, [=](int64_t i) { return as_sum(a[i]) * as_sum(b[i]); }));
  }
}

} // namespace dot_rows
