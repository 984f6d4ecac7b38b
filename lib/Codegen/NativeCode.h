//===- NativeCode.h - LLVM's part: object code and loading it ----*- C++ -*-===//
#ifndef SELFOPT_LIB_CODEGEN_NATIVECODE_H
#define SELFOPT_LIB_CODEGEN_NATIVECODE_H

#include "SelfOpt/Codegen/KernelCompiler.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

namespace selfopt::codegen {

/// The host as a target, and what of it decides how kernels are built.
class NativeTarget {
public:
  static llvm::Expected<std::unique_ptr<NativeTarget>> host();
  unsigned preferredLanes() const { return lanes; }
  bool hasFma() const { return fma; }
  std::string description() const;
  llvm::TargetMachine &machine() { return *targetMachine; }
  /// Translates a module of LLVM dialect functions and compiles it.
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> compile(mlir::ModuleOp module);

private:
  std::unique_ptr<llvm::TargetMachine> targetMachine;
  unsigned lanes = 4;
  bool fma = false;
};

/// A function of an object, and how many bytes of machine code it has.
struct LoadedKernel {
  KernelFn function = nullptr;
  int64_t codeBytes = 0;
};

/// Links objects into the process. Each object is a library of its own, so two of them may define the same kernel.
class Loader {
public:
  static llvm::Expected<std::unique_ptr<Loader>> create(NativeTarget &target);
  llvm::Expected<std::vector<LoadedKernel>> load(std::unique_ptr<llvm::MemoryBuffer> object,
                                                 llvm::ArrayRef<std::string> symbols);

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  unsigned numObjects = 0;
};

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_NATIVECODE_H
