//===- Coverage.cpp - Which op has which meaning -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Coverage.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace selfopt;

namespace {

enum Column { Evaluate, PullBack, Range, Bound, CostOf, Mutable, numColumns };
constexpr const char *columnNames[] = {"evaluate", "pullback", "range", "bounds", "cost", "mutable"};

/// Ops outside of nn that a spec may use or a stage makes. All ops of nn are listed from the dialect.
constexpr const char *upstreamOps[] = {"arith.constant",
                                       "arith.addf",
                                       "arith.subf",
                                       "arith.mulf",
                                       "arith.divf",
                                       "arith.remf",
                                       "arith.negf",
                                       "arith.maximumf",
                                       "arith.minimumf",
                                       "arith.maxnumf",
                                       "arith.minnumf",
                                       "arith.cmpf",
                                       "arith.select",
                                       "arith.addi",
                                       "arith.subi",
                                       "arith.muli",
                                       "arith.divsi",
                                       "arith.divui",
                                       "arith.remsi",
                                       "arith.remui",
                                       "arith.andi",
                                       "arith.ori",
                                       "arith.xori",
                                       "arith.shli",
                                       "arith.shrsi",
                                       "arith.shrui",
                                       "arith.cmpi",
                                       "arith.maxsi",
                                       "arith.minsi",
                                       "arith.maxui",
                                       "arith.minui",
                                       "arith.mului_extended",
                                       "arith.mulsi_extended",
                                       "arith.index_cast",
                                       "arith.index_castui",
                                       "arith.extf",
                                       "arith.truncf",
                                       "arith.extsi",
                                       "arith.extui",
                                       "arith.trunci",
                                       "arith.sitofp",
                                       "arith.uitofp",
                                       "arith.fptosi",
                                       "arith.fptoui",
                                       "arith.bitcast", //
                                       "math.absf",
                                       "math.absi",
                                       "math.acos",
                                       "math.asin",
                                       "math.atan",
                                       "math.atan2",
                                       "math.cbrt",
                                       "math.ceil",
                                       "math.copysign",
                                       "math.cos",
                                       "math.cosh",
                                       "math.ctpop",
                                       "math.erf",
                                       "math.erfc",
                                       "math.exp",
                                       "math.exp2",
                                       "math.expm1",
                                       "math.floor",
                                       "math.fma",
                                       "math.log",
                                       "math.log10",
                                       "math.log1p",
                                       "math.log2",
                                       "math.powf",
                                       "math.round",
                                       "math.roundeven",
                                       "math.rsqrt",
                                       "math.sin",
                                       "math.sinh",
                                       "math.sqrt",
                                       "math.tan",
                                       "math.tanh",
                                       "math.trunc", //
                                       "linalg.generic",
                                       "linalg.fill",
                                       "linalg.matmul",
                                       "linalg.index",
                                       "linalg.batch_matmul",
                                       "linalg.matvec",
                                       "linalg.vecmat",
                                       "linalg.dot",
                                       "linalg.transpose",
                                       "linalg.broadcast",
                                       "linalg.reduce",
                                       "linalg.map", //
                                       "tensor.empty",
                                       "tensor.extract",
                                       "tensor.insert",
                                       "tensor.from_elements",
                                       "tensor.splat",
                                       "tensor.cast",
                                       "tensor.dim",
                                       "tensor.collapse_shape",
                                       "tensor.expand_shape",
                                       "tensor.extract_slice",
                                       "tensor.insert_slice",
                                       "tensor.concat",
                                       "tensor.pad", //
                                       "func.call",
                                       "selfopt.stop_gradient",
                                       "selfopt.gradient"};

struct Gap {
  const char *ops; ///< Names with one space before and after each, or a prefix that ends in '*'.
  Column column;
  const char *reason;
};

/// Gaps on purpose. A gap that isn't here counts as missing.
constexpr Gap gaps[] = {
    {" nn.* ", PullBack, "instantiate replaces it before differentiation"},
    {" arith.* math.* linalg.* tensor.* func.* ", Mutable, "the expression edits change it as a whole"},
    {" selfopt.* ", Mutable, "made by instantiate only; no spec has it"},
    {" nn.softmax nn.log_softmax nn.pick nn.one_hot nn.argmax nn.layer_norm nn.rms_norm nn.concat ", Mutable, "it has no attribute to change"},
    {" arith.constant tensor.empty linalg.index ", PullBack, "has no operand that is differentiated by"},
    {" arith.cmpf arith.addi arith.subi arith.muli arith.divsi arith.divui arith.remsi arith.remui arith.andi "
     "arith.ori "
     "arith.xori arith.shli arith.shrsi arith.shrui arith.cmpi arith.maxsi arith.minsi arith.maxui arith.minui "
     "arith.mului_extended arith.mulsi_extended arith.index_cast arith.index_castui arith.extsi arith.extui "
     "arith.trunci arith.fptosi arith.fptoui math.absi math.ctpop tensor.dim ",
     PullBack, "its result is no float and carries no cotangent"},
    {" arith.bitcast ", PullBack, "bits have no derivative"},
    {" linalg.matmul linalg.batch_matmul linalg.matvec linalg.vecmat linalg.dot linalg.transpose linalg.broadcast "
     "linalg.reduce linalg.map ",
     PullBack, "differentiate generalises it to linalg.generic first"},
    {" func.call ", PullBack, "differentiate inlines it first"},
    {" selfopt.stop_gradient ", PullBack, "differentiate ends the cotangent there"},
    {" selfopt.gradient ", PullBack, "second derivatives are not offered"},
    {" nn.pick nn.one_hot nn.argmax linalg.* tensor.* func.* selfopt.* ", Bound, "no model that is bounded has it"},
    {" arith.addi arith.subi arith.muli arith.divsi arith.divui arith.remsi arith.remui arith.andi arith.ori arith.xori "
     "arith.shli arith.shrsi arith.shrui arith.cmpi arith.maxsi arith.minsi arith.maxui arith.minui arith.mului_extended "
     "arith.mulsi_extended arith.index_cast arith.index_castui arith.extf arith.truncf arith.extsi arith.extui "
     "arith.trunci arith.sitofp arith.uitofp arith.fptosi arith.fptoui arith.bitcast math.absi math.ctpop ",
     Bound, "bounds are of f32; robust is unknown, and names it"},
    {" arith.remf math.atan2 math.copysign math.cos math.powf math.rsqrt math.sin math.tan ", Bound,
     "no rule yet: robust is unknown, and names it"},
    {" selfopt.gradient ", CostOf, "unknown before differentiate replaces it; callers fail closed"},
    {" arith.remf math.acos math.asin math.atan math.atan2 math.cbrt math.ceil math.copysign math.cosh math.erfc "
     "math.exp2 math.expm1 math.floor math.log10 math.log2 math.round math.roundeven math.sinh math.tan math.trunc ",
     PullBack, "no rule yet: differentiate refuses it with an error where a cotangent reaches it"},
    {" arith.extf arith.truncf ", PullBack, "specs are f32 throughout"},
    {" tensor.insert tensor.splat tensor.extract_slice tensor.insert_slice tensor.pad ",
     PullBack, "no stage makes it in a differentiated function; differentiate refuses it"},
};

const Gap *findGap(StringRef op, Column column) {
  std::string dialect = (" " + op.split('.').first + ".* ").str(), name = (" " + op + " ").str();
  for (const Gap &gap : gaps)
    if (gap.column == column &&
        (StringRef(gap.ops).contains(name) || StringRef(gap.ops).contains(StringRef(dialect).ltrim())))
      return &gap;
  return nullptr;
}

bool has(RegisteredOperationName op, Column column) {
  switch (column) {
  case Evaluate:
    return op.hasInterface<EvaluableOpInterface>();
  case PullBack:
    return op.hasInterface<PullbackOpInterface>();
  case Range:
    return op.hasInterface<RangeOpInterface>();
  case Bound:
    return op.hasInterface<BoundOpInterface>();
  case CostOf:
    return op.hasInterface<CostOpInterface>();
  case Mutable:
    return op.hasInterface<MutableOpInterface>();
  case numColumns:
    break;
  }
  return false;
}

} // namespace

