// A strided source copied to a contiguous target, past the caches where it is large.
//
// Nothing here knows about tensors.
#pragma once

#include "tensors.h"
#include "tiles.h"

#include <array>
#include <initializer_list>

namespace permute {

// An axis of the result: its size, and how far apart its elements are in the source.
struct Axis {
  int64_t size;
  int64_t from;
};

constexpr int kMostAxes = 6;
// Elements of a row that are copied at a time.
constexpr int64_t kLongRow = 4096;
constexpr int64_t kLine = 64;
// What a block may fill of the first-level cache, where it waits for being written in whole lines.
constexpr int64_t kStageBytes = 16 * 1024;
// Rows of the source are read in runs of this many elements: shorter ones are not prefetched.
constexpr int64_t kLongRun = 256;
// How far ahead, at least, short runs are asked for.
constexpr int64_t kAhead = 1024;

// Fresh pages too: lines are written far apart, so that what of them is in cache is soon evicted.
inline bool is_streamed(int64_t bytes) {
  return tensors::kLeastStreamedBytes <= bytes;
}

// What is left of the axes once those of size 1 are gone and neighbours are merged, in the order
// of the target; two at least.
struct Steps {
  std::array<Step, kMostAxes + 2> step;
  int count = 0;
  int64_t elements = 1;
};

inline Steps steps_of(std::initializer_list<Axis> axes) {
  Steps out;
  for (const Axis& axis : axes) {
    out.elements *= axis.size;
    if (axis.size == 1) continue;
    Step* const last = out.count > 0 ? &out.step[out.count - 1] : nullptr;
    if (last != nullptr && last->from == axis.size * axis.from) {
      last->size *= axis.size;
      last->from = axis.from;
    } else {
      out.step[out.count++] = {axis.size, axis.from, 0};
    }
  }
  for (; out.count < 2; ++out.count) {
    out.step[1] = out.step[0]; // a matrix has two sides, if only of one step
    out.step[0] = {1, 0, 0};
  }
  int64_t to = 1;
  for (int i = out.count; i-- > 0;) {
    out.step[i].to = to;
    to *= out.step[i].size;
  }
  return out;
}

// ---- walks --------------------------------------------------------------------------------------

// Goes through the outer steps of a copy, the last one fastest.
template <typename T>
struct Walk {
  const Step* step;
  int count;
  const T* from;
  T* to;
  std::array<int64_t, kMostAxes + 2> at = {};

  void jump(int64_t place) {
    for (int i = count; i-- > 0;) {
      at[i] = place % step[i].size;
      place /= step[i].size;
      from += at[i] * step[i].from;
      to += at[i] * step[i].to;
    }
  }

