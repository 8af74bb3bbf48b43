// The gradient of a convolution's weights: sums over the windows of all images.
#pragma once

#include "convolve.h"
#include "permute.h"

namespace convolve {

// Windows whose terms are summed before they are added to the rest, about.
constexpr int64_t kTerms = 256;
// With fewer filters in a group vectors of filters would be mostly empty.
constexpr int64_t kFewFilters = 8;

template <typename T>
struct WeightGradient {
  using W = Wide<T>;
  const Phases& phases;
  const W* image; // in phases
  int64_t images, groups, channels, filters; // channels and filters of a group
  std::vector<int64_t> offsets = phases.offsets(channels);

  int64_t depth() const {
    return static_cast<int64_t>(offsets.size());
  }
  int64_t width() const {
    return phases.where.across.windows();
  }
  int64_t height() const {
    return phases.where.down.windows();
  }
  int64_t windows() const {
    return height() * width();
  }
  // How many rows of windows are summed at a time: whole vectors, if possible.
  int64_t rows_at_once() const {
    const int64_t most = std::max<int64_t>(1, kTerms / width());
    for (int64_t rows = most; rows < most + kLanes<W>; ++rows) {
      if (rows * width() % kLanes<W> == 0) return std::min(rows, height());
    }
    return std::min(most, height());
  }
  // The length of a packed row: whole vectors.
  int64_t packed() const {
    return (rows_at_once() * width() + kLanes<W> - 1) / kLanes<W> * kLanes<W>;
  }

  // What tap k sees of `count` rows of windows, filled up with zeros to whole vectors; what the
  // last tap sees where there is no such tap.
  void pack(int64_t n, int64_t group, int64_t k, int64_t first, int64_t count, W* to) const {
    const W* from = image + (n * groups + group) * channels * phases.size +
        offsets[std::min(k, depth() - 1)] + first * phases.width;
    const int64_t rest = (kLanes<W> - count * width() % kLanes<W>) % kLanes<W>;
    for (int64_t u = 0; u < count; ++u, from += phases.width, to += width()) {
      tiles::copy_run(from, width(), to);
    }
    std::fill_n(to, rest, W{});
  }

  // Calls run(n, first, count) for some rows of windows after the other.
  template <typename Run>
  void for_each_part(const Run& run) const {
    const int64_t step = rows_at_once();
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t u = 0; u < height(); u += step) run(n, u, std::min(step, height() - u));
    }
  }
};

// For groups of many filters: grads as [windows, filters], so that a vector holds one window's
// grads of many filters, and no sum runs across a vector.
template <typename T>
struct ManyFilters : WeightGradient<T> {
  using Base = WeightGradient<T>;
  using W = Wide<T>;
  static constexpr int64_t kMostTaps = 96;
  // At a time. Known before the threads start: within them there seems to be but one.
  const int64_t taps = share(Base::depth(), Base::groups);

  int64_t vectors() const { // of a panel of filters
    const int64_t all = (Base::filters + kLanes<W> - 1) / kLanes<W>;
    return all == 1 ? 1 : all % 3 == 0 ? 3 : 2;
  }
  int64_t panel() const {
    return vectors() * kLanes<W>;
  }
  int64_t panels() const {
    return (Base::filters + panel() - 1) / panel();
  }
  static int64_t share(int64_t depth, int64_t groups) {
    const int64_t units = 2 * torch::stable::get_num_threads(), most = depth * groups / units + 1;
    const int64_t blocks = (depth + most - 1) / most;
    const int64_t even = (depth + blocks - 1) / blocks;
    return std::min(kMostTaps, (even + tiles::kRows - 1) / tiles::kRows * tiles::kRows);
  }

