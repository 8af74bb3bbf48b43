// What the programs beside this share: numbers to begin with, comparisons, and the functions of
// torch's library that the kernels' headers call. Of torch there are the headers alone.
#pragma once

#include "rows.h"

#include <torch/csrc/stable/c/shim.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

// As on one thread.
extern "C" AOTITorchError torch_parallel_for(
    int64_t begin, int64_t end, int64_t, ParallelFunc run, void* context) {
  run(begin, end, context);
  return 0;
}
extern "C" AOTITorchError torch_get_num_threads(uint32_t* number) {
  *number = 1;
  return 0;
}

namespace plain {

using rows::BFloat16;
using rows::Float16;
using rows::narrow;
using rows::Wide;
using rows::widen;

constexpr int64_t kMostPrinted = 20;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The last place of an element between 1 and 2.
template <typename T>
constexpr double kUnit = std::is_same_v<T, double> ? 0x1p-52
    : std::is_same_v<T, float>                     ? 0x1p-23
    : std::is_same_v<T, Float16>                   ? 0x1p-10
                                                   : 0x1p-7;

template <typename T>
double number(T value) {
  if constexpr (std::is_integral_v<T>) return static_cast<double>(value);
  else return widen(value);
}

template <typename T>
T element(double value) {
  return narrow<T>(static_cast<Wide<T>>(value));
}

inline int64_t compared = 0, off = 0;

inline void expect(bool right, const char* what, int64_t place, double found, double expected) {
  ++compared;
  if (right || ++off > kMostPrinted) return;
  std::printf("%s, place %lld: %.9g instead of %.9g\n", what, static_cast<long long>(place), found,
              expected);
}

// NaN is NaN; anything else is within `most`.
inline void expect_near(double found, double expected, double most, const char* what,
                        int64_t place) {
  const bool same = found == expected || (found != found && expected != expected);
  expect(same || std::abs(found - expected) <= most, what, place, found, expected);
}

// The exit code of a program.
inline int summary() {
  std::printf("%lld compared, %lld off\n", static_cast<long long>(compared),
              static_cast<long long>(off));
  return off == 0 ? 0 : 1;
}

inline uint64_t drawn() {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 11;
}

// Floating-point numbers between -scale and scale, or any integers.
template <typename T>
std::vector<T> drawn(int64_t size, double scale = 1) {
  std::vector<T> values(size);
  for (T& value : values) {
    if constexpr (std::is_integral_v<T>) value = static_cast<T>(drawn());
    else value = element<T>(scale * (static_cast<double>(drawn()) * 0x1p-52 - 1));
  }
  return values;
}

} // namespace plain
