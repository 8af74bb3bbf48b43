// Sums of exponentials, what is made of them, and dot products, on CPU tensors.
#include "dot_rows.h"
#include "softmax_rows.h"
#include "tensors.h"

#include <tuple>

namespace {

using rows::narrow;
using rows::Wide;
using rows::widen;
using softmax_rows::Level;
using tensors::check_shape;
using tensors::data_of;
using tensors::Tensor;
using tensors::writable;
using torch::headeronly::ScalarType;

// What an exponential costs, in bytes that take as long to move.
constexpr int64_t kPowerBytes = 4;

// ---- rows of a matrix ---------------------------------------------------------------------------

// A result of such a size lies in memory that was used before, and is cold by now.
bool is_streamed(const Tensor& out) {
  const auto bytes = static_cast<int64_t>(out.numel() * out.element_size());
  return tensors::is_streamed(bytes);
}

// Calls run(T{}, begin, end) for ranges of the rows, on all threads where the work is worth it.
template <typename Run>
void for_ranges(const Tensor& matrix, const Run& run) {
  const int64_t bytes = matrix.size(1) * (2 * matrix.element_size() + kPowerBytes);
  tensors::with_float_type(matrix, [&](auto type) {
    tensors::parallel_rows(matrix.size(0), bytes, [&](int64_t begin, int64_t end) {
      run(type, begin, end);
      rows::finish_streaming();
    });
  });
}

// Calls run(T{}, row) for every row.
template <typename Run>
void for_rows(const Tensor& matrix, const Run& run) {
  for_ranges(matrix, [&](auto type, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) run(type, row);
  });
}

// The levels of the rows of a matrix, [B, 2] in the type that is computed with: kept for backward.
Tensor fresh_levels(const Tensor& matrix) {
  const bool is_double = matrix.scalar_type() == ScalarType::Double;
  const ScalarType type = is_double ? ScalarType::Double : ScalarType::Float;
  return tensors::fresh(matrix, type, {matrix.size(0), 2});
}

template <typename W>
Level<W>& level_at(const Tensor& levels, int64_t row) {
  static_assert(sizeof(Level<W>) == 2 * sizeof(W));
  return writable<Level<W>>(levels)[row];
}

Tensor fresh_like(const Tensor& matrix) {
  return tensors::fresh(matrix, {matrix.size(0), matrix.size(1)});
}

std::tuple<Tensor, Tensor> logsumexp(Tensor matrix) {
  check_shape(matrix, "matrix", 2);
  const Tensor source = tensors::contiguous(matrix), levels = fresh_levels(matrix);
  const Tensor out = tensors::fresh(matrix, {matrix.size(0)});
  const int64_t size = matrix.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    const auto level = softmax_rows::level_of(data_of<T>(source) + row * size, size);
    writable<T>(out)[row] = narrow<T>(level.shift + level.log_total);
    level_at<Wide<T>>(levels, row) = level;
  });
  return {out, levels};
}

Tensor logsumexp_backward(Tensor grad, Tensor matrix, Tensor levels) {
  check_shape(grad, "grad", 1);
  const Tensor source = tensors::contiguous(matrix), grads = tensors::contiguous(grad);
  const Tensor out = fresh_like(matrix);
  const int64_t size = matrix.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    softmax_rows::scaled_shares(writable<T>(out) + row * size, data_of<T>(source) + row * size,
                                size, level_at<Wide<T>>(levels, row),
                                widen(data_of<T>(grads)[row]));
  });
  return out;
}

Tensor softmax(Tensor matrix) {
  check_shape(matrix, "matrix", 2);
  const Tensor source = tensors::contiguous(matrix), out = fresh_like(matrix);
  const bool streamed = is_streamed(out);
  const int64_t size = matrix.size(1);
  for_ranges(source, [&](auto type, int64_t begin, int64_t end) {
    using T = decltype(type);
    const softmax_rows::Scratch<Wide<T>> scratch(size);
    for (int64_t row = begin; row < end; ++row) {
      softmax_rows::softmax(writable<T>(out) + row * size, data_of<T>(source) + row * size, size,
                            scratch, streamed);
    }
  });
  return out;
}

Tensor softmax_backward(Tensor grad, Tensor shares) {
  check_shape(grad, "grad", 2);
  const Tensor grads = tensors::contiguous(grad), out = fresh_like(shares);
  const bool streamed = is_streamed(out);
  const int64_t size = shares.size(1);
  for_rows(shares, [&](auto type, int64_t row) {
    using T = decltype(type);
    softmax_rows::softmax_backward(writable<T>(out) + row * size, data_of<T>(grads) + row * size,
                                   data_of<T>(shares) + row * size, size, streamed);
  });
  return out;
}

