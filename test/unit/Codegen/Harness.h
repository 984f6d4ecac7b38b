//===- Harness.h - Compile a kernel from text and run it ---------*- C++ -*-===//
#ifndef SELFOPT_TEST_CODEGEN_HARNESS_H
#define SELFOPT_TEST_CODEGEN_HARNESS_H

#include "SelfOpt/Codegen/KernelCompiler.h"
#include "SelfOpt/Codegen/Lowering.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace selfopt::codegen::test {

inline mlir::MLIRContext &context() {
  static auto *instance = [] {
    mlir::DialectRegistry registry;
    registerCodegenDialects(registry);
    auto *made = new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}

struct Parsed {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<mlir::func::FuncOp> kernels;
};
inline Parsed parse(const std::string &text) {
  Parsed parsed;
  parsed.module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()));
  if (parsed.module)
    for (auto func : parsed.module->getOps<mlir::func::FuncOp>())
      parsed.kernels.push_back(func);
  else
    ADD_FAILURE() << "does not parse:\n" << text;
  return parsed;
}

/// One compiler per lane count for the whole run, so that a kernel of several tests is compiled once.
inline KernelCompiler &compiler(unsigned lanes) {
  static std::map<unsigned, std::unique_ptr<KernelCompiler>> all;
  auto &slot = all[lanes];
  if (!slot) {
    CompilerOptions options;
    options.lanes = lanes;
    slot = llvm::cantFail(KernelCompiler::create(options));
  }
  return *slot;
}

inline KernelFn compile(const std::string &text, unsigned lanes) {
  Parsed parsed = parse(text);
  auto functions = compiler(lanes).getOrCompile(parsed.kernels);
  if (!functions) {
    ADD_FAILURE() << llvm::toString(functions.takeError()) << text;
    return nullptr;
  }
  return functions->front();
}
inline std::string compileError(const std::string &text, unsigned lanes = 16) {
  Parsed parsed = parse(text);
  auto functions = compiler(lanes).getOrCompile(parsed.kernels);
  if (functions)
    return "";
  return llvm::toString(functions.takeError());
}

/// Memory whose end lies at the start of a page that cannot be touched; the bytes before it are checked on demand.
template <typename T> class Buffer {
public:
  explicit Buffer(std::vector<size_t> shape, T fill = poison()) : shape(shape) {
    count = 1;
    for (size_t size : shape)
      count *= size;
    size_t page = sysconf(_SC_PAGESIZE);
    mapped = (count * sizeof(T) + kGuard + page - 1) / page * page + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + mapped - page, page, PROT_NONE);
    data = reinterpret_cast<T *>(base + mapped - page - count * sizeof(T));
    std::memset(base, 0xff, mapped - page); // as a float this is NaN
    for (size_t i = 0; i < count; ++i)
      data[i] = fill;
  }
  Buffer(Buffer &&other)
      : shape(other.shape), count(other.count), mapped(other.mapped), base(other.base), data(other.data) {
    other.base = nullptr;
  }
  ~Buffer() {
    if (base)
      munmap(base, mapped);
  }
  T &operator[](size_t i) { return data[i]; }
  T &at(size_t i, size_t j) { return data[i * shape[1] + j]; }
  T *get() { return data; }
  size_t size() const { return count; }
  Buffer &random(unsigned seed, double low = -1, double high = 1) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> dist(low, high);
    for (size_t i = 0; i < count; ++i)
      data[i] = T(dist(engine));
    return *this;
  }
  bool guardIntact() const {
    for (const char *p = base; p < reinterpret_cast<const char *>(data); ++p)
      if (*p != char(0xff))
        return false;
    return true;
  }
  static T poison() {
    if constexpr (std::is_floating_point_v<T>)
      return std::numeric_limits<T>::quiet_NaN();
    else
      return T(0x5a);
  }
  std::vector<size_t> shape;

private:
  static constexpr size_t kGuard = 256;
  size_t count, mapped;
  char *base;
  T *data;
};

/// The slots of a call.
class Call {
public:
  template <typename T> Call &operator<<(Buffer<T> &buffer) {
    slots.push_back(reinterpret_cast<uint64_t>(buffer.get()));
    for (size_t size : buffer.shape)
      slots.push_back(size);
    return *this;
  }
  Call &operator<<(float value) {
    // The upper half must not matter.
    uint64_t slot = 0xdeadbeef00000000ull;
    std::memcpy(&slot, &value, sizeof(value));
    slots.push_back(slot);
    return *this;
  }
  Call &operator<<(int32_t value) {
    slots.push_back(0xdeadbeef00000000ull | uint32_t(value));
    return *this;
  }
  Call &operator<<(int64_t value) {
    slots.push_back(uint64_t(value));
    return *this;
  }
  void run(KernelFn fn) {
    if (fn)
      fn(slots.data());
  }

private:
  std::vector<uint64_t> slots;
};

inline void expectClose(double found, double expected, double relative, double absolute, const std::string &where) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(found)) << where << ": expected NaN, found " << found;
    return;
  }
  if (std::isinf(expected)) {
    EXPECT_EQ(found, expected) << where;
    return;
  }
  EXPECT_LE(std::abs(found - expected), absolute + relative * std::abs(expected))
      << where << ": expected " << expected << ", found " << found;
}

class LanesTest : public testing::TestWithParam<unsigned> {
protected:
  KernelFn compile(const std::string &text) { return test::compile(text, GetParam()); }
};
#define SELFOPT_ALL_LANES(Suite)                                                                                       \
  INSTANTIATE_TEST_SUITE_P(Lanes, Suite, testing::Values(4u, 8u, 16u),                                                 \
                           [](const auto &info) { return std::to_string(info.param); })

} // namespace selfopt::codegen::test

#endif // SELFOPT_TEST_CODEGEN_HARNESS_H
