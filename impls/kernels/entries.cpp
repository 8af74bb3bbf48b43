// Ops by which calls enter: of a differentiable op, one that goes to its kernel at once where nobody
// differentiates.
//
// A gradient that is registered with torch.library puts Python in front of the kernel, for every
// call. Here the dispatcher comes first: an entry is called with the keys of a call, and goes on
// past those of autograd.

// The dispatcher isn't part of the stable ABI, for which all other sources here are written.
#undef TORCH_TARGET_VERSION
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <exception>
#include <memory>
#include <string>

namespace {

using torch::jit::Stack;

// Whether a value is a tensor whose gradient is asked for, backward or forward.
bool is_differentiated(const c10::IValue& value) {
  if (!value.isTensor()) return false;
  const at::Tensor& tensor = value.toTensor();
  if (!tensor.defined()) return false;
  return (tensor.requires_grad() && at::GradMode::is_enabled()) || tensor._fw_grad(0).defined();
}

class Entry final : public c10::OperatorKernel {
 public:
  explicit Entry(c10::OperatorHandle op)
      : op_(std::move(op)), arguments_(op_.schema().arguments().size()) {}

  void operator()(const c10::OperatorHandle&, c10::DispatchKeySet keys, Stack* stack) {
    for (const c10::IValue& value : torch::jit::last(*stack, arguments_)) {
      if (is_differentiated(value)) return op_.callBoxed(stack);
    }
    op_.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
  }

 private:
  c10::OperatorHandle op_;
  std::size_t arguments_;
};

void add(const std::string& op_name, const std::string& space, const std::string& entry_name) {
  auto& dispatcher = c10::Dispatcher::singleton();
  if (dispatcher.findSchema({entry_name, ""})) return;
  const auto op = dispatcher.findSchemaOrThrow(op_name.c_str(), "");
  // Kept for good: what it registers goes with it.
  auto* const library =
      new torch::Library(torch::Library::FRAGMENT, space, std::nullopt, __FILE__, __LINE__);
  library->def(op.schema().cloneWithName(entry_name, ""),
               torch::CppFunction::makeFromBoxedFunctor(std::make_unique<Entry>(op)));
}

} // namespace

// Registers `space::name`, an entry to the op `from::name`, unless it is there. Returns null, or
// what went wrong, valid until the next call.
extern "C" const char* opbench_add_entry(const char* from, const char* space, const char* name) {
  static thread_local std::string message;
  try {
    const std::string suffix = std::string("::") + name;
    add(from + suffix, space, space + suffix);
    return nullptr;
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}