std::tuple<Tensor, Tensor> logsoftmax(Tensor matrix) {
  check_shape(matrix, "matrix", 2);
  const Tensor source = tensors::contiguous(matrix), levels = fresh_levels(matrix);
  const Tensor out = fresh_like(matrix);
  const bool streamed = is_streamed(out);
  const int64_t size = matrix.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    const T* const from = data_of<T>(source) + row * size;
    const auto level = softmax_rows::level_of(from, size);
    softmax_rows::logsoftmax(writable<T>(out) + row * size, from, size, level, streamed);
    level_at<Wide<T>>(levels, row) = level;
  });
  return {out, levels};
}

Tensor logsoftmax_backward(Tensor grad, Tensor matrix, Tensor levels) {
  check_shape(grad, "grad", 2);
  const Tensor source = tensors::contiguous(matrix), grads = tensors::contiguous(grad);
  const Tensor out = fresh_like(matrix);
  const bool streamed = is_streamed(out);
  const int64_t size = matrix.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    softmax_rows::logsoftmax_backward(
        writable<T>(out) + row * size, data_of<T>(grads) + row * size,
        data_of<T>(source) + row * size, size, level_at<Wide<T>>(levels, row), streamed);
  });
  return out;
}

// ---- rows with a label --------------------------------------------------------------------------

// The labels as contiguous int64, in range: nothing past them is read or written.
Tensor checked_labels(const Tensor& labels, const Tensor& logits) {
  check_shape(logits, "logits", 2);
  check_shape(labels, "labels", 1);
  STD_TORCH_CHECK(labels.size(0) == logits.size(0), "labels and logits differ in rows");
  const Tensor whole = tensors::as_int64(labels, "labels");
  for (int64_t row = 0; row < labels.size(0); ++row) {
    const int64_t label = data_of<int64_t>(whole)[row];
    STD_TORCH_CHECK(label >= 0 && label < logits.size(1), "label ", label, " of row ", row,
                    " must be one of 0..", logits.size(1) - 1);
  }
  return whole;
}

std::tuple<Tensor, Tensor> cross_entropy(Tensor logits, Tensor labels) {
  const Tensor whole = checked_labels(labels, logits);
  const Tensor source = tensors::contiguous(logits), levels = fresh_levels(logits);
  const Tensor out = tensors::fresh(logits, {logits.size(0)});
  const int64_t size = logits.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    using W = Wide<T>;
    const T* const from = data_of<T>(source) + row * size;
    const auto level = softmax_rows::level_of(from, size);
    const W own = widen(from[data_of<int64_t>(whole)[row]]);
    // Where every logit is -inf, the difference would be NaN.
    const W infinity = std::numeric_limits<W>::infinity();
    const W loss = own == -infinity ? infinity : level.log_total - (own - level.shift);
    writable<T>(out)[row] = narrow<T>(loss);
    level_at<W>(levels, row) = level;
  });
  return {out, levels};
}

Tensor cross_entropy_backward(Tensor grad, Tensor logits, Tensor labels, Tensor levels) {
  check_shape(grad, "grad", 1);
  const Tensor whole = checked_labels(labels, logits);
  const Tensor source = tensors::contiguous(logits), grads = tensors::contiguous(grad);
  const Tensor out = fresh_like(logits);
  const int64_t size = logits.size(1);
  for_rows(source, [&](auto type, int64_t row) {
    using T = decltype(type);
    using W = Wide<T>;
    const Level<W> level = level_at<W>(levels, row);
    const T* const from = data_of<T>(source) + row * size;
    T* const to = writable<T>(out) + row * size;
    const W gradient = widen(data_of<T>(grads)[row]);
    softmax_rows::scaled_shares(to, from, size, level, gradient);
    const int64_t label = data_of<int64_t>(whole)[row];
    to[label] = narrow<T>(gradient * (softmax_rows::share_of(widen(from[label]), level) - 1));
  });
  return out;
}

// ---- dot products -------------------------------------------------------------------------------

template <typename Call>
void with_number_type(const Tensor& tensor, const Call& call) {
  switch (tensor.scalar_type()) {
    case ScalarType::Long: return call(uint64_t{});
    case ScalarType::Int: return call(uint32_t{});
    case ScalarType::Short: return call(uint16_t{});
    case ScalarType::Char:
    case ScalarType::Byte: return call(uint8_t{});
    default: return tensors::with_float_type(tensor, call);
  }
}

