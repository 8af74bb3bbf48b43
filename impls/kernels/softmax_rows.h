// Softmax, its logarithm and their gradients, one row at a time. Nothing here knows about tensors.
//
// A row is read in chunks that stay in the first-level cache: one look for the largest value, one
// for the sum of exponentials relative to the largest so far. `streamed` says that results go past
// the caches: the caller ends with `rows::finish_streaming`.
#pragma once

#include "exponentials.h"
#include "lanes.h"

#include <cmath>
#include <limits>
#include <memory>

namespace softmax_rows {

using lanes::folded_sum;
using lanes::kChunk;
using lanes::kLanes;
using lanes::sum_of;
using lanes::write_row;
using rows::narrow;
using rows::Wide;
using rows::widen;

// What a row's exponentials are relative to. exp(x - shift - log_total) is the softmax. Two
// numbers, since one would lose the digits of a small logarithm beside a large shift.
template <typename W>
struct Level {
  W shift;
  W log_total;
};

// The chunk's values in the type to compute with; the buffer is used where that is another one.
template <typename T>
inline const Wide<T>* widened(const T* from, int64_t size, Wide<T>* __restrict buffer) {
  if constexpr (std::is_same_v<T, Wide<T>>) {
    return from;
  } else {
    for (int64_t i = 0; i < size; ++i) buffer[i] = widen(from[i]);
    return buffer;
  }
}

// The largest value that is not NaN.
template <typename W>
inline W largest(const W* values, int64_t size) {
  alignas(64) W lane[kLanes];
  std::fill_n(lane, kLanes, -std::numeric_limits<W>::infinity());
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      lane[j] = values[i + j] > lane[j] ? values[i + j] : lane[j];
    }
  }
  for (int64_t j = 0; i + j < size; ++j) {
    lane[j] = values[i + j] > lane[j] ? values[i + j] : lane[j];
  }
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) {
      lane[j] = lane[j + half] > lane[j] ? lane[j + half] : lane[j];
    }
  }
  return lane[0];
}

// Asks for a step's elements, which are read much later. They may lie past the end of the memory.
template <typename T>
inline void fetch(const T* from) {
  const auto* const bytes = reinterpret_cast<const char*>(from);
  for (size_t at = 0; at < kLanes * sizeof(T); at += 64) __builtin_prefetch(bytes + at);
}

// The sum of exp(value - shift), each of which is kept in `powers` if asked. The next chunk is
// fetched meanwhile.
template <bool kKept, typename W, typename T>
inline W sum_of_powers(
    const W* values, int64_t size, W shift, W* __restrict powers, const T* next) {
  alignas(64) W lane[kLanes] = {};
  int64_t i = 0;
  const auto add = [&](int64_t j) {
    const W power = exponentials::power(values[i + j] - shift);
    if constexpr (kKept) powers[i + j] = power;
    lane[j] += power;
  };
  for (; i + kLanes <= size; i += kLanes) {
    fetch<T>(next + i);
    for (int64_t j = 0; j < kLanes; ++j) add(j);
  }
  for (int64_t j = 0; i + j < size; ++j) add(j);
  return folded_sum(lane);
}

// The largest value so far, and the sum of exponentials relative to it.
template <typename W>
struct Running {
  W top = -std::numeric_limits<W>::infinity();
  double total = 0;

  // What exponentials are relative to. Beside -inf, -inf would be NaN.
  W shift() const { return top == -std::numeric_limits<W>::infinity() ? W(0) : top; }

  // Raises the top to that of the next values.
  void raise(W high) {
    if (!(high > top)) return;
    total *= std::exp(static_cast<double>(top) - static_cast<double>(high));
    top = high;
  }

  Level<W> level() const { return {shift(), static_cast<W>(std::log(total))}; }
};

// A row with +inf: its sum is infinite, unless it has a NaN too.
template <typename T>
Running<Wide<T>> infinite_sum(const T* row, int64_t size) {
  Running<Wide<T>> sum{std::numeric_limits<Wide<T>>::infinity(), HUGE_VAL};
  for (int64_t i = 0; i < size; ++i) {
    if (widen(row[i]) != widen(row[i])) sum.total = std::numeric_limits<double>::quiet_NaN();
  }
  return sum;
}

