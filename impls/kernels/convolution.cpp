// Convolution, pooling by maximum, and windows as columns, on CPU tensors: forward and backward.
#include "columns.h"
#include "convolve_images.h"
#include "convolve_weights.h"
#include "pool.h"

#include <optional>
#include <tuple>

namespace {

using tensors::check_shape;
using tensors::data_of;
using tensors::Tensor;
using tensors::writable;
using windows2d::Windows;

// Images are taken so many at a time that their phases fit into this.
constexpr int64_t kPhasedBytes = 64 << 20;
// Groups whose phases are smaller than this, which is half of a second-level cache, go one by one.
constexpr int64_t kGroupBytes = 512 * 1024;

// ---- convolution --------------------------------------------------------------------------------

void check_groups(const Tensor& w, int64_t channels, int64_t groups) {
  check_shape(w, "w", 4);
  STD_TORCH_CHECK(groups > 0 && w.size(0) % groups == 0 && w.size(1) * groups == channels,
                  "groups must divide the channels of x and the filters of w");
}

// A forward pass: what stays the same from image to image.
template <typename T>
struct Forward {
  using W = rows::Wide<T>;
  const Windows& where;
  int64_t groups, channels, filters; // channels and filters of a group
  const T* bias;
  windows2d::Phases phases{where};
  std::vector<int64_t> offsets = phases.offsets(channels);

  int64_t depth() const {
    return static_cast<int64_t>(offsets.size());
  }
  // Of `count` groups on phases at `right`.
  convolve::Product<T> product(const W* left, const T* shifts, int64_t count, const W* right,
                               T* to) const {
    const int64_t size = where.number();
    const convolve::Product<T> found{
        .left = left, .bias = shifts, .groups = count, .rows = filters, .depth = depth(),
        .offsets = offsets.data(), .right = right, .right_image = count * channels * phases.size,
        .right_group = channels * phases.size, .width = phases.width, .target = to,
        .target_image = count * filters * size, .target_row = size,
        .target_down = where.across.windows(), .target_across = 1,
        .height_out = where.down.windows(), .width_out = where.across.windows()};
    return found.flattened();
  }

  // Image by image, or some at a time.
  void run(const T* x, const W* left, int64_t images, T* to) const {
    const int64_t all = groups * channels, size = where.down.size * where.across.size;
    const int64_t bytes = all * phases.size * static_cast<int64_t>(sizeof(W));
    const int64_t step = std::max<int64_t>(1, kPhasedBytes / bytes);
    convolve::Phased<T> phased(where);
    for (int64_t n = 0; n < images; n += step) {
      const int64_t count = std::min(step, images - n);
      phased.read(x + n * all * size, count * all);
      product(left, bias, groups, phased.data, to + n * groups * filters * where.number())
          .run(count);
    }
  }

