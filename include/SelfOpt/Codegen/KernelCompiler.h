//===- KernelCompiler.h - From a kernel to a native function -----*- C++ -*-===//
//
// A *kernel* is a `func.func` without results whose arguments are row-major memrefs of dynamic sizes or scalars, and
// whose body is linalg on memrefs (see Lowering.h for the forms). Sizes are run-time arguments, so a kernel is compiled
// once per form and not once per shape; it is addressed by the digest of its text, so that a candidate program which
// shares all its kernels with its parent compiles nothing.
//
// ABI of the compiled function: `void kernel(const uint64_t *slots)`. Slots follow the argument order. A memref of rank
// r takes 1 + r slots: the address of element 0, then the r sizes. A scalar takes one slot, its bits in the low end.
// `i1` elements are bytes that hold 0 or 1. Nothing is assumed about alignment beyond that of the element.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_CODEGEN_KERNELCOMPILER_H
#define SELFOPT_CODEGEN_KERNELCOMPILER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace selfopt::codegen {

using KernelFn = void (*)(const uint64_t *slots);

/// BLAKE3 of a canonical encoding of the kernel, 64 hex digits. Two kernels that differ only in symbol names,
/// locations, argument attributes or discardable attributes have one digest; constants, types, maps and op order count.
/// Needs no verifier: some ten microseconds for a small kernel.
std::string kernelDigest(mlir::func::FuncOp kernel);

/// The same of many kernels of one context, whose types and attributes are printed once.
class KernelDigester {
public:
  explicit KernelDigester(mlir::MLIRContext *context) : state(context) {}
  std::string digest(mlir::func::FuncOp kernel);

private:
  mlir::AsmState state;
  llvm::DenseMap<const void *, std::string> texts;
};

struct CompilerOptions {
  /// Directory of compiled objects, created on demand; empty: no disk cache. May be shared by processes.
  std::string cacheDir;
  /// f32 lanes of a vector: 4, 8 or 16; 0: what the host has.
  unsigned lanes = 0;
};

struct CompileStats {
  unsigned requested = 0;  ///< kernels asked for
  unsigned memoryHits = 0; ///< already loaded (or asked for twice in one call)
  unsigned diskHits = 0;   ///< loaded from the cache directory
  unsigned compiled = 0;   ///< compiled anew
  double seconds = 0;      ///< wall time inside getOrCompile
};

/// Compiles kernels and owns their code. Not thread safe. Starts no thread, so it may live across a fork(). The code is
/// released with the object.
class KernelCompiler {
public:
  static llvm::Expected<std::unique_ptr<KernelCompiler>> create(CompilerOptions options = {});
  ~KernelCompiler();

  /// One pointer per kernel, in order. The kernels may belong to any module of any context and are not changed. All
  /// that are neither in memory nor on disk are compiled as one LLVM module. Fails if a kernel has none of the
  /// supported forms; nothing of that call is kept then. Trouble with the cache directory is never an error.
  llvm::Expected<std::vector<KernelFn>> getOrCompile(llvm::ArrayRef<mlir::func::FuncOp> kernels);

  /// The function of a kernel that is loaded already, or null.
  KernelFn lookup(llvm::StringRef digest) const;
  /// Bytes of machine code of a function that this object gave; one number for a kernel and a target, whatever it was
  /// compiled together with, and whether it was compiled or read from the disk.
  int64_t codeBytes(KernelFn function) const;

  const CompileStats &stats() const;
  /// f32 lanes that this object compiles for.
  unsigned lanes() const;
  /// Triple, CPU and features, as they enter the key of the disk cache.
  std::string targetDescription() const;

private:
  struct Impl;
  explicit KernelCompiler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace selfopt::codegen

#endif // SELFOPT_CODEGEN_KERNELCOMPILER_H
