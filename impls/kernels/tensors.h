// What every kernel needs of tensors: results to write to, element types, threads, registration.
#pragma once

#include "rows.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <initializer_list>

#if defined(__linux__)
#include <sys/mman.h>
#endif

// One more level of macro, so that OPBENCH_NAMESPACE is expanded before the library pastes it. It
// comes from the command line and carries the source's hash.
#define OPBENCH_LIBRARY(name, m) STABLE_TORCH_LIBRARY(name, m)
#define OPBENCH_LIBRARY_IMPL(name, key, m) STABLE_TORCH_LIBRARY_IMPL(name, key, m)

namespace tensors {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// glibc serves requests from this size on by a mapping of their own, whatever its tuning.
constexpr int64_t kLeastFreshBytes = 32 << 20;
// Less work than this is done by the calling thread: waking another takes longer.
constexpr int64_t kSerialBytes = 64 * 1024;

// A result that is larger than the caches of a core, and smaller than what comes as fresh pages,
// lies in memory that was used before and is mostly cold by now: a plain store would read it first.
// Fresh pages were just cleared, in cache. benchmarks/pooling_kernels.py shows what both cost.
constexpr int64_t kLeastStreamedBytes = 8 << 20;

inline bool is_streamed(int64_t bytes) {
  return kLeastStreamedBytes <= bytes && bytes < kLeastFreshBytes;
}

inline void check_shape(const Tensor& tensor, const char* name, int64_t dim) {
  STD_TORCH_CHECK(tensor.is_cpu(), name, " must be a CPU tensor");
  STD_TORCH_CHECK(tensor.dim() == dim, name, " must have ", dim, " axes, found ", tensor.dim());
}

// Most of the time of a large result goes into the page faults of its first touch. Huge pages make
// them 512 times fewer; the advice goes away with the mapping, so nothing else ever sees it.
inline void advise_huge_pages(const Tensor& tensor) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto bytes = static_cast<int64_t>(tensor.numel() * tensor.element_size());
  if (bytes < kLeastFreshBytes) return;
  const auto start = reinterpret_cast<uintptr_t>(tensor.mutable_data_ptr());
  const uintptr_t aligned = (start + 4095) & ~uintptr_t{4095};
  madvise(reinterpret_cast<void*>(aligned), (start + bytes - aligned) & ~uintptr_t{4095},
          MADV_HUGEPAGE);
#endif
}

// Memory for a result of this type and these sizes, on the device of `like`; not yet written to.
// By the C interface: torch::stable::empty looks its op up by name, in every call.
inline Tensor fresh(
    const Tensor& like, ScalarType type, std::initializer_list<int64_t> sizes) {
  auto number = torch::stable::detail::to<int32_t>(torch::stable::detail::from(type));
  AtenTensorHandle handle;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_aten_new_empty(
      like.get(), sizes.begin(), static_cast<int64_t>(sizes.size()), &number, nullptr, nullptr, 0,
      nullptr, &handle));
  Tensor result(handle);
  advise_huge_pages(result);
  return result;
}

inline Tensor fresh(const Tensor& like, std::initializer_list<int64_t> sizes) {
  return fresh(like, like.scalar_type(), sizes);
}

inline Tensor contiguous(const Tensor& tensor) {
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

template <typename T>
const T* data_of(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <typename T>
T* writable(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// Calls call(T{}) with the element type to compute with: half types as those of rows.h.
template <typename Call>
void with_float_type(const Tensor& tensor, const Call& call) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float: return call(float{});
    case ScalarType::Double: return call(double{});
    case ScalarType::Half: return call(rows::Float16{});
    case ScalarType::BFloat16: return call(rows::BFloat16{});
    default: STD_TORCH_CHECK(false, "only float16, bfloat16, float32 and float64 are taken");
  }
}

// Calls call(T{}) with an unsigned integer of the element's size, for what only moves data.
template <typename Call>
void with_bits(const Tensor& tensor, const Call& call) {
  switch (tensor.element_size()) {
    case 1: return call(uint8_t{});
    case 2: return call(uint16_t{});
    case 4: return call(uint32_t{});
    case 8: return call(uint64_t{});
    default: STD_TORCH_CHECK(false, "elements of 1, 2, 4 or 8 bytes are taken");
  }
}

// The indices of a tensor as contiguous int64.
inline Tensor as_int64(const Tensor& tensor, const char* name) {
  const ScalarType type = tensor.scalar_type();
  const bool whole = type == ScalarType::Long || type == ScalarType::Int ||
      type == ScalarType::Short || type == ScalarType::Char || type == ScalarType::Byte;
  STD_TORCH_CHECK(whole, name, " must be integers");
  if (type == ScalarType::Long) return tensors::contiguous(tensor);
  return torch::stable::contiguous(torch::stable::to(tensor, ScalarType::Long));
}

// Calls run(begin, end) for pieces of 0 .. rows - 1, on all threads where the work is worth it.
// bytes_per_row: what a row reads and writes; arithmetic counts as bytes that take as long.
template <typename Run>
void parallel_rows(int64_t rows, int64_t bytes_per_row, const Run& run) {
  if (rows == 0) return;
  const int64_t cost = std::max<int64_t>(1, bytes_per_row);
  if (rows == 1 || rows * cost < kSerialBytes) return run(0, rows);
  torch::stable::parallel_for(0, rows, std::max<int64_t>(1, kSerialBytes / 2 / cost), run);
}

} // namespace tensors
