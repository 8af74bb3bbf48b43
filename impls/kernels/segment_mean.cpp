// The pooling ops on CPU tensors: reads the segments from lengths, ids or boundaries, then reduces
// or expands rows.
#include "plans.h"

#include <optional>

namespace {

using namespace plans;

// ---- tensors ------------------------------------------------------------------------------------

Tensor with_adjacent_columns(const Tensor& tensor) {
  if (tensor.size(2) == 1 || tensor.stride(2) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

template <typename T>
View<T> writing(const Tensor& tensor, int64_t batch) {
  return {static_cast<T*>(tensor.mutable_data_ptr()), tensor.stride(batch),
          tensor.stride(1 - batch)};
}

void reduce(const Tensor& from, const Tensor& to, const Segments& plan, int64_t batch, double fill,
            bool mean, int64_t skipped_rows = 0) {
  const Tensor source = with_adjacent_columns(from);
  tensors::with_float_type(source, [&](auto type) {
    using T = decltype(type);
    View<T> target = writing<T>(to, batch);
    target.data += skipped_rows * target.row;
    const T filling = rows::narrow<T>(static_cast<rows::Wide<T>>(fill));
    segments::reduce(reading<T>(source, batch), target, plan, to.size(2), filling, mean);
  });
}

void expand(const Tensor& from, const Tensor& to, const Segments& plan, int64_t batch, bool mean,
            int64_t skipped_rows = 0) {
  const Tensor source = with_adjacent_columns(from);
  tensors::with_float_type(source, [&](auto type) {
    using T = decltype(type);
    View<const T> view = reading<T>(source, batch);
    view.data += skipped_rows * view.row;
    segments::expand(view, writing<T>(to, batch), plan, to.size(2), mean);
  });
}

// ---- ops ----------------------------------------------------------------------------------------

Tensor span_mean(Tensor tokens, Tensor lengths, double fill) {
  check_shape(tokens, "tokens", 3);
  const Segments plan = segments_of_lengths(lengths, tokens.size(1));
  STD_TORCH_CHECK(tokens.size(0) == plan.batches, "tokens and lengths differ in batches");
  Tensor out = tensors::fresh(tokens, {plan.batches, plan.slots, tokens.size(2)});
  reduce(tokens, out, plan, 0, fill, true);
  return out;
}

Tensor span_mean_backward(Tensor grad, Tensor lengths, int64_t rows) {
  check_shape(grad, "grad", 3);
  const Segments plan = segments_of_lengths(lengths, rows);
  Tensor out = tensors::fresh(grad, {plan.batches, rows, grad.size(2)});
  expand(grad, out, plan, 0, true);
  return out;
}

Tensor id_mean(Tensor tokens, Tensor ids, int64_t slots, double fill) {
  check_shape(tokens, "tokens", 3);
  const Segments plan = segments_of_ids(ids, slots);
  STD_TORCH_CHECK(tokens.size(0) == plan.batches && tokens.size(1) == plan.rows,
                  "tokens and ids differ in batches or tokens");
  Tensor out = tensors::fresh(tokens, {plan.batches, slots, tokens.size(2)});
  reduce(tokens, out, plan, 0, fill, true);
  return out;
}

Tensor id_mean_backward(Tensor grad, Tensor ids) {
  check_shape(grad, "grad", 3);
  const Segments plan = segments_of_ids(ids, grad.size(1));
  Tensor out = tensors::fresh(grad, {plan.batches, plan.rows, grad.size(2)});
  expand(grad, out, plan, 0, true);
  return out;
}

Tensor group_mean(
    Tensor boundaries, Tensor hidden, Tensor null_group, std::optional<int64_t> groups) {
  check_shape(hidden, "hidden", 3);
  check_shape(null_group, "null_group", 3);
  const int64_t slots = groups ? *groups : count_groups(boundaries);
  const Segments plan = segments_of_marks(boundaries, slots, true);
  const int64_t width = hidden.size(2);
  STD_TORCH_CHECK(hidden.size(0) == plan.rows && hidden.size(1) == plan.batches,
                  "hidden must be [tokens, batches, width] of boundaries");
  STD_TORCH_CHECK(null_group.numel() == width && null_group.size(2) == width &&
                  null_group.scalar_type() == hidden.scalar_type(),
                  "null_group must be one row of hidden");
  Tensor out = tensors::fresh(hidden, {slots + 1, plan.batches, width});
  const Tensor null_row = tensors::contiguous(null_group);
  const size_t row_bytes = width * hidden.element_size();
  auto* const row = static_cast<char*>(out.mutable_data_ptr());
  for (int64_t b = 0; b < plan.batches && row_bytes > 0; ++b) {
    std::memcpy(row + b * row_bytes, null_row.const_data_ptr(), row_bytes);
  }
  reduce(hidden, out, plan, 1, 0.0, true, 1);
  return out;
}

Tensor group_mean_backward(Tensor grad, Tensor boundaries) {
  check_shape(grad, "grad", 3);
  const Segments plan = segments_of_marks(boundaries, grad.size(0) - 1, true);
  Tensor out = tensors::fresh(grad, {plan.rows, plan.batches, grad.size(2)});
  expand(grad, out, plan, 1, true, 1);
  return out;
}

Tensor group_read(Tensor boundaries, Tensor shortened) {
  check_shape(shortened, "shortened", 3);
  const Segments plan = segments_of_marks(boundaries, shortened.size(0), false);
  STD_TORCH_CHECK(shortened.size(1) == plan.batches, "boundaries and shortened differ in batches");
  Tensor out = tensors::fresh(shortened, {plan.rows, plan.batches, shortened.size(2)});
  expand(shortened, out, plan, 1, false);
  return out;
}

Tensor group_read_backward(Tensor grad, Tensor boundaries, int64_t slots) {
  check_shape(grad, "grad", 3);
  const Segments plan = segments_of_marks(boundaries, slots, false);
  Tensor out = tensors::fresh(grad, {slots, plan.batches, grad.size(2)});
  reduce(grad, out, plan, 1, 0.0, false);
  return out;
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("span_mean(Tensor tokens, Tensor lengths, float fill) -> Tensor");
  m.def("span_mean_backward(Tensor grad, Tensor lengths, SymInt rows) -> Tensor");
  m.def("id_mean(Tensor tokens, Tensor ids, SymInt slots, float fill) -> Tensor");
  m.def("id_mean_backward(Tensor grad, Tensor ids) -> Tensor");
  m.def(
      "group_mean(Tensor boundaries, Tensor hidden, Tensor null_group, SymInt? groups) -> Tensor");
  m.def("group_mean_backward(Tensor grad, Tensor boundaries) -> Tensor");
  m.def("group_read(Tensor boundaries, Tensor shortened) -> Tensor");
  m.def("group_read_backward(Tensor grad, Tensor boundaries, SymInt slots) -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("span_mean", TORCH_BOX(&span_mean));
  m.impl("span_mean_backward", TORCH_BOX(&span_mean_backward));
  m.impl("id_mean", TORCH_BOX(&id_mean));
  m.impl("id_mean_backward", TORCH_BOX(&id_mean_backward));
  m.impl("group_mean", TORCH_BOX(&group_mean));
  m.impl("group_mean_backward", TORCH_BOX(&group_mean_backward));
  m.impl("group_read", TORCH_BOX(&group_read));
  m.impl("group_read_backward", TORCH_BOX(&group_read_backward));
}
