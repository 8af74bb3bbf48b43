// Elements and rows against plain loops: half types, exponentials, softmax, sums of products.
#include "plain.h"

#include "dot_rows.h"
#include "experts.h"
#include "softmax_rows.h"

namespace {

using namespace plain;

// ---- elements -----------------------------------------------------------------------------------

double half_of(uint32_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31 ? (fraction == 0 ? kInfinity : kNaN)
      : exponent == 0                ? std::ldexp(fraction, -24)
                                     : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 == 0 ? size : -size;
}

// The half that is next further from zero; beyond the last, where it would be.
double next_half(uint32_t bits) {
  if ((bits & 0x7fff) < 0x7bff) return half_of(bits + 1);
  return bits >> 15 == 0 ? 65536 : -65536;
}

// Every half, and the numbers between each two.
void halves() {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const double half = half_of(bits), next = next_half(bits);
    const auto narrowed = [](float value) { return narrow<Float16>(value).bits; };
    expect_near(widen(Float16{static_cast<uint16_t>(bits)}), half, 0, "widen(Float16)", bits);
    expect_near(half_of(narrowed(static_cast<float>(half))), half, 0, "narrow to Float16", bits);
    if (!std::isfinite(half)) continue;
    const auto middle = static_cast<float>((half + next) / 2);
    const auto beyond = std::nextafter(middle, static_cast<float>(next));
    const auto before = std::nextafter(middle, static_cast<float>(half));
    expect_near(narrowed(middle), bits + (bits & 1), 0, "the middle of halves", bits);
    expect_near(narrowed(beyond), bits + 1, 0, "beyond the middle of halves", bits);
    expect_near(narrowed(before), bits, 0, "before the middle of halves", bits);
  }
}

void brain_floats() {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7fff) > 0x7f80) continue; // NaN
    const auto with = [&](uint32_t rest) { return rows::float_of(bits << 16 | rest); };
    const auto rounded = [&](uint32_t rest) { return narrow<BFloat16>(with(rest)).bits; };
    expect_near(widen(BFloat16{static_cast<uint16_t>(bits)}), with(0), 0, "widen(BFloat16)", bits);
    expect_near(rounded(0), bits, 0, "narrow to BFloat16", bits);
    if ((bits & 0x7fff) == 0x7f80) continue; // infinity
    expect_near(rounded(0x8000), bits + (bits & 1), 0, "the middle of bfloat16", bits);
    expect_near(rounded(0x8001), bits + 1, 0, "beyond the middle of bfloat16", bits);
    expect_near(rounded(0x7fff), bits, 0, "before the middle of bfloat16", bits);
  }
  const float signalling = rows::float_of(0x7f800001u);
  expect_near(widen(narrow<BFloat16>(signalling)), kNaN, 0, "NaN as BFloat16", 0);
}

template <typename W>
void powers() {
  constexpr int64_t size = 20000;
  const W least = exponentials::Constants<W>::kLeast;
  std::vector<W> x(size), found(size);
  for (int64_t i = 0; i < size; ++i) x[i] = least * (1 - W(1.1) * i / size);
  const double special[] = {-kInfinity, kNaN, 10 * least, 0};
  for (int64_t i = 0; i < 4; ++i) x[i] = static_cast<W>(special[i]);
  for (int64_t i = 0; i < size; ++i) found[i] = exponentials::power(x[i]);
  for (int64_t i = 0; i < size; ++i) {
    const double right = x[i] < least ? 0 : std::exp(static_cast<double>(x[i]));
    expect_near(found[i], right, 2 * kUnit<W> * right, "power", i);
  }
}

// ---- rows ---------------------------------------------------------------------------------------

template <typename T>
struct Results {
  std::vector<T> share, log, back, log_back;

  Results(const std::vector<T>& row, const std::vector<T>& grad, bool streamed)
      : share(row.size()), log(row.size()), back(row.size()), log_back(row.size()) {
    using namespace softmax_rows;
    const auto size = static_cast<int64_t>(row.size());
    const auto level = level_of(row.data(), size);
    softmax(share.data(), row.data(), size, Scratch<Wide<T>>(size), streamed);
    logsoftmax(log.data(), row.data(), size, level, streamed);
    softmax_backward(back.data(), grad.data(), share.data(), size, streamed);
    logsoftmax_backward(log_back.data(), grad.data(), row.data(), size, level, streamed);
    rows::finish_streaming();
  }
};

