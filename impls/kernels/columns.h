// The windows of an image as columns, and columns added up to the image that they are windows of.
#pragma once

#include "convolve_tiles.h"
#include "windows2d.h"

namespace columns {

using rows::Wide;
using windows2d::Phases;
using windows2d::Windows;

// planes[P, H, W] -> [P, Kh * Kw, Oh, Ow], zero where a tap sees padding.
template <typename T>
void from_images(const T* planes, int64_t number, const Windows& where, T* to) {
  const Phases phases(where);
  const auto offsets = phases.offsets(1);
  const int64_t height = where.down.windows(), width = where.across.windows();
  const int64_t size = where.taps() * height * width;
  tensors::parallel_rows(number, size * sizeof(T), [&](int64_t begin, int64_t end) {
    const std::unique_ptr<T[]> image(new T[phases.size]);
    for (int64_t plane = begin; plane < end; ++plane) {
      phases.split(planes + plane * where.down.size * where.across.size, T{}, image.get());
      T* target = to + plane * size;
      for (const int64_t offset : offsets) {
        const T* from = image.get() + offset;
        for (int64_t u = 0; u < height; ++u, from += phases.width, target += width) {
          tiles::copy_run(from, width, target);
        }
      }
    }
  });
}

// columns[P, Kh * Kw, Oh, Ow] -> planes[P, H, W].
template <typename T>
void to_images(const T* from, int64_t number, const Windows& where, T* planes) {
  const Phases phases(where);
  const auto offsets = phases.offsets(1);
  const int64_t height = where.down.windows(), width = where.across.windows();
  const int64_t size = where.taps() * height * width;
  tensors::parallel_rows(number, size * sizeof(T), [&](int64_t begin, int64_t end) {
    const std::unique_ptr<Wide<T>[]> image(new Wide<T>[phases.size]);
    for (int64_t plane = begin; plane < end; ++plane) {
      std::fill_n(image.get(), phases.size, Wide<T>{});
      const T* source = from + plane * size;
      for (const int64_t offset : offsets) {
        Wide<T>* sums = image.get() + offset;
        for (int64_t u = 0; u < height; ++u, sums += phases.width, source += width) {
          for (int64_t v = 0; v < width; ++v) sums[v] += rows::widen(source[v]);
        }
      }
      phases.join(image.get(), planes + plane * where.down.size * where.across.size);
    }
  });
}

} // namespace columns