// The elements of each of the tensor's examples.
int64_t elements_of(const Tensor& tensor) {
  int64_t size = 1;
  for (int64_t axis = 1; axis < tensor.dim(); ++axis) size *= tensor.size(axis);
  return size;
}

void check_pair(const Tensor& a, const Tensor& b) {
  STD_TORCH_CHECK(a.is_cpu() && b.is_cpu(), "a and b must be CPU tensors");
  STD_TORCH_CHECK(a.dim() >= 2 && a.dim() == b.dim() && a.scalar_type() == b.scalar_type(),
                  "a and b must have one type and number of axes, 2 and more");
  for (int64_t axis = 0; axis < a.dim(); ++axis) {
    STD_TORCH_CHECK(a.size(axis) == b.size(axis), "a and b differ in axis ", axis);
  }
}

Tensor batch_dot(Tensor a, Tensor b) {
  check_pair(a, b);
  const Tensor left = tensors::contiguous(a), right = tensors::contiguous(b);
  const Tensor out = tensors::fresh(a, {a.size(0)});
  const int64_t size = elements_of(a);
  with_number_type(left, [&](auto type) {
    using T = decltype(type);
    const int64_t bytes = 2 * size * sizeof(T);
    tensors::parallel_rows(a.size(0), bytes, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        writable<T>(out)[row] =
            dot_rows::dot(data_of<T>(left) + row * size, data_of<T>(right) + row * size, size);
      }
    });
  });
  return out;
}

std::tuple<Tensor, Tensor> batch_dot_backward(Tensor grad, Tensor a, Tensor b) {
  check_shape(grad, "grad", 1);
  check_pair(a, b);
  const Tensor left = tensors::contiguous(a), right = tensors::contiguous(b);
  const Tensor grads = tensors::contiguous(grad);
  const Tensor to_left = torch::stable::empty_like(left);
  const Tensor to_right = torch::stable::empty_like(right);
  const bool streamed = is_streamed(to_left);
  const int64_t size = elements_of(a);
  tensors::with_float_type(left, [&](auto type) {
    using T = decltype(type);
    const auto scale = [&](const Tensor& to, const Tensor& from, int64_t row) {
      const T* const in = data_of<T>(from) + row * size;
      const Wide<T> gradient = widen(data_of<T>(grads)[row]);
      lanes::write_row(writable<T>(to) + row * size, size, streamed,
                       [=](int64_t i) { return narrow<T>(gradient * widen(in[i])); });
    };
    tensors::parallel_rows(a.size(0), 4 * size * sizeof(T), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        scale(to_left, right, row);
        scale(to_right, left, row);
      }
      rows::finish_streaming();
    });
  });
  return {to_left, to_right};
}

} // namespace

OPBENCH_LIBRARY(OPBENCH_NAMESPACE, m) {
  m.def("logsumexp(Tensor matrix) -> (Tensor, Tensor)");
  m.def("logsumexp_backward(Tensor grad, Tensor matrix, Tensor levels) -> Tensor");
  m.def("softmax(Tensor matrix) -> Tensor");
  m.def("softmax_backward(Tensor grad, Tensor shares) -> Tensor");
  m.def("logsoftmax(Tensor matrix) -> (Tensor, Tensor)");
  m.def("logsoftmax_backward(Tensor grad, Tensor matrix, Tensor levels) -> Tensor");
  m.def("cross_entropy(Tensor logits, Tensor labels) -> (Tensor, Tensor)");
  m.def(
      "cross_entropy_backward(Tensor grad, Tensor logits, Tensor labels, Tensor levels) -> Tensor");
  m.def("batch_dot(Tensor a, Tensor b) -> Tensor");
  m.def("batch_dot_backward(Tensor grad, Tensor a, Tensor b) -> (Tensor, Tensor)");
}

OPBENCH_LIBRARY_IMPL(OPBENCH_NAMESPACE, CPU, m) {
  m.impl("logsumexp", TORCH_BOX(&logsumexp));
  m.impl("logsumexp_backward", TORCH_BOX(&logsumexp_backward));
  m.impl("softmax", TORCH_BOX(&softmax));
  m.impl("softmax_backward", TORCH_BOX(&softmax_backward));
  m.impl("logsoftmax", TORCH_BOX(&logsoftmax));
  m.impl("logsoftmax_backward", TORCH_BOX(&logsoftmax_backward));
  m.impl("cross_entropy", TORCH_BOX(&cross_entropy));
  m.impl("cross_entropy_backward", TORCH_BOX(&cross_entropy_backward));
  m.impl("batch_dot", TORCH_BOX(&batch_dot));
  m.impl("batch_dot_backward", TORCH_BOX(&batch_dot_backward));
}
