// The gradient of a convolution's images: a product of the same kind as the forward pass, once for
// each phase of the image.
#pragma once

#include "convolve.h"

namespace convolve {

// Where a gradient's rows or columns lie, with the zeros around them that the taps reach into.
struct Margin {
  const Axis& axis;
  int64_t before; // zeros
  int64_t size;   // zeros, windows, zeros

  explicit Margin(const Axis& axis)
      : axis(axis), before(axis.shift(axis.kernel - 1)),
        size(before + (axis.padding + axis.size - 1) / axis.stride + 1) {}
  int64_t kept() const { // windows that see an element
    return std::min(axis.windows(), size - before);
  }
  std::vector<int64_t> taps(int64_t phase) const {
    std::vector<int64_t> found;
    for (int64_t tap = 0; tap < axis.kernel; ++tap) {
      if (axis.phase(tap) == phase) found.push_back(tap);
    }
    return found;
  }
};

// The gradient of a convolution's images from that of its output.
template <typename T>
struct ImageGradient {
  using W = Wide<T>;
  const Windows& where;
  int64_t images, groups, channels, filters; // channels and filters of a group
  Margin down, across;
  std::unique_ptr<W[]> memory, left;
  const W* grads = nullptr;

  ImageGradient(const Windows& where, int64_t images, int64_t groups, int64_t channels,
                int64_t filters)
      : where(where), images(images), groups(groups), channels(channels), filters(filters),
        down(where.down), across(where.across) {}

  int64_t plane() const {
    return down.size * across.size;
  }

  // As they are where nothing need be put around them.
  void read(const T* from) {
    if constexpr (std::is_same_v<T, W>) {
      grads = from;
      if (plane() == where.number() && down.before + across.before == 0 && plane() >= kSlack<W>) {
        return;
      }
    }
    const int64_t number = images * groups * filters, slack = kSlack<W>;
    memory.reset(new W[number * plane() + slack]);
    grads = memory.get();
    std::fill_n(memory.get() + number * plane(), slack, W{});
    const int64_t width = where.across.windows(), size = where.number();
    tensors::parallel_rows(number, plane() * sizeof(W), [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        W* const to = memory.get() + at * plane();
        std::fill_n(to, plane(), W{});
        for (int64_t u = 0; u < down.kept(); ++u) {
          W* const line = to + (down.before + u) * across.size + across.before;
          const T* const row = from + at * size + u * width;
          for (int64_t v = 0; v < across.kept(); ++v) line[v] = rows::widen(row[v]);
        }
      }
    });
  }

  // The weights [groups, channels, filters, taps] of some taps.
  void pack(const T* weights, const std::vector<int64_t>& taps) {
    const int64_t depth = filters * static_cast<int64_t>(taps.size()), all = where.taps();
    left.reset(new W[groups * channels * depth]);
    tensors::parallel_rows(groups * channels, depth * sizeof(W), [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const int64_t group = at / channels, channel = at % channels;
        W* to = left.get() + at * depth;
        for (int64_t filter = group * filters; filter < (group + 1) * filters; ++filter) {
          const T* const from = weights + (filter * channels + channel) * all;
          for (const int64_t tap : taps) *to++ = rows::widen(from[tap]);
        }
      }
    });
  }

  void phase(const T* weights, int64_t a, int64_t b, T* to) {
    const Axis &rows = where.down, &columns = where.across;
    const int64_t u = rows.first(a), v = columns.first(b);
    if (rows.last(a) <= u || columns.last(b) <= v) return;
    std::vector<int64_t> taps, starts, offsets;
    for (const int64_t i : down.taps(a)) {
      for (const int64_t j : across.taps(b)) {
        taps.push_back(i * columns.kernel + j);
        starts.push_back((down.before - rows.shift(i)) * across.size + across.before -
                         columns.shift(j));
      }
    }
    for (int64_t filter = 0; filter < filters; ++filter) {
      for (const int64_t start : starts) offsets.push_back(filter * plane() + start);
    }
    pack(weights, taps);
    const int64_t size = rows.size * columns.size;
    const int64_t corner = (u * rows.stride + a - rows.padding) * columns.size +
        v * columns.stride + b - columns.padding;
    Product<T>{.left = left.get(), .bias = nullptr, .groups = groups, .rows = channels,
               .depth = static_cast<int64_t>(offsets.size()), .offsets = offsets.data(),
               .right = grads + u * across.size + v,
               .right_image = groups * filters * plane(), .right_group = filters * plane(),
               .width = across.size, .target = to + corner,
               .target_image = groups * channels * size, .target_row = size,
               .target_down = rows.stride * columns.size, .target_across = columns.stride,
               .height_out = rows.last(a) - u, .width_out = columns.last(b) - v}
        .flattened()
        .run(images);
  }

  void run(const T* from, const T* weights, T* to) {
    read(from);
    for (int64_t a = 0; a < where.down.stride; ++a) {
      for (int64_t b = 0; b < where.across.stride; ++b) phase(weights, a, b, to);
    }
  }
};

} // namespace convolve