  // Group by group, whose phases stay in the cache.
  void run_groups(const T* x, const W* left, int64_t images, T* to) const {
    const int64_t size = where.down.size * where.across.size;
    const int64_t cost = channels * (phases.size + filters * where.number()) * sizeof(T);
    tensors::parallel_rows(images * groups, cost, [&](int64_t begin, int64_t end) {
      convolve::Phased<T> phased(where);
      for (int64_t at = begin; at < end; ++at) {
        const int64_t filter = at % groups * filters;
        phased.read(x + at * channels * size, channels);
        const auto part = product(left + filter * depth(), bias ? bias + filter : nullptr, 1,
                                  phased.data, to + at * filters * where.number());
        part.run_units(0, part.units(1));
      }
    });
  }
};

template <typename T>
void convolve_images(const Windows& where, const T* x, const T* w, const T* b, int64_t images,
                     int64_t groups, int64_t channels, int64_t filters, T* to) {
  const Forward<T> forward{where, groups, channels, filters, b};
  const convolve::Widened<T> weights(w, groups * filters * forward.depth());
  const int64_t bytes = channels * forward.phases.size * static_cast<int64_t>(sizeof(T));
  if (groups > 1 && bytes <= kGroupBytes) {
    forward.run_groups(x, weights.data, images, to);
  } else {
    forward.run(x, weights.data, images, to);
  }
}

Tensor conv2d(Tensor x, Tensor w, std::optional<Tensor> b, int64_t sh, int64_t sw, int64_t ph,
              int64_t pw, int64_t dh, int64_t dw, int64_t groups) {
  check_shape(x, "x", 4);
  check_groups(w, x.size(1), groups);
  STD_TORCH_CHECK(w.scalar_type() == x.scalar_type() &&
                      (!b || b->scalar_type() == x.scalar_type()),
                  "x, w and b must be of one type");
  STD_TORCH_CHECK(!b || (b->dim() == 1 && b->size(0) == w.size(0)), "b must be one per filter");
  const Windows where(x.size(2), x.size(3), {w.size(2), w.size(3), sh, sw, ph, pw, dh, dw});
  const Tensor out = tensors::fresh(
      x, {x.size(0), w.size(0), where.down.windows(), where.across.windows()});
  const Tensor image = tensors::contiguous(x), weights = tensors::contiguous(w);
  const Tensor shifts = b ? tensors::contiguous(*b) : weights;
  tensors::with_float_type(x, [&](auto type) {
    using T = decltype(type);
    convolve_images(where, data_of<T>(image), data_of<T>(weights),
                    b ? data_of<T>(shifts) : nullptr, x.size(0), groups, w.size(1),
                    w.size(0) / groups, writable<T>(out));
  });
  return out;
}

Tensor conv2d_grad_x(Tensor grad, Tensor w, int64_t height, int64_t width, int64_t sh, int64_t sw,
                     int64_t ph, int64_t pw, int64_t dh, int64_t dw, int64_t groups) {
  check_shape(grad, "grad", 4);
  check_groups(w, w.size(1) * groups, groups);
  const Windows where(height, width, {w.size(2), w.size(3), sh, sw, ph, pw, dh, dw});
  const Tensor out = tensors::fresh(grad, {grad.size(0), w.size(1) * groups, height, width});
  const Tensor grads = tensors::contiguous(grad), weights = tensors::contiguous(w);
  tensors::with_float_type(grad, [&](auto type) {
    using T = decltype(type);
    convolve::ImageGradient<T>(where, grad.size(0), groups, w.size(1), w.size(0) / groups)
        .run(data_of<T>(grads), data_of<T>(weights), writable<T>(out));
  });
  return out;
}

Tensor conv2d_grad_w(Tensor grad, Tensor x, int64_t kh, int64_t kw, int64_t sh, int64_t sw,
                     int64_t ph, int64_t pw, int64_t dh, int64_t dw, int64_t groups) {
  check_shape(grad, "grad", 4);
  check_shape(x, "x", 4);
  const Windows where(x.size(2), x.size(3), {kh, kw, sh, sw, ph, pw, dh, dw});
  const int64_t images = x.size(0), channels = x.size(1) / groups, filters = grad.size(1);
  const Tensor out = tensors::fresh(grad, {filters, channels, kh, kw});
  const Tensor grads = tensors::contiguous(grad), image = tensors::contiguous(x);
  tensors::with_float_type(grad, [&](auto type) {
    using T = decltype(type);
    convolve::Phased<T> phased(where);
    phased.read(data_of<T>(image), images * x.size(1));
    const convolve::WeightGradient<T> work{phased.phases, phased.data, images,
                                           groups,        channels,    filters / groups};
    const convolve::Widened<T> wide(data_of<T>(grads), images * filters * where.number());
    if (filters == groups) {
      convolve::FewFilters<1, T>{work}.run(wide.data, writable<T>(out));
    } else if (filters / groups < convolve::kFewFilters) {
      convolve::FewFilters<tiles::kDotRows, T>{work}.run(wide.data, writable<T>(out));
    } else {
      convolve::ManyFilters<T>{work}.run(wide.data, writable<T>(out));
    }
  });
  return out;
}

// ---- pooling ------------------------------------------------------------------------------------

Tensor max_pool2d(Tensor x, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw,
                  int64_t dh, int64_t dw) {
  check_shape(x, "x", 4);
  const Windows where(x.size(2), x.size(3), {kh, kw, sh, sw, ph, pw, dh, dw});
  const Tensor out = tensors::fresh(
      x, {x.size(0), x.size(1), where.down.windows(), where.across.windows()});
  const Tensor image = tensors::contiguous(x);
  tensors::with_float_type(x, [&](auto type) {
    using T = decltype(type);
    pool::forward(data_of<T>(image), x.size(0) * x.size(1), where, writable<T>(out));
  });
  return out;
}

std::tuple<Tensor, Tensor> max_pool2d_with_places(
    Tensor x, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw, int64_t dh,
    int64_t dw) {
  check_shape(x, "x", 4);
  const Windows where(x.size(2), x.size(3), {kh, kw, sh, sw, ph, pw, dh, dw});
  STD_TORCH_CHECK(x.size(2) * x.size(3) < INT32_MAX, "images have less than 2^31 pixels");
  const int64_t height = where.down.windows(), width = where.across.windows();
  const Tensor out = tensors::fresh(x, {x.size(0), x.size(1), height, width});
  const Tensor places =
      tensors::fresh(x, tensors::ScalarType::Int, {x.size(0), x.size(1), height, width});
  const Tensor image = tensors::contiguous(x);
  tensors::with_float_type(x, [&](auto type) {
    using T = decltype(type);
    pool::forward_with_places(data_of<T>(image), x.size(0) * x.size(1), where, writable<T>(out),
                              writable<int32_t>(places));
  });
  return {out, places};
}

Tensor max_pool2d_backward(Tensor grad, Tensor places, int64_t height, int64_t width) {
  check_shape(grad, "grad", 4);
  const int64_t planes = grad.size(0) * grad.size(1);
  const Tensor out = tensors::fresh(grad, {grad.size(0), grad.size(1), height, width});
  const Tensor grads = tensors::contiguous(grad);
  tensors::with_float_type(grad, [&](auto type) {
    using T = decltype(type);
    pool::backward(data_of<T>(grads), data_of<int32_t>(places), planes,
                   grad.size(2) * grad.size(3), height * width, writable<T>(out));
  });
  return out;
}

// ---- columns ------------------------------------------------------------------------------------

Tensor im2col(Tensor x, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw,
              int64_t dh, int64_t dw) {
  check_shape(x, "x", 4);
  const Windows where(x.size(2), x.size(3), {kh, kw, sh, sw, ph, pw, dh, dw});
  const Tensor out = tensors::fresh(x, {x.size(0), x.size(1) * where.taps(), where.number()});
  const Tensor image = tensors::contiguous(x);
  tensors::with_bits(x, [&](auto type) {
    using T = decltype(type);
    columns::from_images(data_of<T>(image), x.size(0) * x.size(1), where, writable<T>(out));
  });
  return out;
}

Tensor col2im(Tensor columns, int64_t height, int64_t width, int64_t kh, int64_t kw, int64_t sh,
              int64_t sw, int64_t ph, int64_t pw, int64_t dh, int64_t dw) {
  check_shape(columns, "columns", 3);
  const Windows where(height, width, {kh, kw, sh, sw, ph, pw, dh, dw});
  STD_TORCH_CHECK(columns.size(1) % where.taps() == 0 && columns.size(2) == where.number(),
                  "columns must be [N, C * kernel, windows]");
  const int64_t channels = columns.size(1) / where.taps();
  const Tensor out = tensors::fresh(columns, {columns.size(0), channels, height, width});
  const Tensor from = tensors::contiguous(columns);
  tensors::with_float_type(columns, [&](auto type) {
    using T = decltype(type);
    columns::to_images(data_of<T>(from), columns.size(0) * channels, where, writable<T>(out));
  });
  return out;
}

} // namespace

