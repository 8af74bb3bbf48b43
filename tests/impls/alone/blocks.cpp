// Blocks of memory against plain loops: matrix products, transposes, segments, windows.
#include "plain.h"

#include "convolve_tiles.h"
#include "permute.h"
#include "pool.h"
#include "segments.h"

namespace {

using namespace plain;

// ---- products -----------------------------------------------------------------------------------

template <typename W>
void products() {
  constexpr int64_t width = tiles::kVectors * tiles::kLanes<W>, depth = 37;
  const auto left = drawn<W>(tiles::kRows * depth), right = drawn<W>(depth * width);
  const auto start = drawn<W>(tiles::kRows);
  std::vector<int64_t> offsets(depth);
  for (int64_t k = 0; k < depth; ++k) offsets[k] = k * 5 % depth * width;
  const tiles::Factors<W> factors{left.data(), depth, right.data(), offsets.data(), depth};
  for (int64_t count = 1; count <= tiles::kRows; ++count) {
    std::vector<W> out(count * width, W(1));
    const bool adds = count % 2 == 0;
    const W* const begin = adds ? nullptr : start.data();
    tiles::multiply_rows(count, factors, tiles::Sums<W>{out.data(), width, begin});
    for (int64_t i = 0; i < count * width; ++i) {
      const int64_t row = i / width;
      double sum = adds ? 1 : start[row];
      for (int64_t k = 0; k < depth; ++k) {
        sum += double(left[row * depth + k]) * right[offsets[k] + i % width];
      }
      expect_near(out[i], sum, 40 * kUnit<W>, "product", i);
    }
  }
}

// Sums of products of every length, of which the last vector isn't whole.
template <typename W>
void sums_of_products() {
  constexpr int64_t left = tiles::kDotRows, right = tiles::kDotColumns, room = 80;
  for (int64_t size = 1; size + tiles::kLanes<W> <= room; ++size) {
    auto a = drawn<W>(left * room), b = drawn<W>(right * room);
    const W *a_row[left], *b_row[right];
    for (int64_t r = 0; r < left; ++r) a_row[r] = a.data() + r * room;
    for (int64_t c = 0; c < right; ++c) {
      b_row[c] = b.data() + c * room;
      std::fill_n(b.data() + c * room + size, room - size, W(0));
    }
    tiles::Dots<left, W> found;
    found.add(a_row, b_row, size);
    for (int64_t i = 0; i < left * right; ++i) {
      const int64_t r = i / right, c = i % right;
      double sum = 0;
      for (int64_t k = 0; k < size; ++k) sum += double(a_row[r][k]) * b_row[c][k];
      expect_near(found.total(r, c), sum, 80 * kUnit<W>, "sum of products", i);
    }
  }
}

// ---- transposes ---------------------------------------------------------------------------------

using Sizes = std::array<int64_t, 3>;
using Order = std::array<int, 3>;

// The first element that begins a cache line.
template <typename T>
T* line_of(std::vector<T>& memory) {
  const auto behind = -reinterpret_cast<uintptr_t>(memory.data()) % permute::kLine;
  return memory.data() + behind / sizeof(T);
}

// A tensor of these sizes with its axes in another order.
template <typename T>
void transposed(const Sizes& sizes, const Order& order) {
  const int64_t steps[] = {sizes[1] * sizes[2], sizes[2], 1};
  const auto [a, b, c] = order;
  const auto from = drawn<T>(sizes[0] * sizes[1] * sizes[2]);
  std::vector<T> memory(from.size() + permute::kLine / sizeof(T));
  T* const to = line_of(memory);
  permute::copy(from.data(), to,
                {{sizes[a], steps[a]}, {sizes[b], steps[b]}, {sizes[c], steps[c]}});
  int64_t at = 0;
  for (int64_t i = 0; i < sizes[a]; ++i) {
    for (int64_t j = 0; j < sizes[b]; ++j) {
      for (int64_t k = 0; k < sizes[c]; ++k, ++at) {
        const T right = from[i * steps[a] + j * steps[b] + k * steps[c]];
        expect(to[at] == right, "transposed", at, number(to[at]), number(right));
      }
    }
  }
}

template <typename T>
void transposes() {
  const Sizes small[] = {{3, 5, 7}, {2, 64, 48}, {1, 2, 1000}, {1, 1000, 3}, {4, 130, 33}};
  const Order orders[] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const Sizes& sizes : small) {
    for (const Order& order : orders) transposed<T>(sizes, order);
  }
  // As much as goes past the caches, in whole lines and in parts of them.
  constexpr int64_t large = tensors::kLeastStreamedBytes / sizeof(T) / 1024;
  transposed<T>({1, large, 1024}, {0, 2, 1});
  transposed<T>({1, large + 1, 1030}, {0, 2, 1});
}

// ---- segments -----------------------------------------------------------------------------------

