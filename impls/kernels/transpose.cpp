// Elements moved into another order of axes, on CPU tensors of any type.
#include "permute.h"

namespace {

using permute::Axis;
using tensors::check_shape;
using tensors::Tensor;

// Axis `index` of a tensor, or a part of it: `size` steps of `step` elements.
Axis axis_of(const Tensor& x, int64_t index) {
  return {x.size(index), x.stride(index)};
}

Axis part_of(const Tensor& x, int64_t index, int64_t size, int64_t step) {
  return {size, x.stride(index) * step};
}

// `to` filled from `x`, whose axes are given in the order that they have in `to`.
Tensor filled(Tensor to, const Tensor& x, std::initializer_list<Axis> axes) {
  tensors::with_bits(x, [&](auto type) {
    using T = decltype(type);
    permute::copy(tensors::data_of<T>(x), tensors::writable<T>(to), axes);
  });
  return to;
}

Tensor transpose(Tensor x) {
  if (x.dim() == 3) {
    return filled(tensors::fresh(x, {x.size(0), x.size(2), x.size(1)}), x,
                  {axis_of(x, 0), axis_of(x, 2), axis_of(x, 1)});
  }
  check_shape(x, "x", 4);
  return filled(tensors::fresh(x, {x.size(0), x.size(1), x.size(3), x.size(2)}), x,
                {axis_of(x, 0), axis_of(x, 1), axis_of(x, 3), axis_of(x, 2)});
}

Tensor last_to_front(Tensor x) {
  check_shape(x, "x", 4);
  return filled(tensors::fresh(x, {x.size(3), x.size(0), x.size(1), x.size(2)}), x,
                {axis_of(x, 3), axis_of(x, 0), axis_of(x, 1), axis_of(x, 2)});
}

Tensor split_heads(Tensor x, int64_t heads) {
  check_shape(x, "x", 3);
  STD_TORCH_CHECK(heads > 0 && x.size(2) % heads == 0, "heads must divide the width");
  const int64_t depth = x.size(2) / heads;
  return filled(tensors::fresh(x, {x.size(0), heads, x.size(1), depth}), x,
                {axis_of(x, 0), part_of(x, 2, heads, depth), axis_of(x, 1),
                 part_of(x, 2, depth, 1)});
}

Tensor merge_heads(Tensor x) {
  check_shape(x, "x", 4);
  return filled(tensors::fresh(x, {x.size(0), x.size(2), x.size(1) * x.size(3)}), x,
                {axis_of(x, 0), axis_of(x, 2), axis_of(x, 1), axis_of(x, 3)});
}

Tensor pixel_unshuffle(Tensor x, int64_t s) {
  check_shape(x, "x", 4);
  STD_TORCH_CHECK(s > 0 && x.size(2) % s == 0 && x.size(3) % s == 0,
                  "the factor must divide height and width");
  const int64_t height = x.size(2) / s, width = x.size(3) / s;
  return filled(tensors::fresh(x, {x.size(0), x.size(1) * s * s, height, width}), x,
                {axis_of(x, 0), axis_of(x, 1), part_of(x, 2, s, 1), part_of(x, 3, s, 1),
                 part_of(x, 2, height, s), part_of(x, 3, width, s)});
}

Tensor pixel_shuffle(Tensor x, int64_t s) {
  check_shape(x, "x", 4);
  STD_TORCH_CHECK(s > 0 && x.size(1) % (s * s) == 0,
                  "the factor squared must divide the channels");
  const int64_t channels = x.size(1) / (s * s);
  return filled(tensors::fresh(x, {x.size(0), channels, x.size(2) * s, x.size(3) * s}), x,
                {axis_of(x, 0), part_of(x, 1, channels, s * s), axis_of(x, 2), part_of(x, 1, s, s),
                 axis_of(x, 3), part_of(x, 1, s, 1)});
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("transpose(Tensor x) -> Tensor");
  m.def("last_to_front(Tensor x) -> Tensor");
  m.def("split_heads(Tensor x, SymInt heads) -> Tensor");
  m.def("merge_heads(Tensor x) -> Tensor");
  m.def("pixel_unshuffle(Tensor x, SymInt factor) -> Tensor");
  m.def("pixel_shuffle(Tensor x, SymInt factor) -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("transpose", TORCH_BOX(&transpose));
  m.impl("last_to_front", TORCH_BOX(&last_to_front));
  m.impl("split_heads", TORCH_BOX(&split_heads));
  m.impl("merge_heads", TORCH_BOX(&merge_heads));
  m.impl("pixel_unshuffle", TORCH_BOX(&pixel_unshuffle));
  m.impl("pixel_shuffle", TORCH_BOX(&pixel_shuffle));
}