// The sum of a row's exponentials. If asked, each is kept in `powers`, relative to the top of its
// chunk, which is kept in `tops`.
template <bool kKept, typename T>
Running<Wide<T>> sum_row(const T* row, int64_t size, Wide<T>* powers, Wide<T>* tops) {
  using W = Wide<T>;
  alignas(64) W buffer[kChunk];
  Running<W> sum;
  for (int64_t at = 0; at < size; at += kChunk) {
    const int64_t count = std::min(kChunk, size - at);
    const W* const values = widened(row + at, count, buffer);
    sum.raise(largest(values, count));
    if (sum.top == std::numeric_limits<W>::infinity()) return infinite_sum(row, size);
    W* const kept = kKept ? powers + at : nullptr;
    sum.total += sum_of_powers<kKept>(values, count, sum.shift(), kept, row + at + kChunk);
    if constexpr (kKept) tops[at / kChunk] = sum.shift();
  }
  return sum;
}

template <typename T>
Level<Wide<T>> level_of(const T* row, int64_t size) {
  return sum_row<false, T>(row, size, nullptr, nullptr).level();
}

// Room for the exponentials of a row and the tops of its chunks; a thread uses it row after row.
template <typename W>
struct Scratch {
  explicit Scratch(int64_t size) : powers(new W[size]), tops(new W[size / kChunk + 1]) {}
  std::unique_ptr<W[]> powers;
  std::unique_ptr<W[]> tops;
};

template <typename T>
void softmax(T* out, const T* row, int64_t size, const Scratch<Wide<T>>& scratch, bool streamed) {
  using W = Wide<T>;
  const W *const powers = scratch.powers.get(), *const tops = scratch.tops.get();
  const Running<W> sum = sum_row<true>(row, size, scratch.powers.get(), scratch.tops.get());
  if (!std::isfinite(sum.total) || sum.total == 0) {
    std::fill_n(out, size, narrow<T>(std::numeric_limits<W>::quiet_NaN()));
    return;
  }
  for (int64_t at = 0; at < size; at += kChunk) {
    const W change = exponentials::power(tops[at / kChunk] - sum.shift());
    const W scale = static_cast<W>(change / sum.total);
    const W* const from = powers + at;
    write_row(out + at, std::min(kChunk, size - at), streamed,
              [=](int64_t i) { return narrow<T>(from[i] * scale); });
  }
}

template <typename T>
void logsoftmax(T* out, const T* row, int64_t size, Level<Wide<T>> level, bool streamed) {
  write_row(out, size, streamed,
            [=](int64_t i) { return narrow<T>(widen(row[i]) - level.shift - level.log_total); });
}

// The softmax at one value of a row.
template <typename W>
inline W share_of(W value, Level<W> level) {
  return exponentials::power(value - level.shift - level.log_total);
}

// out = scale * softmax. Not streamed: the exponentials take longer than the stores.
template <typename T>
void scaled_shares(
    T* __restrict out, const T* row, int64_t size, Level<Wide<T>> level, Wide<T> scale) {
  for (int64_t i = 0; i < size; ++i) {
    out[i] = narrow<T>(scale * share_of(widen(row[i]), level));
  }
}

template <typename T>
void softmax_backward(T* out, const T* grad, const T* share, int64_t size, bool streamed) {
  using W = Wide<T>;
  const W mean = sum_of<W>(size, [=](int64_t i) { return widen(grad[i]) * widen(share[i]); });
  write_row(out, size, streamed,
            [=](int64_t i) { return narrow<T>(widen(share[i]) * (widen(grad[i]) - mean)); });
}

template <typename T>
void logsoftmax_backward(
    T* out, const T* grad, const T* row, int64_t size, Level<Wide<T>> level, bool streamed) {
  using W = Wide<T>;
  const W total = sum_of<W>(size, [=](int64_t i) { return widen(grad[i]); });
  write_row(out, size, streamed, [=](int64_t i) {
    return narrow<T>(widen(grad[i]) - total * share_of(widen(row[i]), level));
  });
}

} // namespace softmax_rows
