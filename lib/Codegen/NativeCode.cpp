//===- NativeCode.cpp - LLVM's part: object code and loading it -------------===//
#include "NativeCode.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/ExecutionEngine/Orc/TaskDispatch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/SymbolSize.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace selfopt::codegen {

Expected<std::unique_ptr<NativeTarget>> NativeTarget::host() {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Expected<orc::JITTargetMachineBuilder> builder = orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  // Level 1 with two passes before it is as fast as -O2 on code that is vectorised already, at half the compile time;
  // level 0 is four times slower.
  builder->setCodeGenOptLevel(CodeGenOptLevel::Less);
  builder->setRelocationModel(Reloc::PIC_);
  builder->setCodeModel(CodeModel::Small); // the default of a JIT spends two instructions on every constant
  // A kernel's code, padding of its loops included, does not depend on what stands before it in the object.
  builder->getOptions().FunctionSections = true;
  auto machine = builder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto target = std::make_unique<NativeTarget>();
  StringMap<bool> features = sys::getHostCPUFeatures();
  auto has = [&](StringRef name) { return features.lookup(name); };
  if (has("avx512f") && has("avx512vl") && has("avx512bw") && has("avx512dq"))
    target->lanes = 16;
  else if (has("avx2") && has("fma"))
    target->lanes = 8;
  target->fma = has("fma") || !(*machine)->getTargetTriple().isX86();
  target->targetMachine = std::move(*machine);
  return target;
}

std::string NativeTarget::description() const {
  return targetMachine->getTargetTriple().str() + " " + targetMachine->getTargetCPU().str() + " " +
         targetMachine->getTargetFeatureString().str();
}

Expected<std::unique_ptr<MemoryBuffer>> NativeTarget::compile(mlir::ModuleOp op) {
  LLVMContext context;
  std::unique_ptr<Module> module = mlir::translateModuleToLLVMIR(op, context, "kernels");
  if (!module)
    return createStringError("kernels do not translate to LLVM IR");
  module->setDataLayout(targetMachine->createDataLayout());
  module->setTargetTriple(targetMachine->getTargetTriple());
  for (Function &function : *module)
    function.addFnAttr(Attribute::NoUnwind); // so that no unwind tables are made

  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager sccs;
  ModuleAnalysisManager modules;
  PassBuilder builder(targetMachine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  ModulePassManager passes;
  if (Error error = builder.parsePassPipeline(passes, "function(early-cse,loop-mssa(licm))"))
    return error;
  passes.run(*module, modules);

  SmallVector<char, 0> bytes;
  raw_svector_ostream os(bytes);
  legacy::PassManager codegen;
  if (targetMachine->addPassesToEmitFile(codegen, os, nullptr, CodeGenFileType::ObjectFile, /*DisableVerify=*/true))
    return createStringError("the target cannot emit object files");
  codegen.run(*module);
  return std::make_unique<SmallVectorMemoryBuffer>(std::move(bytes), "kernels", /*RequiresNullTerminator=*/false);
}

Expected<std::unique_ptr<Loader>> Loader::create(NativeTarget &target) {
  // Everything happens on the calling thread, or the object could not live across a fork.
  auto control = orc::SelfExecutorProcessControl::Create(nullptr, std::make_unique<orc::InPlaceTaskDispatcher>());
  if (!control)
    return control.takeError();
  orc::JITTargetMachineBuilder builder(target.machine().getTargetTriple());
  builder.setCPU(target.machine().getTargetCPU().str());
  auto jit = orc::LLJITBuilder()
                 .setExecutorProcessControl(std::move(*control))
                 .setJITTargetMachineBuilder(std::move(builder))
                 .setPlatformSetUp(orc::setUpInactivePlatform) // there are no initialisers to run
                 .create();
  if (!jit)
    return jit.takeError();
  // A damaged object in the cache is compiled again, silently.
  (*jit)->getExecutionSession().setErrorReporter([](Error error) { consumeError(std::move(error)); });
  auto loader = std::make_unique<Loader>();
  loader->jit = std::move(*jit);
  return loader;
}

/// Symbol to size, of all functions that an object defines.
static Expected<StringMap<int64_t>> codeSizes(const MemoryBuffer &object) {
  auto file = object::ObjectFile::createObjectFile(object.getMemBufferRef());
  if (!file)
    return file.takeError();
  StringMap<int64_t> sizes;
  for (auto [symbol, size] : object::computeSymbolSizes(**file)) {
    auto name = symbol.getName();
    if (!name)
      return name.takeError();
    sizes[*name] = int64_t(size);
  }
  return sizes;
}

Expected<std::vector<LoadedKernel>> Loader::load(std::unique_ptr<MemoryBuffer> object, ArrayRef<std::string> symbols) {
  auto sizes = codeSizes(*object);
  if (!sizes)
    return sizes.takeError();
  auto library = jit->createJITDylib("kernels" + utostr(numObjects++));
  if (!library)
    return library.takeError();
  if (Error error = jit->addObjectFile(*library, std::move(object)))
    return error;
  std::vector<LoadedKernel> result;
  for (const std::string &symbol : symbols) {
    auto address = jit->lookup(*library, symbol);
    if (!address)
      return address.takeError();
    int64_t bytes = sizes->lookup(symbol);
    if (bytes <= 0)
      return createStringError("the size of " + symbol + " is not known");
    result.push_back({address->toPtr<KernelFn>(), bytes});
  }
  return result;
}

} // namespace selfopt::codegen
