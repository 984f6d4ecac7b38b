//===- Planner.h - S3: from functions to a launch list ---- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function of linalg, arith, math and tensor ops becomes a list of launches over buffers:
//
//   simplify   calls inlined, everything elementwise as linalg.generic, producers fused into consumers
//   outline    each remaining structured op, or contraction with the elementwise op behind it, becomes a kernel: a
//              func.func on memrefs of dynamic sizes whose float constants are arguments. So neither a new width nor a
//              new constant is a new kernel
//   bind       results take the place of arguments where an update may happen in place
//   coalesce   consecutive launches of one flat kernel become one, over buffers that are laid out side by side
//   allocate   every buffer gets an offset; buffers whose lives don't overlap share bytes
//
// For example, with relu(x w + b) as the only use of the product:
//
//   %0 = linalg.matmul ins(%x, %w) ...     %1 = linalg.generic ins(%0, %b) { maximumf(addf) }
//     -->  plan.launch @k_5e1f(%x, %w, %b, %h)    // the product stays in registers
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TRANSFORMS_PLANNER_H
#define SELFOPT_TRANSFORMS_PLANNER_H

#include "SelfOpt/Codegen/KernelCompiler.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include <climits>

namespace selfopt::plan {

/// Bytes of the arena with one life: from the first launch that touches it to the last, or the whole program.
struct Buffer {
  mlir::MemRefType type;
  std::string name;
  mlir::ElementsAttr literal; ///< A constant that the loader writes.
  bool persistent = false;
  int first = INT_MAX, last = -1; ///< Launches, within the function that uses it.
  int group = -1;                 ///< Buffers of one group lie side by side,
  int rank = 0;                   ///< in this order.
  int64_t offset = -1;            ///< Bytes.
  int64_t bytes() const;
};

/// What a launch hands to one kernel argument.
struct Operand {
  int buffer = -1;
  mlir::MemRefType view;   ///< How the kernel sees the buffer (a flat kernel sees one dimension).
  mlir::TypedAttr scalar;  ///< Instead of a buffer.
};

/// Part of every row, in elements: see plan.copy_rows.
struct RowCopy {
  int64_t rows = 0, count = 0, from = 0, sourceStride = 0, to = 0, targetStride = 0;
};

struct Launch {
  std::string kernel; ///< Its symbol; empty for a copy from operand 0 to operand 1,
  RowCopy part;       ///< of all, or of these parts of rows.
  llvm::SmallVector<Operand> operands;
  unsigned outputs = 0; ///< The last operands.
  bool flat = false;    ///< One loop over all elements: may work in place, and on several buffers side by side.
  std::string monitored; ///< Instead of a kernel: what operand 0 is called whose elements are at most
  double bound = 0;      ///< so large,
  std::optional<double> from; ///< and not below this.
};

/// A planned function.
struct FunctionPlan {
  llvm::SmallVector<int> arguments, results; ///< Buffers.
  llvm::SmallVector<Launch> launches;
};

/// Looks at results of a planned function, from `first` on, as soon as they stand: a launch of its own each, behind the
/// one that makes it. They are no results any more, so their bytes live no longer than what else reads them.
void monitorResults(FunctionPlan &plan, unsigned first, unsigned count, llvm::StringRef what, double bound,
                    llvm::ArrayRef<Buffer> buffers, std::optional<double> from = std::nullopt);

/// Plans functions into one arena. Kernels are collected, each once, in `kernelModule`.
class Planner {
public:
  explicit Planner(mlir::ModuleOp kernelModule) : kernelModule(kernelModule), digester(kernelModule.getContext()) {}

  int makeBuffer(mlir::Type tensorOrScalar, const llvm::Twine &name, bool persistent);
  /// Plans `function`, which is changed on the way (hand in a copy). `arguments` gives buffers (or -1) for its first
  /// arguments; `bound` pairs a result with the buffer that it should end in.
  llvm::FailureOr<FunctionPlan> plan(mlir::func::FuncOp function, llvm::ArrayRef<int> arguments,
                                     llvm::ArrayRef<std::pair<unsigned, int>> bound);
  /// Gives every buffer its offset; returns the size of the arena. Temporaries of different functions overlap.
  int64_t allocate(llvm::ArrayRef<FunctionPlan *> functions);

  llvm::SmallVector<Buffer> buffers;

private:
  friend class Outliner;
  void coalesce(FunctionPlan &plan);
  mlir::ModuleOp kernelModule;
  codegen::KernelDigester digester;
  llvm::StringMap<mlir::func::FuncOp> kernels; ///< By digest.
  int groups = 0;
};

/// The first stage: see above. The function is rewritten in place.
llvm::LogicalResult simplifyForPlanning(mlir::func::FuncOp function);

/// How many examples each split has; needed before the data is there.
struct SplitSizes {
  int64_t train = 0, validation = 0, test = 0;
};

/// Replaces an instantiated and differentiated program (`selfopt.pipeline @name` and its functions), or a function of
/// upstream ops, by a plan.program and its kernels, in a new module.
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> planProgram(mlir::ModuleOp module, llvm::StringRef name,
                                                              const SplitSizes &sizes);
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> planFunction(mlir::ModuleOp module, llvm::StringRef name);

} // namespace selfopt::plan
#endif // SELFOPT_TRANSFORMS_PLANNER_H
