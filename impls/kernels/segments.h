// Which rows belong to which slot, and the two ways to move data between them: reduce and expand.
//
// Forward and backward of every pooling op are one of the two. Work is handed to the threads in
// units of about the same number of bytes, so that one batch, or one giant segment, keeps all of
// them busy.
#pragma once

#include "tensors.h"

#include <atomic>
#include <memory>

namespace segments {

using rows::Wide;
using tensors::kSerialBytes;

// Row r of batch b starts at data + b * batch + r * row; its elements are adjacent.
template <typename T>
struct View {
  T* data;
  int64_t batch;
  int64_t row;
  T* at(int64_t b, int64_t r) const {
    return data + b * batch + r * row;
  }
};

// Slot p of batch b owns the rows first(b)[p] .. first(b)[p + 1] - 1: of the batch itself, or of
// `order` where the rows of a slot are not adjacent.
struct Segments {
  int64_t batches;
  int64_t rows;
  int64_t slots;
  std::unique_ptr<int64_t[]> firsts;
  std::unique_ptr<int64_t[]> order;

  Segments(int64_t batches, int64_t rows, int64_t slots)
      : batches(batches), rows(rows), slots(slots), firsts(new int64_t[batches * (slots + 1)]) {}
  int64_t* first(int64_t b) const {
    return firsts.get() + b * (slots + 1);
  }
  int64_t longest() const {
    int64_t result = 0;
    for (int64_t b = 0; b < batches; ++b) {
      for (int64_t p = 0; p < slots; ++p) {
        result = std::max(result, first(b)[p + 1] - first(b)[p]);
      }
    }
    return result;
  }
};

// Rows that are written past the caches: less than this a third cache of 32 MiB takes faster than
// memory does, and what is read next is there.
constexpr int64_t kLeastStreamedBytes = 16 << 20;

// Large, so that threads seldom write to the same huge page: two that touch a fresh one at the same
// time both clear it, and one of them for nothing.
constexpr int64_t kMostUnitBytes = 64 * 1024 * 1024;
constexpr int64_t kLeastUnitBytes = 16 * 1024;
// Of each batch one row, where they are written side by side.
constexpr int64_t kMostHeldBytes = 256 * 1024;

// Calls run(unit) once for every unit. Threads take the next unit when they are done with one,
// since units differ in cost: a segment is never cut.
template <typename Run>
void for_each_unit(int64_t units, bool serial, const Run& run) {
  std::atomic<int64_t> next{0};
  const auto drain = [&](int64_t, int64_t) {
    for (int64_t unit; (unit = next.fetch_add(1, std::memory_order_relaxed)) < units;) run(unit);
  };
  const int64_t threads = serial ? 1 : std::min<int64_t>(torch::stable::get_num_threads(), units);
  if (threads <= 1) return drain(0, 1);
  torch::stable::parallel_for(0, threads, 1, drain);
}

// Cuts (batch, position) into units, in the order in which memory is laid out: large ones, since
// long runs read faster, yet several for each thread, since threads are not equally fast. Where
// batches alternate from row to row, a unit is a run of positions with all batches.
struct Grid {
  int64_t batches;
  int64_t step;
  int64_t blocks;
  bool all_batches;

  Grid(int64_t batches, int64_t positions, int64_t row_bytes, bool alternating) : batches(batches) {
    const int64_t threads = torch::stable::get_num_threads();
    all_batches = alternating && positions >= 8 * threads;
    const int64_t share = batches * positions * row_bytes / (8 * threads);
    const int64_t unit = std::clamp(share, kLeastUnitBytes, kMostUnitBytes);
    step = std::max<int64_t>(1, unit / (row_bytes * (all_batches ? batches : 1)));
    blocks = (positions + step - 1) / step;
  }
  int64_t units() const {
    return all_batches ? blocks : batches * blocks;
  }
  // Calls run(batch, begin) for every part of a unit; each is `step` positions long.
  template <typename Run>
  void parts(int64_t unit, const Run& run) const {
    if (!all_batches) return run(unit / blocks, unit % blocks * step);
    for (int64_t b = 0; b < batches; ++b) run(b, unit * step);
  }
};

template <typename T>
struct Reduce {
  View<const T> source;
  View<T> target;
  const Segments& plan;
  T fill;
  bool mean;

  void slot(int64_t b, int64_t p, int64_t column, int64_t width) const {
    const int64_t first = plan.first(b)[p];
    const int64_t count = plan.first(b)[p + 1] - first;
    T* const out = target.at(b, p) + column;
    if (count == 0) {
      std::fill_n(out, width, fill);
      return;
    }
    const T* const base = source.at(b, 0) + column;
    const auto divisor = static_cast<Wide<T>>(mean ? count : 1);
    if (plan.order) {
      const int64_t* const order = plan.order.get() + b * plan.rows + first;
      const auto row_at = [=, this](int64_t i) { return base + order[i] * source.row; };
      rows::reduce_rows(out, row_at, count, width, divisor);
    } else {
      const T* const start = base + first * source.row;
      const auto row_at = [=, this](int64_t i) { return start + i * source.row; };
      rows::reduce_rows(out, row_at, count, width, divisor);
    }
  }

