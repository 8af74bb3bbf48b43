// A convolution as a matrix product whose right factor is never made: on an image in phases
// (windows2d.h) what a tap sees of all windows is one run of adjacent elements, from another start
// for each tap. The runs hold some columns at the end of each row that belong to no window; they
// are computed too, and dropped.
#pragma once

#include "convolve_tiles.h"
#include "windows2d.h"

namespace convolve {

using rows::Wide;
using tiles::kLanes;
using windows2d::Axis;
using windows2d::Phases;
using windows2d::Windows;

// Sums are set aside after this many terms, which bounds the rounding error of deep ones.
constexpr int64_t kDepth = 256;
// Elements that may be read past the last plane.
template <typename W>
constexpr int64_t kSlack = tiles::kMostColumns<W>;
// Columns of the right factor that many rows use are put beside each other if they are few.
constexpr int64_t kPanelBytes = 64 * 1024;
// Rows of the left factor that are used again and again should stay in the second-level cache.
constexpr int64_t kLeftBytes = 256 * 1024;
// Arithmetic in units of the bytes that could be moved meanwhile.
constexpr int64_t kFlopsPerByte = 8;

// target[image, group, r, u, v] = bias[group, r] + the sum over k of
// left[group, r, k] * right[image, group][offsets[k] + u * width + v].
template <typename T>
struct Product {
  using W = Wide<T>;
  const W* left;
  const T* bias; // or null
  int64_t groups, rows, depth;
  const int64_t* offsets;
  const W* right;
  int64_t right_image, right_group, width;
  T* target;
  int64_t target_image, target_row;   // from image to image, from r to r
  int64_t target_down, target_across; // from window to window
  int64_t height_out, width_out;

  int64_t columns() const {
    return (height_out - 1) * width + width_out;
  }
  bool has_one_row() const {
    return rows == 1;
  }
  int64_t tile_columns() const {
    return (has_one_row() ? tiles::kVectorsOfOne : tiles::kVectors) * kLanes<W>;
  }
  int64_t panels() const {
    return (columns() + tile_columns() - 1) / tile_columns();
  }
  int64_t block_rows() const {
    const int64_t fitting = kLeftBytes / (std::max<int64_t>(1, depth) * int64_t{sizeof(W)});
    return std::max<int64_t>(tiles::kRows, fitting / tiles::kRows * tiles::kRows);
  }

  bool packs() const {
    const int64_t bytes = depth * tile_columns() * static_cast<int64_t>(sizeof(W));
    return bytes <= kPanelBytes && std::min(rows, block_rows()) > 2 * tiles::kRows;
  }

  // What a thread works with.
  struct Scratch {
    alignas(64) W out[tiles::kRows * tiles::kVectorsOfOne * kLanes<W>];
    alignas(64) W panel[kPanelBytes / sizeof(W)];
    int64_t steps[kPanelBytes / tiles::kVectorBytes / tiles::kVectors];
  };

  void pack(const W* from, Scratch& scratch) const {
    const int64_t size = tile_columns();
    for (int64_t k = 0; k < depth; ++k) {
      scratch.steps[k] = k * size;
      std::copy_n(from + offsets[k], size, scratch.panel + k * size);
    }
  }

  // `count` rows of the columns that `from` and `starts` stand for.
  void tile(const W* left_row, const W* from, const int64_t* starts, int64_t count,
            tiles::Sums<W> sums) const {
    int64_t k = 0;
    do {
      const tiles::Factors<W> factors{left_row + k, depth, from, starts + k,
                                      std::min(kDepth, depth - k)};
      if (has_one_row()) {
        tiles::multiply<1, tiles::kVectorsOfOne>(factors, sums);
      } else {
        tiles::multiply_rows(count, factors, sums);
      }
      sums.start = nullptr;
      k += kDepth;
    } while (k < depth);
  }

  void write_run(const W* from, int64_t count, T* to) const {
    if (target_across == 1) {
      for (int64_t v = 0; v < count; ++v) to[v] = rows::narrow<T>(from[v]);
    } else {
      for (int64_t v = 0; v < count; ++v) to[v * target_across] = rows::narrow<T>(from[v]);
    }
  }

  // Columns first .. last - 1 of a tile that begins at column `start`, where they are windows.
  void write(const W* out, int64_t count, int64_t start, int64_t first, int64_t last, T* to) const {
    for (int64_t at = first; at < last;) {
      const int64_t u = at / width, v = at % width;
      const int64_t run = std::min(last - at, width - v), kept = std::min(run, width_out - v);
      T* const line = to + u * target_down + v * target_across;
      for (int64_t r = 0; r < count && kept > 0; ++r) {
        write_run(out + r * tile_columns() + at - start, kept, line + r * target_row);
      }
      at += run;
    }
  }