template <typename T>
void segments_of(int64_t width, bool mean) {
  const int64_t counts[] = {0, 1, 2, 3, 4, 5, 9, 1200}, slots = std::size(counts);
  int64_t rows = 0;
  for (const int64_t count : counts) rows += count;
  segments::Segments plan(1, rows, slots);
  plan.first(0)[0] = 0;
  for (int64_t p = 0; p < slots; ++p) plan.first(0)[p + 1] = plan.first(0)[p] + counts[p];
  const auto from = drawn<T>(rows * width);
  std::vector<T> sums(slots * width), back(rows * width);
  segments::reduce<T>({from.data(), 0, width}, {sums.data(), 0, width}, plan, width,
                      element<T>(-1), mean);
  segments::expand<T>({sums.data(), 0, width}, {back.data(), 0, width}, plan, width, mean);
  for (int64_t p = 0; p < slots; ++p) {
    const int64_t first = plan.first(0)[p];
    const double divisor = mean ? std::max<int64_t>(1, counts[p]) : 1;
    for (int64_t i = 0; i < width; ++i) {
      double sum = counts[p] == 0 ? -1 : 0;
      for (int64_t r = 0; r < counts[p]; ++r) sum += number(from[(first + r) * width + i]);
      const double found = number(sums[p * width + i]), size = 1 + std::abs(sum / divisor);
      const double most = kUnit<T> * size + kUnit<Wide<T>> * counts[p] / divisor;
      expect_near(found, sum / divisor, most, "sum of a segment", p * width + i);
      for (int64_t r = first; r < first + counts[p]; ++r) {
        const double each = number(back[r * width + i]);
        expect_near(each, found / divisor, kUnit<T> * (1 + std::abs(found)), "expanded", r);
      }
    }
  }
}

// ---- windows ------------------------------------------------------------------------------------

// The place of the largest element that a window sees, the first of equals; NaN is larger.
template <typename T>
int64_t largest(const std::vector<T>& image, const windows2d::Windows& where, int64_t u,
                int64_t v) {
  const auto &down = where.down, &across = where.across;
  int64_t best = -1;
  for (int64_t i = 0; i < down.kernel; ++i) {
    for (int64_t j = 0; j < across.kernel; ++j) {
      const int64_t y = u * down.stride + i * down.dilation - down.padding;
      const int64_t x = v * across.stride + j * across.dilation - across.padding;
      if (y < 0 || y >= down.size || x < 0 || x >= across.size) continue;
      const int64_t place = y * across.size + x;
      const double next = number(image[place]);
      const bool first_nan = best >= 0 && next != next && !std::isnan(number(image[best]));
      if (best < 0 || first_nan || next > number(image[best])) best = place;
    }
  }
  return best;
}

template <typename T>
void pooled(const int64_t (&options)[8]) {
  const windows2d::Windows where(19, 41, options);
  auto image = drawn<T>(19 * 41);
  for (int64_t at = 0; at < 19 * 41; at += 50) image[at] = element<T>(kNaN);
  for (int64_t at = 3 * 41; at < 9 * 41; ++at) image[at] = element<T>(-kInfinity);
  const int64_t number_of_windows = where.number();
  const auto grads = drawn<T>(number_of_windows);
  std::vector<T> found(number_of_windows), again(number_of_windows), back(image.size());
  std::vector<int32_t> places(number_of_windows);
  pool::forward(image.data(), 1, where, found.data());
  pool::forward_with_places(image.data(), 1, where, again.data(), places.data());
  pool::backward(grads.data(), places.data(), 1, number_of_windows, 19 * 41, back.data());
  std::vector<double> sums(image.size());
  for (int64_t at = 0; at < number_of_windows; ++at) {
    const int64_t width = where.across.windows();
    const int64_t best = largest(image, where, at / width, at % width);
    expect_near(number(found[at]), number(image[best]), 0, "maximum of a window", at);
    expect_near(number(again[at]), number(image[best]), 0, "maximum with its place", at);
    expect_near(places[at], best, 0, "place of a maximum", at);
    sums[best] += number(grads[at]);
  }
  for (int64_t at = 0; at < 19 * 41; ++at) {
    expect_near(number(back[at]), sums[at], 8 * kUnit<T>, "gradient of the maxima", at);
  }
}

template <typename... T>
void of_floats() {
  for (const int64_t width : {1, 7, 64, 1100}) {
    for (const bool mean : {false, true}) (segments_of<T>(width, mean), ...);
  }
  (pooled<T>({3, 2, 2, 1, 1, 1, 1, 2}), ...);
  (pooled<T>({2, 2, 2, 2, 0, 0, 1, 1}), ...);
}

} // namespace

int main() {
  products<float>();
  products<double>();
  sums_of_products<float>();
  sums_of_products<double>();
  transposes<uint8_t>();
  transposes<uint16_t>();
  transposes<uint32_t>();
  transposes<uint64_t>();
  of_floats<float, double, Float16, BFloat16>();
  return summary();
}