  // grads[images * groups, filters, windows] -> [images * groups, panels, windows, panel].
  std::unique_ptr<W[]> turned(const W* grads) const {
    const int64_t windows = Base::windows(), size = windows * panel();
    const int64_t number = Base::images * Base::groups * panels();
    std::unique_ptr<W[]> all(new W[number * size]);
    tensors::parallel_rows(number, 2 * size * sizeof(W), [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const int64_t first = at % panels() * panel();
        const int64_t count = std::min(panel(), Base::filters - first);
        W* const to = all.get() + at * size;
        for (int64_t row = 0; row < windows && count < panel(); ++row) {
          std::fill_n(to + row * panel() + count, panel() - count, W{});
        }
        const W* const from = grads + (at / panels() * Base::filters + first) * windows;
        // A line's worth of windows at a time, all filters of which fit the first-level cache.
        for (int64_t row = 0; row < windows; row += 16) {
          permute::move_block<W>(from + row, to + row * panel(),
                                 {std::min<int64_t>(16, windows - row), 1, panel()},
                                 {count, windows, 1});
        }
      }
    });
    return all;
  }

  void multiply(const tiles::Factors<W>& factors, W* out) const {
    const tiles::Sums<W> sums{out, panel(), nullptr};
    switch (vectors()) {
      case 1: return tiles::multiply<tiles::kRows, 1>(factors, sums);
      case 2: return tiles::multiply<tiles::kRows, 2>(factors, sums);
      default: return tiles::multiply<tiles::kRows, 3>(factors, sums);
    }
  }

  // Adds to sums[panels, taps, panel].
  void add_part(int64_t n, int64_t group, int64_t k, int64_t first, int64_t count, const W* turned,
                const std::vector<int64_t>& steps, W* packed, W* sums) const {
    const int64_t row = Base::packed();
    for (int64_t r = 0; r < taps; ++r) Base::pack(n, group, k + r, first, count, packed + r * row);
    for (int64_t p = 0; p < panels(); ++p) {
      const int64_t number = (n * Base::groups + group) * panels() + p;
      const W* const right = turned + (number * Base::windows() + first * Base::width()) * panel();
      for (int64_t r = 0; r < taps; r += tiles::kRows) {
        multiply({packed + r * row, row, right, steps.data(), count * Base::width()},
                 sums + (p * taps + r) * panel());
      }
    }
  }

  void write(int64_t group, int64_t k, const W* sums, T* to) const {
    const int64_t end = std::min(taps, Base::depth() - k);
    for (int64_t f = 0; f < Base::filters; ++f) {
      const W* const from = sums + f / panel() * taps * panel() + f % panel();
      T* const row = to + (group * Base::filters + f) * Base::depth() + k;
      for (int64_t r = 0; r < end; ++r) row[r] = rows::narrow<T>(from[r * panel()]);
    }
  }

  void run(const W* grads, T* to) const {
    const auto right = turned(grads);
    const int64_t size = taps * panels() * panel();
    const int64_t blocks = (Base::depth() + taps - 1) / taps;
    std::vector<int64_t> steps(Base::packed());
    for (size_t at = 0; at < steps.size(); ++at) steps[at] = static_cast<int64_t>(at) * panel();
    const int64_t cost = 2 * Base::images * Base::windows() * size / kFlopsPerByte;
    tensors::parallel_rows(Base::groups * blocks, cost, [&](int64_t begin, int64_t end) {
      const std::unique_ptr<W[]> packed(new W[taps * Base::packed()]), sums(new W[size]);
      for (int64_t at = begin; at < end; ++at) {
        const int64_t group = at / blocks, k = at % blocks * taps;
        std::fill_n(sums.get(), size, W{});
        Base::for_each_part([&](int64_t n, int64_t first, int64_t count) {
          add_part(n, group, k, first, count, right.get(), steps, packed.get(), sums.get());
        });
        write(group, k, sums.get(), to);
      }
    });
  }
};

// For groups of few filters, down to one: sums along the windows.
template <int R, typename T>
struct FewFilters : WeightGradient<T> {
  using Base = WeightGradient<T>;
  using W = Wide<T>;
  using Sums = std::vector<tiles::Dots<R, W>>;

  void add_part(int64_t n, int64_t group, int64_t k, int64_t first, int64_t count, const W* grads,
                W* packed, Sums& sums) const {
    const W* a[R];
    const W* b[tiles::kDotColumns];
    for (int64_t c = 0; c < tiles::kDotColumns; ++c) {
      W* const row = packed + c * Base::packed();
      Base::pack(n, group, k + c, first, count, row);
      b[c] = row;
    }
    for (int64_t at = 0; at < static_cast<int64_t>(sums.size()); ++at) {
      for (int64_t r = 0; r < R; ++r) {
        // Rows past the last are the last once more.
        const int64_t filter = std::min(Base::filters - 1, at * R + r);
        const int64_t row = (n * Base::groups + group) * Base::filters + filter;
        a[r] = grads + row * Base::windows() + first * Base::width();
      }
      sums[at].add(a, b, count * Base::width());
    }
  }

  void write(int64_t group, int64_t k, const Sums& sums, T* to) const {
    const int64_t end = std::min<int64_t>(tiles::kDotColumns, Base::depth() - k);
    for (int64_t f = 0; f < Base::filters; ++f) {
      T* const row = to + (group * Base::filters + f) * Base::depth() + k;
      const tiles::Dots<R, W>& dots = sums[f / R];
      for (int64_t c = 0; c < end; ++c) {
        row[c] = rows::narrow<T>(dots.total(f % R, c));
      }
    }
  }

  void run(const W* grads, T* to) const {
    const int64_t blocks = (Base::depth() + tiles::kDotColumns - 1) / tiles::kDotColumns;
    const int64_t cost = 2 * Base::images * Base::windows() * Base::filters * tiles::kDotColumns;
    const int64_t units = Base::groups * blocks;
    tensors::parallel_rows(units, cost / kFlopsPerByte, [&](int64_t begin, int64_t end) {
      const std::unique_ptr<W[]> packed(new W[tiles::kDotColumns * Base::packed()]);
      for (int64_t at = begin; at < end; ++at) {
        const int64_t group = at / blocks, k = at % blocks * tiles::kDotColumns;
        Sums sums((Base::filters + R - 1) / R);
        Base::for_each_part([&](int64_t n, int64_t first, int64_t count) {
          add_part(n, group, k, first, count, grads, packed.get(), sums);
        });
        write(group, k, sums, to);
      }
    });
  }
};

} // namespace convolve