  // Where a whole tile lies as it is computed; null where it doesn't.
  W* target_of(int64_t start, int64_t first, int64_t last, T* to) const {
    if constexpr (std::is_same_v<T, W>) {
      const bool whole = start == first && last - first == tile_columns();
      if (whole && target_across == 1 && first % width + tile_columns() <= width_out) {
        return to + first / width * target_down + first % width;
      }
    }
    return nullptr;
  }

  // One block of rows by one panel of columns.
  void unit(int64_t image, int64_t group, int64_t block, int64_t panel, Scratch& scratch) const {
    const int64_t size = tile_columns(), first = panel * size;
    const int64_t last = std::min(first + size, columns());
    // The last panel begins earlier rather than read past the end.
    const int64_t start = std::max<int64_t>(0, std::min(first, columns() - size));
    const W* from = right + image * right_image + group * right_group + start;
    const int64_t* starts = offsets;
    if (packs()) {
      pack(from, scratch);
      from = scratch.panel;
      starts = scratch.steps;
    }
    const int64_t end = std::min(rows, (block + 1) * block_rows());
    for (int64_t row = block * block_rows(); row < end; row += tiles::kRows) {
      const int64_t count = std::min<int64_t>(tiles::kRows, end - row), r = group * rows + row;
      W shifts[tiles::kRows] = {};
      for (int64_t i = 0; bias != nullptr && i < count; ++i) shifts[i] = rows::widen(bias[r + i]);
      T* const to = target + image * target_image + r * target_row;
      W* const place = target_of(start, first, last, to);
      if (place != nullptr) {
        tile(left + r * depth, from, starts, count, {place, target_row, shifts});
      } else {
        tile(left + r * depth, from, starts, count, {scratch.out, size, shifts});
        write(scratch.out, count, start, first, last, to);
      }
    }
  }

  int64_t blocks() const {
    return (rows + block_rows() - 1) / block_rows();
  }
  int64_t units(int64_t images) const {
    return images * groups * blocks() * panels();
  }
  void run_units(int64_t begin, int64_t end) const {
    Scratch scratch;
    const int64_t each = panels();
    for (int64_t at = begin; at < end; ++at) {
      const int64_t outer = at / each, image = outer / blocks();
      unit(image / groups, image % groups, outer % blocks(), at % each, scratch);
    }
  }
  // The same with all windows in one row, where there is nothing between their rows.
  Product flattened() const {
    Product flat = *this;
    if (width == width_out && target_down == width && target_across == 1) {
      flat.width = flat.width_out = height_out * width;
      flat.height_out = 1;
    }
    return flat;
  }
  void run(int64_t images) const {
    const int64_t cost = 2 * std::min(rows, block_rows()) * (depth + 1) * tile_columns();
    tensors::parallel_rows(units(images), cost / kFlopsPerByte,
                           [&](int64_t begin, int64_t end) { run_units(begin, end); });
  }
};

// The channels of images in phases; as they are where they have but one phase and no padding.
template <typename T>
struct Phased {
  using W = Wide<T>;
  Phases phases;
  std::unique_ptr<W[]> memory;
  const W* data = nullptr;

  explicit Phased(const Windows& where) : phases(where) {}

  bool serve_as_they_are() const {
    const Axis &down = phases.where.down, &across = phases.where.across;
    return std::is_same_v<T, W> && down.padding + across.padding == 0 &&
        down.stride * across.stride == 1 && phases.columns() >= kSlack<W>;
  }
  // At most as many channels each time as the first time.
  void read(const T* images, int64_t channels) {
    if constexpr (std::is_same_v<T, W>) {
      data = images;
      if (serve_as_they_are()) return;
    }
    const int64_t from = phases.where.down.size * phases.where.across.size, to = phases.size;
    if (!memory) {
      memory.reset(new W[channels * to + kSlack<W>]);
      std::fill_n(memory.get() + channels * to, kSlack<W>, W{});
    }
    tensors::parallel_rows(channels, (from + to) * sizeof(T), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        phases.split(images + c * from, W{}, memory.get() + c * to);
      }
    });
    data = memory.get();
  }
};

// Elements in the type to compute with: as they are where that is their own.
template <typename T>
struct Widened {
  using W = Wide<T>;
  std::unique_ptr<W[]> memory;
  const W* data = nullptr;

  Widened(const T* from, int64_t count) {
    if constexpr (std::is_same_v<T, W>) {
      data = from;
    } else {
      memory.reset(new W[count]);
      data = memory.get();
      tensors::parallel_rows(count, 6, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) memory[i] = rows::widen(from[i]);
      });
    }
  }
};

} // namespace convolve