  void next() {
    for (int i = count; i-- > 0;) {
      from += step[i].from;
      to += step[i].to;
      if (++at[i] < step[i].size) return;
      from -= at[i] * step[i].from;
      to -= at[i] * step[i].to;
      at[i] = 0;
    }
  }
};

// The steps of the pieces that a side is cut into; `side` becomes one piece. The last is shorter.
inline Step cut(Step& side, int64_t most) {
  const int64_t pieces = (side.size + most - 1) / most;
  side.size = std::min(most, ((side.size + pieces - 1) / pieces + 15) / 16 * 16);
  return {pieces, side.size * side.from, side.size * side.to};
}

// Size of the piece that a walk has come to.
inline int64_t piece_at(int64_t place, const Step& piece, const Step& side) {
  return std::min(piece.size, side.size - place * piece.size);
}

template <typename T>
void copy_row(T* __restrict to, const T* __restrict from, int64_t size, bool streamed) {
  const size_t bytes = size * sizeof(T);
  if (streamed) return rows::stream_row(to, from, bytes);
  // Of constant sizes the compiler makes a few moves instead of a call.
  if (bytes == 128) {
    std::memcpy(to, from, 128);
  } else if (bytes == 256) {
    std::memcpy(to, from, 256);
  } else {
    std::memcpy(to, from, bytes);
  }
}

// Rows that are adjacent in both memories.
template <typename T>
void copy_rows(const T* from, T* to, const Steps& all) {
  const Step row = all.step[all.count - 1];
  Step piece = row;
  Steps outer = all;
  outer.step[all.count - 1] = cut(piece, kLongRow);
  const bool streamed = is_streamed(all.elements * sizeof(T));
  // Few rows that go on in the source, rather than many far apart: as many runs in the target. Not
  // where these stay in cache, whose sets they would share: benchmarks/floors.py shows it.
  for (int i = all.count - 2; streamed && i > 0 && all.step[i - 1].from == row.size &&
       all.step[i - 1].size < all.step[i].size; i = 0) {
    std::swap(outer.step[i - 1], outer.step[i]);
  }
  const int64_t pieces = outer.step[all.count - 1].size;
  const int64_t bytes = 2 * sizeof(T) * piece.size;
  tensors::parallel_rows(all.elements / row.size * pieces, bytes, [&](int64_t begin, int64_t end) {
    Walk<T> walk{outer.step.data(), outer.count, from, to};
    walk.jump(begin);
    for (int64_t i = begin; i < end; ++i, walk.next()) {
      copy_row(walk.to, walk.from, piece_at(walk.at[outer.count - 1], piece, row), streamed);
    }
    if (streamed) rows::finish_streaming();
  });
}

// ---- matrices -----------------------------------------------------------------------------------
// The steps before `rows` lead to matrices that lie one after the other in the target. A matrix has
// rows of `rows.to` elements: the steps after `rows`, the last of which are its columns.

struct Matrices {
  Steps outer, middle;
  int64_t number = 1;
  Step rows, columns;