  // A slot costs its rows and its own result; first[p] + p places it on that scale.
  void part(int64_t b, int64_t begin, int64_t end, int64_t column, int64_t columns) const {
    const int64_t* const first = plan.first(b);
    int64_t p = 0;
    for (int64_t step = plan.slots; step > 0;) {
      const int64_t half = step / 2;
      const bool before = first[p + half] + p + half < begin;
      p = before ? p + half + 1 : p;
      step = before ? step - half - 1 : half;
    }
    for (; p < plan.slots && first[p] + p < end; ++p) {
      for (int64_t at = 0; at < columns; at += rows::kTile) {
        slot(b, p, column + at, std::min(rows::kTile, columns - at));
      }
    }
  }
};

// How many ways to cut the columns: more than one only where a segment is too long to be one of
// many pieces of work, and the pieces stay at least four cache lines wide.
inline int64_t column_cuts(const Segments& plan, int64_t row_bytes) {
  const int64_t threads = torch::stable::get_num_threads();
  if (threads == 1 || plan.longest() * threads * 8 < plan.batches * plan.rows) return 1;
  return std::max<int64_t>(1, std::min(threads, row_bytes / 256));
}

// target[b, p] = sum or mean of the source rows of slot p; `fill` where it has none.
template <typename T>
void reduce(
    View<const T> source, View<T> target, const Segments& plan, int64_t width, T fill, bool mean) {
  if (width == 0 || plan.batches == 0) return;
  const int64_t row_bytes = width * sizeof(T);
  const int64_t positions = plan.rows + plan.slots;
  const bool serial = plan.batches * positions * row_bytes < kSerialBytes;
  const Reduce<T> work{source, target, plan, fill, mean};
  const int64_t wanted = serial ? 1 : column_cuts(plan, row_bytes);
  const int64_t piece = (width + wanted * 64 - 1) / (wanted * 64) * 64; // whole cache lines
  const int64_t cuts = (width + piece - 1) / piece;
  const Grid grid(plan.batches, positions, piece * sizeof(T), source.batch < source.row);
  for_each_unit(grid.units() * cuts, serial, [&](int64_t unit) {
    const int64_t column = unit % cuts * piece;
    const int64_t columns = std::min(piece, width - column);
    grid.parts(unit / cuts, [&](int64_t b, int64_t begin) {
      work.part(b, begin, begin + grid.step, column, columns);
    });
  });
}

// The slot of every row, -1 for rows that no slot owns.
inline std::unique_ptr<int64_t[]> slot_of_rows(const Segments& plan) {
  std::unique_ptr<int64_t[]> slots(new int64_t[plan.batches * plan.rows]);
  std::fill_n(slots.get(), plan.batches * plan.rows, -1);
  for (int64_t b = 0; b < plan.batches; ++b) {
    int64_t* const slot = slots.get() + b * plan.rows;
    const int64_t* const order = plan.order ? plan.order.get() + b * plan.rows : nullptr;
    for (int64_t p = 0; p < plan.slots; ++p) {
      for (int64_t i = plan.first(b)[p]; i < plan.first(b)[p + 1]; ++i) {
        slot[order ? order[i] : i] = p;
      }
    }
  }
  return slots;
}

template <typename T>
struct Expand {
  View<const T> source;
  View<T> target;
  const Segments& plan;
  const int64_t* slots;
  int64_t width;
  bool mean;
  bool streamed;

  // The row of one batch that is written next.
  struct Held {
    int64_t slot = -2; // that `row` is for: neighbours mostly share one
    const T* row = nullptr;
  };

  // Rows begin .. end - 1 of batches first .. last - 1, in the order in which the target has them
  // where these alternate.
  void part(int64_t first, int64_t last, int64_t begin, int64_t end) const {
    const size_t bytes = width * sizeof(T);
    const std::unique_ptr<T[]> buffers(new T[(last - first) * width]);
    const std::unique_ptr<Held[]> held(new Held[last - first]);
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t b = first; b < last; ++b) {
        Held& own = held[b - first];
        const int64_t p = slots[b * plan.rows + r];
        if (p != own.slot) own = {p, value(b, p, buffers.get() + (b - first) * width)};
        if (streamed) {
          rows::stream_row(target.at(b, r), own.row, bytes);
        } else {
          std::memcpy(target.at(b, r), own.row, bytes);
        }
      }
    }
    if (streamed) rows::finish_streaming();
  }

  const T* value(int64_t b, int64_t p, T* buffer) const {
    if (p < 0) {
      std::memset(static_cast<void*>(buffer), 0, width * sizeof(T));
      return buffer;
    }
    const int64_t count = mean ? plan.first(b)[p + 1] - plan.first(b)[p] : 1;
    if (count == 1) return source.at(b, p);
    rows::divide_row(buffer, source.at(b, p), width, static_cast<Wide<T>>(count));
    return buffer;
  }
};

// target[b, r] = the source row of r's slot, over the slot's size where `mean`; zeros without one.
template <typename T>
void expand(View<const T> source, View<T> target, const Segments& plan, int64_t width, bool mean) {
  const int64_t row_bytes = width * sizeof(T);
  const int64_t bytes = plan.batches * plan.rows * row_bytes;
  if (bytes == 0) return;
  const auto slots = slot_of_rows(plan);
  const bool streamed = bytes >= kLeastStreamedBytes && tensors::is_streamed(bytes);
  const Expand<T> work{source, target, plan, slots.get(), width, mean, streamed};
  const Grid grid(plan.batches, plan.rows, row_bytes, target.batch < target.row);
  // Buffers of all batches stay in a core's caches, or else batches go one by one.
  const bool together = grid.all_batches && plan.batches * row_bytes <= kMostHeldBytes;
  for_each_unit(grid.units(), bytes < kSerialBytes, [&](int64_t unit) {
    if (together) {
      const int64_t begin = unit * grid.step;
      return work.part(0, plan.batches, begin, std::min(plan.rows, begin + grid.step));
    }
    grid.parts(unit, [&](int64_t b, int64_t begin) {
      work.part(b, b + 1, begin, std::min(plan.rows, begin + grid.step));
    });
  });
}

} // namespace segments