template <typename T>
void softmaxes(const std::vector<T>& row, bool streamed) {
  const auto size = static_cast<int64_t>(row.size());
  const auto grad = drawn<T>(size);
  const Results<T> found(row, grad, streamed);
  double top = -kInfinity;
  long double total = 0, mean = 0, grads = 0;
  for (const T value : row) top = std::max(top, number(value));
  for (const T value : row) total += std::exp(number(value) - top);
  for (int64_t i = 0; i < size; ++i) mean += number(grad[i]) * number(found.share[i]);
  for (const T value : grad) grads += number(value);
  for (int64_t i = 0; i < size; ++i) {
    const double apart = number(row[i]) - top, right = double(std::exp(apart) / total);
    const double given = number(grad[i]), share = number(found.share[i]), unit = 4 * kUnit<T>;
    const double least = sizeof(T) == 2 ? 1e-7 : 0; // subnormal halves
    expect_near(share, right, unit * (1 - std::max(apart, -99.)) * right + least, "softmax", i);
    expect_near(number(found.log[i]), apart - std::log(double(total)), 10 * unit, "logsoftmax", i);
    expect_near(number(found.back[i]), share * (given - double(mean)), unit, "softmax's gradient", i);
    expect_near(number(found.log_back[i]), given - double(grads) * right,
                unit * (1 + std::abs(double(grads))),
                "logsoftmax's gradient", i);
  }
}

template <typename T>
void rows_of_every_length() {
  for (const int64_t size : {1, 2, 63, 64, 65, 1000, 2048, 2049, 5000}) {
    for (const bool streamed : {false, true}) softmaxes(drawn<T>(size, 10), streamed);
    auto special = drawn<T>(size, 10);
    special[size / 2] = element<T>(-kInfinity);
    softmaxes(special, false);
    special[size / 2] = element<T>(kNaN);
    softmaxes(special, false);
  }
}

template <typename T>
void dots() {
  for (const int64_t size : {0, 1, 63, 64, 65, 2047, 2048, 4100}) {
    const auto a = drawn<T>(size), b = drawn<T>(size);
    const T found = dot_rows::dot(a.data(), b.data(), size);
    if constexpr (std::is_integral_v<T>) {
      uint64_t right = 0;
      for (int64_t i = 0; i < size; ++i) right += uint64_t(a[i]) * uint64_t(b[i]);
      expect(found == static_cast<T>(right), "dot", size, number(found), number(T(right)));
    } else {
      double right = 0;
      for (int64_t i = 0; i < size; ++i) right += number(a[i]) * number(b[i]);
      const double rounding = kUnit<T> * std::abs(right) + kUnit<Wide<T>> * (1 + size);
      expect_near(number(found), right, rounding, "dot", size);
    }
  }
}

template <typename T>
void weighted(int64_t count, int64_t width) {
  const auto rows = drawn<T>(count * width), grad = drawn<T>(width);
  const auto weights = drawn<Wide<T>>(count);
  std::vector<const T*> row(count);
  for (int64_t r = 0; r < count; ++r) row[r] = rows.data() + r * width;
  std::vector<T> sums(width), scaled(width);
  experts::weighted_sum(sums.data(), row.data(), weights.data(), count, width);
  for (int64_t i = 0; i < width; ++i) {
    double right = 0;
    for (int64_t r = 0; r < count; ++r) right += number(weights[r]) * number(rows[r * width + i]);
    const double rounding = kUnit<T> * std::abs(right) + count * kUnit<Wide<T>>;
    expect_near(number(sums[i]), right, rounding, "weighted sum", i);
  }
  if (count == 0) return;
  const double found =
      experts::scale_and_dot(scaled.data(), grad.data(), rows.data(), weights[0], width);
  double right = 0;
  for (int64_t i = 0; i < width; ++i) {
    right += number(grad[i]) * number(rows[i]);
    const double product = weights[0] * number(grad[i]);
    expect_near(number(scaled[i]), product, kUnit<T>, "scaled", i);
  }
  expect_near(found, right, kUnit<Wide<T>> * (1 + width), "gradient of a weight", 0);
}

template <typename T>
void weighted_sums() {
  for (const int64_t count : {0, 1, 2, 3, 4, 5, 8, 9, 13}) {
    for (const int64_t width : {1, 31, 64, 1030}) weighted<T>(count, width);
  }
}

template <typename... T>
void of_floats() {
  (rows_of_every_length<T>(), ...);
  (dots<T>(), ...);
  (weighted_sums<T>(), ...);
}

template <typename... T>
void of_integers() {
  (dots<T>(), ...);
}

} // namespace

int main() {
  halves();
  brain_floats();
  powers<float>();
  powers<double>();
  of_floats<float, double, Float16, BFloat16>();
  of_integers<uint8_t, int8_t, int16_t, int32_t, int64_t>();
  return summary();
}
