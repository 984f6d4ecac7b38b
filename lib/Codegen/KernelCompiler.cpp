//===- KernelCompiler.cpp - From a kernel to a native function --------------===//
#include "SelfOpt/Codegen/KernelCompiler.h"
#include "NativeCode.h"
#include "ObjectCache.h"
#include "SelfOpt/Codegen/Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <chrono>

using namespace mlir;

namespace selfopt::codegen {

/// Part of the key of the disk cache: raise it with every change of the generated code.
static constexpr llvm::StringLiteral kCompilerVersion = "selfopt-codegen-3 llvm-" LLVM_VERSION_STRING;

static std::string symbolOf(llvm::StringRef digest) { return ("k_" + digest).str(); }

struct KernelCompiler::Impl {
  CompilerOptions options;
  std::unique_ptr<NativeTarget> target;
  std::unique_ptr<Loader> loader;
  std::optional<ObjectCache> cache;
  std::unique_ptr<MLIRContext> context; // made when something is compiled
  llvm::StringMap<KernelFn> loaded;
  llvm::DenseMap<const void *, int64_t> codeBytes; // of what is loaded
  CompileStats stats;
  unsigned lanes = 0;

  /// Kernels that are missing, by digest, in the order in which they were asked for.
  using Missing = llvm::MapVector<llvm::StringRef, func::FuncOp>;

  void keep(llvm::StringRef digest, const LoadedKernel &kernel) {
    loaded[digest] = kernel.function;
    codeBytes[reinterpret_cast<const void *>(kernel.function)] = kernel.codeBytes;
  }
  void loadFromDisk(Missing &missing);
  llvm::Error compile(const Missing &missing);
  LogicalResult import(func::FuncOp kernel, llvm::StringRef digest, ModuleOp into);
};

void KernelCompiler::Impl::loadFromDisk(Missing &missing) {
  llvm::MapVector<std::string, std::vector<std::string>, llvm::StringMap<unsigned>> objects; // object -> digests
  for (auto &entry : missing)
    if (std::optional<std::string> object = cache->findObject(entry.first))
      objects[*object].push_back(entry.first.str());
  for (auto &[name, digests] : objects) {
    std::unique_ptr<llvm::MemoryBuffer> buffer = cache->readObject(name);
    if (!buffer)
      continue;
    std::vector<std::string> symbols;
    for (const std::string &digest : digests)
      symbols.push_back(symbolOf(digest));
    llvm::Expected<std::vector<LoadedKernel>> functions = loader->load(std::move(buffer), symbols);
    if (!functions) {
      llvm::consumeError(functions.takeError());
      continue;
    }
    for (auto [digest, function] : llvm::zip_equal(digests, *functions)) {
      keep(digest, function);
      ++stats.diskHits;
    }
  }
  missing.remove_if([&](auto &entry) { return loaded.contains(entry.first); });
}

/// Copies a kernel into our context. Text is the way: contexts share nothing.
LogicalResult KernelCompiler::Impl::import(func::FuncOp kernel, llvm::StringRef digest, ModuleOp into) {
  OwningOpRef<func::FuncOp> copy(kernel.clone());
  copy->setSymName(symbolOf(digest));
  // Attributes of other dialects may not even parse here, and mean nothing.
  copy.get()->walk([](Operation *op) { op->setDiscardableAttrs(DictionaryAttr::get(op->getContext())); });
  copy->removeArgAttrsAttr();
  copy->removeSymVisibilityAttr();
  std::string text;
  llvm::raw_string_ostream os(text);
  copy.get()->print(os, OpPrintingFlags().useLocalScope());
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(context.get()));
  if (!module)
    return failure();
  Operation *func = *module->getOps<func::FuncOp>().begin();
  func->remove();
  into.push_back(func);
  return success();
}

/// On an x86 without FMA, the intrinsic would call a function for every lane.
static void expandFma(ModuleOp module) {
  module.walk([](Operation *op) {
    if (!isa<vector::FMAOp, math::FmaOp>(op))
      return;
    OpBuilder b(op);
    Value product = arith::MulFOp::create(b, op->getLoc(), op->getOperand(0), op->getOperand(1));
    Value sum = arith::AddFOp::create(b, op->getLoc(), product, op->getOperand(2));
    op->replaceAllUsesWith(ValueRange(sum));
    op->erase();
  });
}