unsigned selfopt::printCoverage(MLIRContext &context, raw_ostream &os) {
  context.loadDialect<nn::NNDialect, SelfOptDialect, arith::ArithDialect, math::MathDialect, linalg::LinalgDialect,
                      tensor::TensorDialect, func::FuncDialect>();
  SmallVector<std::string> names;
  // Not getRegisteredOperationsByDialect: its binary search (LLVM 22) takes a three-way comparison for "less" and finds
  // a dialect or not by the luck of what else is loaded.
  for (RegisteredOperationName op : context.getRegisteredOperations())
    if (op.getDialectNamespace() == "nn")
      names.push_back(op.getStringRef().str());
  llvm::sort(names);
  names.append(std::begin(upstreamOps), std::end(upstreamOps));

  os << llvm::left_justify("op", 24);
  for (const char *column : columnNames)
    os << llvm::left_justify(column, 10);
  os << "\n";
  unsigned numGaps = 0, numMissing = 0;
  SmallVector<const Gap *> used;
  for (const std::string &name : names) {
    std::optional<RegisteredOperationName> op = RegisteredOperationName::lookup(name, &context);
    os << llvm::left_justify(name, 24);
    for (int c = 0; c < numColumns; ++c) {
      Column column = Column(c);
      const Gap *gap = findGap(name, column);
      StringRef cell = "MISSING";
      if (op && has(*op, column)) {
        cell = "yes";
      } else if (op && gap) {
        cell = "-";
        ++numGaps;
        if (!llvm::is_contained(used, gap))
          used.push_back(gap);
      } else {
        ++numMissing;
      }
      os << llvm::left_justify(cell, 10);
    }
    os << "\n";
  }
  os << "\ngaps:\n";
  for (const Gap *gap : used)
    os << "  " << llvm::left_justify(columnNames[gap->column], 10) << gap->reason << ":" << StringRef(gap->ops).rtrim()
       << "\n";
  os << names.size() << " ops, " << numGaps << " gaps declared, " << numMissing << " missing\n";
  return numMissing;
}
