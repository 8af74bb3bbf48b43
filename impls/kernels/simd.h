// Vectors as wide as a register of the machine. Of wider ones compilers take comparisons and
// selections apart, element by element.
#pragma once

#include <cstdint>
#include <cstring>

namespace simd {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename W>
struct Simd {
  typedef W Vector __attribute__((vector_size(kVectorBytes)));
  static constexpr int64_t kLanes = kVectorBytes / sizeof(W);
};
template <typename W>
using Vector = typename Simd<W>::Vector;
template <typename W>
constexpr int64_t kLanes = Simd<W>::kLanes;

template <typename W>
inline Vector<W> load(const W* from) {
  Vector<W> vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}
template <typename W>
inline void store(W* to, Vector<W> vector) {
  std::memcpy(to, &vector, sizeof(vector));
}

} // namespace simd
