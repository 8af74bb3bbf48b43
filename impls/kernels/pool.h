// The maximum of each window of an image, and its gradient. NaN counts as larger than all else.
#pragma once

#include "convolve_tiles.h"
#include "windows2d.h"

#include <limits>

namespace pool {

using rows::Wide;
using tiles::kLanes;
using tiles::load;
using tiles::Vector;
using windows2d::Axis;
using windows2d::Phases;
using windows2d::Windows;

// Vectors of windows whose maxima are kept in registers at a time.
constexpr int kVectors = 4;
template <typename W>
constexpr int64_t kChunk = kVectors * kLanes<W>;

// An integer as wide as W: what says where a maximum lies.
template <typename W>
using Place = std::conditional_t<sizeof(W) == 8, int64_t, int32_t>;
constexpr int32_t kNone = -1;

// Maxima of kChunk windows, the first of which each tap sees at image + offset.
template <typename W>
void largest(const W* image, const std::vector<int64_t>& offsets, W* best) {
  Vector<W> found[kVectors];
  for (int v = 0; v < kVectors; ++v) found[v] = load(image + offsets[0] + v * kLanes<W>);
  for (size_t tap = 1; tap < offsets.size(); ++tap) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector<W> next = load(image + offsets[tap] + v * kLanes<W>);
      found[v] = ((next > found[v]) | (next != next)) ? next : found[v];
    }
  }
  for (int v = 0; v < kVectors; ++v) tiles::store(best + v * kLanes<W>, found[v]);
}

// The same, and which of `names` belongs to the first tap that sees it; kNone where all see -inf.
template <typename W>
void largest_with_name(const W* image, const std::vector<int64_t>& offsets,
                       const std::vector<int64_t>& names, W* best, Place<W>* name) {
  Vector<W> found[kVectors];
  Vector<Place<W>> winner[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    found[v] = Vector<W>{} - std::numeric_limits<W>::infinity();
    winner[v] = Vector<Place<W>>{} + kNone;
  }
  for (size_t tap = 0; tap < offsets.size(); ++tap) {
    const auto named = Vector<Place<W>>{} + static_cast<Place<W>>(names[tap]);
    for (int v = 0; v < kVectors; ++v) {
      const Vector<W> next = load(image + offsets[tap] + v * kLanes<W>);
      const auto is_first_nan = (next != next) & (found[v] == found[v]);
      const auto takes = (next > found[v]) | is_first_nan;
      found[v] = takes ? next : found[v];
      winner[v] = takes ? named : winner[v];
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    tiles::store(best + v * kLanes<W>, found[v]);
    tiles::store(name + v * kLanes<W>, winner[v]);
  }
}

// Calls run(plane, image) for every plane with its phases, which some elements may be read past.
template <typename T, typename Run>
void for_each_plane(const T* planes, int64_t number, const Phases& phases, const Run& run) {
  using W = Wide<T>;
  const Windows& where = phases.where;
  const int64_t cost = phases.size * (2 + where.taps() / 4) * sizeof(T);
  const W least = -std::numeric_limits<W>::infinity();
  tensors::parallel_rows(number, cost, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<W[]> image(new W[phases.size + kChunk<W>]);
    std::fill_n(image.get() + phases.size, kChunk<W>, least);
    // Rounded up to whole chunks.
    const std::unique_ptr<W[]> best(new W[phases.columns() + kChunk<W>]);
    const std::unique_ptr<Place<W>[]> names(new Place<W>[phases.columns() + kChunk<W>]);
    for (int64_t plane = begin; plane < end; ++plane) {
      phases.split(planes + plane * where.down.size * where.across.size, least, image.get());
      run(plane, image.get(), best.get(), names.get());
    }
  });
}

template <typename T>
void write_plane(const Wide<T>* best, const Phases& phases, T* to) {
  const int64_t width = phases.where.across.windows();
  for (int64_t u = 0; u < phases.where.down.windows(); ++u, best += phases.width, to += width) {
    for (int64_t v = 0; v < width; ++v) to[v] = rows::narrow<T>(best[v]);
  }
}

template <typename T>
void forward(const T* planes, int64_t number, const Windows& where, T* to) {
  const Phases phases(where);
  const auto offsets = phases.offsets(1);
  for_each_plane(planes, number, phases, [&](int64_t plane, const auto* image, auto* best, auto*) {
    for (int64_t at = 0; at < phases.columns(); at += kChunk<Wide<T>>) {
      largest(image + at, offsets, best + at);
    }
    write_plane(best, phases, to + plane * where.number());
  });
}

// The first element of the image that window (u, v) sees; 0 where it sees nothing but padding.
inline int64_t first_inside(const Windows& where, int64_t u, int64_t v) {
  const auto place = [](const Axis& axis, int64_t window) {
    for (int64_t tap = 0; tap < axis.kernel; ++tap) {
      const int64_t at = window * axis.stride + tap * axis.dilation - axis.padding;
      if (0 <= at && at < axis.size) return at;
    }
    return int64_t{0};
  };
  return place(where.down, u) * where.across.size + place(where.across, v);
}

// As forward, and the place in its plane of each maximum.
template <typename T>
void forward_with_places(
    const T* planes, int64_t number, const Windows& where, T* to, int32_t* places) {
  using W = Wide<T>;
  const Phases phases(where);
  const auto offsets = phases.offsets(1);
  const Axis &down = where.down, &across = where.across;
  std::vector<int64_t> steps; // from a window's corner to each tap
  for (int64_t i = 0; i < down.kernel; ++i) {
    for (int64_t j = 0; j < across.kernel; ++j) {
      steps.push_back(i * down.dilation * across.size + j * across.dilation);
    }
  }
  for_each_plane(planes, number, phases, [&](int64_t plane, const W* image, W* best, auto* names) {
    for (int64_t at = 0; at < phases.columns(); at += kChunk<W>) {
      largest_with_name(image + at, offsets, steps, best + at, names + at);
    }
    write_plane(best, phases, to + plane * where.number());
    int32_t* target = places + plane * where.number();
    for (int64_t u = 0; u < down.windows(); ++u, target += across.windows()) {
      const Place<W>* const name = names + u * phases.width;
      const int64_t corner = (u * down.stride - down.padding) * across.size - across.padding;
      bool all = true;
      for (int64_t v = 0; v < across.windows(); ++v) {
        target[v] = static_cast<int32_t>(corner + v * across.stride + name[v]);
        all &= name[v] != kNone;
      }
      for (int64_t v = 0; v < across.windows() && !all; ++v) {
        if (name[v] == kNone) target[v] = static_cast<int32_t>(first_inside(where, u, v));
      }
    }
  });
}

// Each gradient added to the place that its maximum was found at.
template <typename T>
void backward(const T* grads, const int32_t* places, int64_t number, int64_t windows, int64_t size,
              T* to) {
  using W = Wide<T>;
  const int64_t cost = (2 * size + 8 * windows) * sizeof(T);
  tensors::parallel_rows(number, cost, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<W[]> sums(new W[size]);
    for (int64_t plane = begin; plane < end; ++plane) {
      std::fill_n(sums.get(), size, W{});
      const T* const gradient = grads + plane * windows;
      const int32_t* const place = places + plane * windows;
      for (int64_t at = 0; at < windows; ++at) sums[place[at]] += rows::widen(gradient[at]);
      T* const target = to + plane * size;
      for (int64_t at = 0; at < size; ++at) target[at] = rows::narrow<T>(sums[at]);
    }
  });
}

} // namespace pool