llvm::Error KernelCompiler::Impl::compile(const Missing &missing) {
  if (!context) {
    DialectRegistry registry;
    registerCodegenDialects(registry);
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    context->printOpOnDiagnostic(false);
  }
  std::string messages;
  llvm::raw_string_ostream os(messages);
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    os << diagnostic << '\n';
    for (Diagnostic &note : diagnostic.getNotes())
      os << "  note: " << note << '\n';
  });
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  std::vector<std::string> digests, symbols;
  for (auto [digest, kernel] : missing) {
    if (failed(import(kernel, digest, *module)) ||
        failed(lowerKernelToVector(cast<func::FuncOp>(module->getBody()->back()), lanes)))
      return llvm::createStringError("kernel '" + kernel.getName().str() + "': " + messages);
    digests.push_back(digest.str());
    symbols.push_back(symbolOf(digest));
  }
  if (!target->hasFma())
    expandFma(*module);
  if (failed(lowerVectorToLLVM(*module)))
    return llvm::createStringError("kernels do not lower to the LLVM dialect: " + messages);
  auto object = target->compile(*module);
  if (!object)
    return llvm::createStringError(llvm::toString(object.takeError()) + ": " + messages);
  cache->write(digests, (*object)->getBuffer());
  auto functions = loader->load(std::move(*object), symbols);
  if (!functions)
    return functions.takeError();
  for (auto [digest, function] : llvm::zip_equal(digests, *functions)) {
    keep(digest, function);
    ++stats.compiled;
  }
  return llvm::Error::success();
}

KernelCompiler::KernelCompiler(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
KernelCompiler::~KernelCompiler() = default;

llvm::Expected<std::unique_ptr<KernelCompiler>> KernelCompiler::create(CompilerOptions options) {
  if (options.lanes != 0 && options.lanes != 4 && options.lanes != 8 && options.lanes != 16)
    return llvm::createStringError("lanes: expected 0, 4, 8 or 16, found " + llvm::utostr(options.lanes));
  auto impl = std::make_unique<Impl>();
  auto target = NativeTarget::host();
  if (!target)
    return target.takeError();
  impl->target = std::move(*target);
  auto loader = Loader::create(*impl->target);
  if (!loader)
    return loader.takeError();
  impl->loader = std::move(*loader);
  impl->lanes = options.lanes ? options.lanes : impl->target->preferredLanes();
  std::string salt = impl->target->description() + "\n" + kCompilerVersion.str() + "\n" + llvm::utostr(impl->lanes);
  impl->cache.emplace(options.cacheDir, salt);
  impl->options = std::move(options);
  return std::unique_ptr<KernelCompiler>(new KernelCompiler(std::move(impl)));
}

llvm::Expected<std::vector<KernelFn>> KernelCompiler::getOrCompile(llvm::ArrayRef<func::FuncOp> kernels) {
  auto start = std::chrono::steady_clock::now();
  std::vector<std::string> digests;
  std::optional<KernelDigester> digester;
  for (func::FuncOp kernel : kernels) {
    if (!digester)
      digester.emplace(kernel.getContext());
    digests.push_back(digester->digest(kernel));
  }
  Impl::Missing missing;
  for (auto [digest, kernel] : llvm::zip_equal(digests, kernels)) {
    ++impl->stats.requested;
    if (impl->loaded.contains(digest) || !missing.insert({digest, kernel}).second)
      ++impl->stats.memoryHits;
  }
  llvm::Error error = llvm::Error::success();
  if (!missing.empty())
    impl->loadFromDisk(missing);
  if (!missing.empty())
    error = impl->compile(missing);
  impl->stats.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (error)
    return error;
  std::vector<KernelFn> result;
  for (const std::string &digest : digests)
    result.push_back(impl->loaded.lookup(digest));
  return result;
}

KernelFn KernelCompiler::lookup(llvm::StringRef digest) const { return impl->loaded.lookup(digest); }
int64_t KernelCompiler::codeBytes(KernelFn function) const {
  return impl->codeBytes.lookup(reinterpret_cast<const void *>(function));
}
const CompileStats &KernelCompiler::stats() const { return impl->stats; }
unsigned KernelCompiler::lanes() const { return impl->lanes; }
std::string KernelCompiler::targetDescription() const { return impl->target->description(); }

} // namespace selfopt::codegen
