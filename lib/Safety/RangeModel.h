//===- RangeModel.h - External models of RangeOpInterface from rules -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_RANGEMODEL_H
#define SELFOPT_LIB_SAFETY_RANGEMODEL_H

#include "IntervalMath.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/RangeAnalysis.h"

namespace selfopt::ranges {

/// An op with one result whose range is `Rules::range(op, operands...)`, an overload per op.
template <typename OpT, typename Rules>
struct RangeModel : RangeOpInterface::ExternalModel<RangeModel<OpT, Rules>, OpT> {
  void inferRanges(mlir::Operation *operation, llvm::ArrayRef<Interval> x,
                   llvm::SmallVectorImpl<Interval> &results) const {
    auto op = llvm::cast<OpT>(operation);
    if (!llvm::all_of(operation->getOperandTypes(), isPrecise) ||
        !llvm::all_of(operation->getResultTypes(), isPrecise)) {
      results.push_back(rangeOfType(operation->getResult(0).getType()));
      return;
    }
    // Operands and results may be flushed; of integers none is.
    auto get = [&](unsigned i) { return flushed(clean(x[i])); };
    if constexpr (OpT::template hasTrait<mlir::OpTrait::OneOperand>())
      results.push_back(flushed(Rules::range(op, get(0))));
    else if constexpr (OpT::template hasTrait<mlir::OpTrait::NOperands<2>::Impl>())
      results.push_back(flushed(Rules::range(op, get(0), get(1))));
    else
      results.push_back(flushed(Rules::range(op, get(0), get(1), get(2))));
  }
};

template <typename Rules, typename... Ops> void attachRanges(mlir::MLIRContext &context) {
  (Ops::template attachInterface<RangeModel<Ops, Rules>>(context), ...);
}

/// All results may be anything.
template <typename OpT> struct TopModel : RangeOpInterface::ExternalModel<TopModel<OpT>, OpT> {
  void inferRanges(mlir::Operation *op, llvm::ArrayRef<Interval>, llvm::SmallVectorImpl<Interval> &results) const {
    for (mlir::Type type : op->getResultTypes())
      results.push_back(rangeOfType(type));
  }
};

} // namespace selfopt::ranges
#endif // SELFOPT_LIB_SAFETY_RANGEMODEL_H