  Matrices(const Steps& all, int adjacent) : rows(all.step[adjacent]) {
    columns = all.step[all.count - 1];
    for (int i = 0; i < adjacent; ++i) add(outer, all.step[i]);
    number = outer.elements;
    for (int i = adjacent + 1; i < all.count - 1; ++i) add(middle, all.step[i]);
  }
  static void add(Steps& steps, const Step& step) {
    steps.step[steps.count++] = step;
    steps.elements *= step.size;
  }
};

// Matrices, or runs of their rows, that fit the stage: each run of them is one run in the target.
template <typename T>
void copy_runs(const T* from, T* to, const Matrices& all, int64_t most_rows) {
  const Step rows = all.rows;
  Step piece = rows;
  Steps outer = all.outer;
  Matrices::add(outer, cut(piece, most_rows));
  const int64_t most = piece.size * rows.to;
  const auto most_bytes = static_cast<int64_t>(most * sizeof(T));
  const int64_t distance = std::max(most_bytes, kAhead);
  tensors::parallel_rows(outer.elements, 2 * most_bytes, [&](int64_t begin, int64_t end) {
    alignas(kLine) T stage[kStageBytes / sizeof(T)];
    int64_t staged = 0;
    T* target = nullptr;
    Walk<T> walk{outer.step.data(), outer.count, from, to};
    walk.jump(begin);
    for (int64_t i = begin; i < end; ++i, walk.next()) {
      if (staged == 0) target = walk.to;
      const Step part{piece_at(walk.at[outer.count - 1], piece, rows), rows.from, rows.to};
      // Short rows are not fetched ahead by themselves. A prefetch of what isn't there does no harm.
      const auto* const ahead = reinterpret_cast<const char*>(walk.from) + distance;
      for (int64_t b = 0; b < most_bytes; b += kLine) __builtin_prefetch(ahead + b);
      if (all.middle.count == 0) {
        move_block(walk.from, stage + staged, part, all.columns);
      } else {
        Walk<T> inner{all.middle.step.data(), all.middle.count, walk.from, stage + staged};
        for (int64_t k = 0; k < all.middle.elements; ++k, inner.next()) {
          move_block(inner.from, inner.to, part, all.columns);
        }
      }
      staged += part.size * rows.to;
      if (i + 1 < end && (staged + most) * sizeof(T) <= kStageBytes) continue;
      rows::stream_out(target, stage, staged * sizeof(T));
      staged = 0;
    }
    rows::finish_streaming();
  });
}

// Blocks of `most_rows` by `most_columns`, each row of them a run of its own in the target: staged
// and streamed, or else stored where they belong.
enum class Way { kStored, kStaged, kPast };

template <Way kWay, typename T>
void copy_blocks(const T* from, T* to, const Matrices& all, int64_t most_rows,
                 int64_t most_columns) {
  const Step rows = all.rows, columns = all.columns;
  Step row_piece = rows, column_piece = columns;
  Steps outer = all.outer;
  const Step column_pieces = cut(column_piece, most_columns);
  const Step row_pieces = cut(row_piece, most_rows);
  for (int i = 0; i < all.middle.count; ++i) Matrices::add(outer, all.middle.step[i]);
  Matrices::add(outer, column_pieces);
  Matrices::add(outer, row_pieces);
  const int64_t bytes = 2 * sizeof(T) * row_piece.size * column_piece.size;
  tensors::parallel_rows(outer.elements, bytes, [&](int64_t begin, int64_t end) {
    alignas(kLine) T stage[kWay == Way::kStaged ? kStageBytes / sizeof(T) : 1];
    Walk<T> walk{outer.step.data(), outer.count, from, to};
    walk.jump(begin);
    for (int64_t i = begin; i < end; ++i, walk.next()) {
      Step r = rows, c = columns;
      r.size = piece_at(walk.at[outer.count - 1], row_piece, rows);
      c.size = piece_at(walk.at[outer.count - 2], column_piece, columns);
      if constexpr (kWay == Way::kPast) {
        // A last piece that is less than a tile overlaps the one before it.
        const int64_t missing = std::max<int64_t>(0, kTile<T> - r.size);
        r.size += missing;
        constexpr auto tiles = std::make_index_sequence<kLine / sizeof(T) / kTile<T>>{};
        stream_tiles<T, kTile<T>>(walk.from - missing, walk.to - missing * rows.to, r, c, tiles);
        continue;
      } else if constexpr (kWay == Way::kStored) {
        move_block(walk.from, walk.to, r, c);
        continue;
      }
      r.to = column_piece.size;
      move_block(walk.from, stage, r, c);
      for (int64_t k = 0; k < r.size; ++k) {
        rows::stream_out(walk.to + k * rows.to, stage + k * r.to, c.size * sizeof(T));
      }
    }
    if (kWay != Way::kStored) rows::finish_streaming();
  });
}

template <typename T>
void copy_matrices(const T* from, T* to, const Matrices& all, bool streamed) {
  constexpr int64_t kStage = kStageBytes / sizeof(T), kInLine = kLine / sizeof(T);
  const int64_t size = all.rows.size;
  if (!streamed) return copy_blocks<Way::kStored>(from, to, all, kLongRun, kInLine);
  const bool whole = all.columns.size % kInLine == 0 && all.rows.to % kInLine == 0;
  const int64_t most_rows = kStage / all.rows.to;
  if (!whole && most_rows >= std::min<int64_t>(size, 16)) {
    return copy_runs(from, to, all, most_rows);
  }
  if constexpr (sizeof(T) > 1) {
    const bool aligned = reinterpret_cast<uintptr_t>(to) % kLine == 0;
    if (whole && aligned && size >= kTile<T> && all.rows.from == 1) {
      return copy_blocks<Way::kPast>(from, to, all, kLongRun, kInLine);
    }
  }
  // Whole lines of many rows where lines are not shared, else few long runs.
  const int64_t most = std::min(size, whole ? kLongRun : 16);
  copy_blocks<Way::kStaged>(from, to, all, most, kStage / most / kInLine * kInLine);
}

// Fills the contiguous `to` from `from`, whose axes are given in the order that they have in `to`.
template <typename T>
void copy(const T* from, T* to, std::initializer_list<Axis> axes) {
  const Steps all = steps_of(axes);
  if (all.elements == 0) return;
  if (all.step[all.count - 1].from == 1) return copy_rows(from, to, all);
  int adjacent = 0;
  for (int i = 1; i < all.count - 1; ++i) {
    if (all.step[i].from < all.step[adjacent].from) adjacent = i;
  }
  copy_matrices(from, to, Matrices(all, adjacent), is_streamed(all.elements * sizeof(T)));
}

} // namespace permute
