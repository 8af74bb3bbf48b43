// Reads which rows belong to which slot out of tensors: lengths, ids or boundaries.
//
// Everything is checked here, once: what a plan holds is in range for the loops that follow it.
#pragma once

#include "segments.h"

namespace plans {

using segments::Segments;
using segments::View;
using tensors::check_shape;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// `batch` is the axis that counts batches: 0 in [B, S, D], 1 in [L, B, D]; rows are the other.
template <typename T>
View<const T> reading(const Tensor& tensor, int64_t batch) {
  return {static_cast<const T*>(tensor.const_data_ptr()), tensor.stride(batch),
          tensor.stride(1 - batch)};
}

template <typename Call>
void with_integers(const Tensor& tensor, const char* name, const Call& call) {
  const ScalarType type = tensor.scalar_type();
  if (type == ScalarType::Int) return call(reading<int32_t>(tensor, 0));
  if (type == ScalarType::Long) return call(reading<int64_t>(tensor, 0));
  const bool narrow = type == ScalarType::Short || type == ScalarType::Char ||
      type == ScalarType::Byte;
  STD_TORCH_CHECK(narrow, name, " must be integers");
  const Tensor wide = torch::stable::to(tensor, ScalarType::Long);
  call(reading<int64_t>(wide, 0));
}

inline Segments segments_of_lengths(const Tensor& lengths, int64_t rows) {
  check_shape(lengths, "lengths", 2);
  Segments plan(lengths.size(0), rows, lengths.size(1));
  with_integers(lengths, "lengths", [&](const auto& view) {
    for (int64_t b = 0; b < plan.batches; ++b) {
      int64_t* const first = plan.first(b);
      first[0] = 0;
      for (int64_t p = 0; p < plan.slots; ++p) {
        const int64_t length = *view.at(b, p);
        STD_TORCH_CHECK(length >= 0 && length <= rows - first[p], "lengths of batch ", b,
                        " must be at least 0 and sum to at most ", rows);
        first[p + 1] = first[p] + length;
      }
    }
  });
  return plan;
}

// Counting sort, stable. True if the kept rows already stood in slot order from the first row on.
template <typename Ids>
bool sort_by_slot(const Ids& ids, int64_t b, const Segments& plan, int64_t* order) {
  int64_t* const first = plan.first(b);
  std::fill_n(first, plan.slots + 1, 0);
  const auto kept = [&](int64_t id) { return id >= 0 && id < plan.slots; };
  for (int64_t r = 0; r < plan.rows; ++r) {
    if (const int64_t id = *ids.at(b, r); kept(id)) ++first[id + 1];
  }
  for (int64_t p = 0; p < plan.slots; ++p) first[p + 1] += first[p];
  bool in_place = true;
  for (int64_t r = 0; r < plan.rows; ++r) {
    const int64_t id = *ids.at(b, r);
    if (!kept(id)) continue;
    in_place = in_place && first[id] == r;
    order[first[id]++] = r;
  }
  // Every start has moved to its end, which is the next slot's start.
  for (int64_t p = plan.slots; p > 0; --p) first[p] = first[p - 1];
  first[0] = 0;
  return in_place;
}

inline Segments segments_of_ids(const Tensor& ids, int64_t slots) {
  check_shape(ids, "ids", 2);
  STD_TORCH_CHECK(slots >= 0, "num_patches must be at least 0, found ", slots);
  Segments plan(ids.size(0), ids.size(1), slots);
  plan.order.reset(new int64_t[plan.batches * plan.rows]);
  bool in_place = true;
  with_integers(ids, "ids", [&](const auto& view) {
    for (int64_t b = 0; b < plan.batches; ++b) {
      in_place &= sort_by_slot(view, b, plan, plan.order.get() + b * plan.rows);
    }
  });
  if (in_place) plan.order.reset();
  return plan;
}

// Reads any 0/1 tensor by its bits; the sign bit of a float is left out, since -0.0 is zero.
template <typename Call>
void with_marks(const Tensor& marks, const Call& call) {
  check_shape(marks, "boundaries", 2);
  const ScalarType type = marks.scalar_type();
  const bool is_float = type == ScalarType::Float || type == ScalarType::Double ||
      type == ScalarType::Half || type == ScalarType::BFloat16;
  const auto run = [&](auto bits) {
    using Bits = decltype(bits);
    const Bits mask = static_cast<Bits>(~Bits{0}) >> (is_float ? 1 : 0);
    const View<const Bits> view = reading<Bits>(marks, 0);
    call([=](int64_t b, int64_t r) { return (*view.at(b, r) & mask) != 0; });
  };
  switch (marks.element_size()) {
    case 1: return run(uint8_t{});
    case 2: return run(uint16_t{});
    case 4: return run(uint32_t{});
    case 8: return run(uint64_t{});
    default: STD_TORCH_CHECK(false, "boundaries must be 0/1 of a bool, integer or float type");
  }
}

inline int64_t count_groups(const Tensor& boundaries) {
  int64_t most = 0;
  with_marks(boundaries, [&](const auto& marked) {
    for (int64_t b = 0; b < boundaries.size(0); ++b) {
      int64_t count = 0;
      for (int64_t r = 0; r < boundaries.size(1); ++r) count += marked(b, r);
      most = std::max(most, count);
    }
  });
  return most;
}

// A mark ends its group (`ends`), or starts one: then slot 0 is what comes before the first mark.
inline Segments segments_of_marks(const Tensor& boundaries, int64_t slots, bool ends) {
  STD_TORCH_CHECK(slots >= 0, "groups must be at least 0, found ", slots);
  check_shape(boundaries, "boundaries", 2);
  Segments plan(boundaries.size(0), boundaries.size(1), slots);
  with_marks(boundaries, [&](const auto& marked) {
    for (int64_t b = 0; b < plan.batches; ++b) {
      int64_t* const first = plan.first(b);
      int64_t p = 0;
      first[0] = 0;
      for (int64_t r = 0; r < plan.rows; ++r) {
        if (!marked(b, r)) continue;
        STD_TORCH_CHECK(ends || p + 1 < slots, "batch ", b, " reads past the ", slots, " slots");
        if (p < slots) first[++p] = ends ? r + 1 : r;
      }
      while (p < slots) first[++p] = plan.rows;
    }
  });
  return plan;
}

} // namespace plans