// A kernel's options: its size, stride, padding and dilation, each for height and width.
#define WINDOWS "SymInt kh, SymInt kw, " STEPS
#define STEPS "SymInt sh, SymInt sw, SymInt ph, SymInt pw, SymInt dh, SymInt dw"

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("conv2d(Tensor x, Tensor w, Tensor? b, " STEPS ", SymInt groups) -> Tensor");
  m.def("conv2d_grad_x(Tensor grad, Tensor w, SymInt height, SymInt width, " STEPS
        ", SymInt groups) -> Tensor");
  m.def("conv2d_grad_w(Tensor grad, Tensor x, " WINDOWS ", SymInt groups) -> Tensor");
  m.def("max_pool2d(Tensor x, " WINDOWS ") -> Tensor");
  m.def("max_pool2d_with_places(Tensor x, " WINDOWS ") -> (Tensor, Tensor)");
  m.def(
      "max_pool2d_backward(Tensor grad, Tensor places, SymInt height, SymInt width) -> Tensor");
  m.def("im2col(Tensor x, " WINDOWS ") -> Tensor");
  m.def("col2im(Tensor columns, SymInt height, SymInt width, " WINDOWS ") -> Tensor");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("conv2d", TORCH_BOX(&conv2d));
  m.impl("conv2d_grad_x", TORCH_BOX(&conv2d_grad_x));
  m.impl("conv2d_grad_w", TORCH_BOX(&conv2d_grad_w));
  m.impl("max_pool2d", TORCH_BOX(&max_pool2d));
  m.impl("max_pool2d_with_places", TORCH_BOX(&max_pool2d_with_places));
  m.impl("max_pool2d_backward", TORCH_BOX(&max_pool2d_backward));
  m.impl("im2col", TORCH_BOX(&im2col));
  m.impl("col2im", TORCH_BOX(&col2im));
}
