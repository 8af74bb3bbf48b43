// The exponential function as plain arithmetic, so that loops over it become vector code: calls of
// std::exp don't without -ffast-math. Within 1.1 units in the last place of the true value.
#pragma once

#include <cstdint>
#include <cstring>

namespace exponentials {

template <typename T>
struct Constants;

// kRound, added to a small number, leaves in the last bits the nearest integer, and with it the
// bias of an exponent. ln 2 is in two parts: the first times a whole exponent is exact. The series
// are those of least error for |r| <= ln(2) / 2: exp(r) = 1 + r + r^2 (s0 + s1 r + ...).
template <>
struct Constants<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr float kRound = 12582912.0f + 127; // 1.5 * 2^23
  static constexpr float kLog2E = 1.44269504088896341f;
  static constexpr float kLn2High = 0.693359375f;
  static constexpr float kLn2Low = -2.12194440e-4f;
  static constexpr float kLeast = -87.3365478515625f;
  static constexpr int kTerms = 5;
  static constexpr float kSeries[kTerms] = {
      0.5f, 0.166665766661f, 0.041666554213f, 0.00836323288368f, 0.00139262508315f};
};

template <>
struct Constants<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr double kRound = 6755399441055744.0 + 1023; // 1.5 * 2^52
  static constexpr double kLog2E = 1.44269504088896340736;
  static constexpr double kLn2High = 6.93145751953125e-1;
  static constexpr double kLn2Low = 1.42860682030941723212e-6;
  static constexpr double kLeast = -708.39641853226408;
  static constexpr int kTerms = 10;
  static constexpr double kSeries[kTerms] = {
      0.50000000000000010314,   0.1666666666666666746,     0.041666666666623820532,
      0.0083333333333300381973, 0.0013888888917367080562,  0.00019841269863171556026,
      2.4801521057868205199e-5, 2.7557268276905696187e-6,  2.7620201591031548792e-7,
      2.5100472505694996003e-8};
};

template <typename To, typename From>
inline To cast_bits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

// exp(x) for x <= 88 in float32, 709 in float64: 0 where it would be subnormal, NaN of NaN.
template <typename T>
inline T power(T x) {
  using C = Constants<T>;
  const T rounded = x * C::kLog2E + C::kRound;
  const T whole = rounded - C::kRound;
  const T r = (x - whole * C::kLn2High) - whole * C::kLn2Low;
  T sum = C::kSeries[C::kTerms - 1];
  for (int term = C::kTerms - 2; term >= 0; --term) sum = sum * r + C::kSeries[term];
  sum = (sum * r + 1) * r + 1;
  const T scale = cast_bits<T>(cast_bits<typename C::Bits>(rounded) << C::kMantissa);
  // A comparison that is false for NaN.
  return x < C::kLeast ? T(0) : sum * scale;
}

} // namespace exponentials
