// Where the windows of a convolution or a pooling lie on an image, and images laid out for them.
//
// An image is padded and cut into phases: one for each remainder of a row's or column's number by
// the stride. On its phase every tap of the kernel moves by single steps from window to window, so
// that whatever the stride and dilation, loops over windows read adjacent elements.
#pragma once

#include "tensors.h"

#include <memory>
#include <vector>

namespace windows2d {

using rows::Wide;

// The windows along one axis of an image.
struct Axis {
  int64_t size;
  int64_t kernel;
  int64_t stride;
  int64_t padding;
  int64_t dilation;

  int64_t padded() const {
    return size + 2 * padding;
  }
  int64_t room() const { // for more than the first window
    return padded() - dilation * (kernel - 1) - 1;
  }
  int64_t windows() const {
    return room() / stride + 1;
  }
  int64_t phase_size() const {
    return (padded() - 1) / stride + 1;
  }
  int64_t phase(int64_t tap) const {
    return tap * dilation % stride;
  }
  int64_t shift(int64_t tap) const {
    return tap * dilation / stride;
  }
  // The place in its phase of the first element that is not padding, and of what follows the last.
  int64_t first(int64_t phase) const {
    return std::min(phase_size(), std::max<int64_t>(0, padding - phase + stride - 1) / stride);
  }
  int64_t last(int64_t phase) const {
    const int64_t end = std::max<int64_t>(0, size + padding - phase + stride - 1) / stride;
    return std::min(phase_size(), end);
  }
  // The phases that any tap lies on, in ascending order.
  std::vector<int64_t> phases() const {
    std::vector<int64_t> found;
    for (int64_t tap = 0; tap < kernel; ++tap) found.push_back(phase(tap));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
};

struct Windows {
  Axis down;
  Axis across;

  Windows(int64_t height, int64_t width, const int64_t (&options)[8])
      : down{height, options[0], options[2], options[4], options[6]},
        across{width, options[1], options[3], options[5], options[7]} {
    for (const Axis& axis : {down, across}) {
      STD_TORCH_CHECK(axis.kernel > 0 && axis.stride > 0 && axis.padding >= 0 && axis.dilation > 0,
                      "kernel, stride and dilation must be at least 1, padding at least 0");
      STD_TORCH_CHECK(axis.room() >= 0, "the kernel is larger than the image with its padding");
    }
  }
  int64_t taps() const {
    return down.kernel * across.kernel;
  }
  int64_t number() const {
    return down.windows() * across.windows();
  }
};

inline int64_t place_of(const std::vector<int64_t>& sorted, int64_t value) {
  return std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
}

// An element in the type that it is computed with, which may be its own.
template <typename To, typename T>
inline To converted(T value) {
  if constexpr (std::is_same_v<T, To>) {
    return value;
  } else {
    return rows::widen(value);
  }
}

// One phase of a row: `fill` where it is padding.
template <typename T, typename To>
void split_row(const T* row, const Axis& axis, int64_t phase, To fill, To* __restrict to) {
  const int64_t first = axis.first(phase), last = std::max(first, axis.last(phase));
  std::fill(to, to + first, fill);
  const T* const __restrict from = row + first * axis.stride + phase - axis.padding;
  to += first;
  if (axis.stride == 1) {
    for (int64_t i = 0; i < last - first; ++i) to[i] = converted<To>(from[i]);
  } else if (axis.stride == 2) {
    for (int64_t i = 0; i < last - first; ++i) to[i] = converted<To>(from[2 * i]);
  } else {
    for (int64_t i = 0; i < last - first; ++i) to[i] = converted<To>(from[i * axis.stride]);
  }
  std::fill_n(to + last - first, axis.phase_size() - last, fill);
}

// The phases of an image that any tap lies on, each with rows of `width` elements: down[0] with
// across[0], with across[1] and so on.
struct Phases {
  Windows where;
  std::vector<int64_t> down, across;
  int64_t width;
  int64_t phase; // elements
  int64_t size;  // of all phases

  explicit Phases(const Windows& where)
      : where(where), down(where.down.phases()), across(where.across.phases()),
        width(where.across.phase_size()), phase(where.down.phase_size() * width),
        size(static_cast<int64_t>(down.size() * across.size()) * phase) {}

  // Windows (u, v) are u * width + v further on than the first; some of these columns at the end
  // of each row belong to no window.
  int64_t columns() const {
    return (where.down.windows() - 1) * width + where.across.windows();
  }
  // Where a tap sees the first window.
  int64_t offset(int64_t i, int64_t j) const {
    const int64_t number = place_of(down, where.down.phase(i)) * across.size() +
        place_of(across, where.across.phase(j));
    return number * phase + where.down.shift(i) * width + where.across.shift(j);
  }
  // For each of so many channels, the offsets of its taps.
  std::vector<int64_t> offsets(int64_t channels) const {
    std::vector<int64_t> found;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < where.down.kernel; ++i) {
        for (int64_t j = 0; j < where.across.kernel; ++j) found.push_back(c * size + offset(i, j));
      }
    }
    return found;
  }

  template <typename T, typename To>
  void split(const T* image, To fill, To* to) const {
    const Axis& rows = where.down;
    for (const int64_t a : down) {
      for (const int64_t b : across) {
        for (int64_t u = 0; u < rows.phase_size(); ++u, to += width) {
          const int64_t y = u * rows.stride + a - rows.padding;
          if (y < 0 || y >= rows.size) {
            std::fill_n(to, width, fill);
          } else {
            split_row(image + y * where.across.size, where.across, b, fill, to);
          }
        }
      }
    }
  }

  // The other way: elements that no tap lies on are zero, and what lies on padding is dropped.
  template <typename T, typename From>
  void join(const From* from, T* image) const {
    const Axis &rows = where.down, &columns = where.across;
    const bool whole = static_cast<int64_t>(down.size() * across.size()) ==
        rows.stride * columns.stride;
    if (!whole) std::fill_n(image, rows.size * columns.size, T{});
    for (const int64_t a : down) {
      for (const int64_t b : across) {
        for (int64_t u = rows.first(a); u < rows.last(a); ++u) {
          const int64_t y = u * rows.stride + a - rows.padding;
          join_row(from + u * width, b, image + y * columns.size);
        }
        from += phase;
      }
    }
  }

  template <typename T, typename From>
  void join_row(const From* from, int64_t b, T* row) const {
    const Axis& columns = where.across;
    const int64_t first = columns.first(b), count = columns.last(b) - first;
    T* const to = row + first * columns.stride + b - columns.padding;
    const int64_t gap = columns.stride;
    from += first;
    if (gap == 1) {
      for (int64_t i = 0; i < count; ++i) to[i] = rows::narrow<T>(from[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) to[i * gap] = rows::narrow<T>(from[i]);
    }
  }
};

} // namespace windows2d
