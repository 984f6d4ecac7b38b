//===- BoundModel.h - One rule, an interval and a program -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_BOUNDMODEL_H
#define SELFOPT_LIB_SAFETY_BOUNDMODEL_H

#include "ProgramInterval.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/IR/TypeUtilities.h"

namespace selfopt::ranges {

/// An elementwise op whose rule `Rules::range` is written over intervals of either kind. `Derived` has more than that.
template <typename OpT, typename Rules, typename Derived = void>
struct BoundModel
    : BoundOpInterface::ExternalModel<
          std::conditional_t<std::is_void_v<Derived>, BoundModel<OpT, Rules, Derived>, Derived>, OpT> {
  llvm::LogicalResult buildBounds(mlir::Operation *operation, BoundBuilder &t, llvm::ArrayRef<Bounds> x,
                                  mlir::ValueRange, llvm::SmallVectorImpl<Bounds> &results) const {
    auto op = llvm::cast<OpT>(operation);
    // All of one shape, of f32 or truth values.
    auto shape = [](mlir::Type type) {
      auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
      return tensor ? tensor.getShape() : llvm::ArrayRef<int64_t>();
    };
    mlir::Type result = operation->getResult(0).getType();
    for (mlir::Type type : llvm::concat<mlir::Type>(llvm::SmallVector<mlir::Type>(operation->getOperandTypes()),
                                                    llvm::SmallVector<mlir::Type>(operation->getResultTypes()))) {
      mlir::Type element = mlir::getElementTypeOrSelf(type);
      if (!(element.isF32() || element.isInteger(1)) || shape(type) != shape(result))
        return llvm::failure();
    }
    llvm::SmallVector<mlir::Value> ins;
    for (const Bounds &b : x)
      ins.append({b.low, b.high});
    auto examples = llvm::cast<mlir::RankedTensorType>(ins[0].getType());
    llvm::SmallVector<mlir::AffineMap> maps(ins.size(), t.identity(examples.getRank()));
    llvm::SmallVector<mlir::Type> types(2, mlir::getElementTypeOrSelf(result));
    bool known = true;
    auto bounds = t.map(examples.getShape(), ins, maps, types,
                        [&](BoundBuilder &t, mlir::ValueRange e) -> llvm::SmallVector<mlir::Value> {
                          auto at = [&](size_t i) { return ProgramInterval{&t, e[2 * i], e[2 * i + 1]}; };
                          ProgramInterval y;
                          if constexpr (OpT::template hasTrait<mlir::OpTrait::OneOperand>())
                            y = Rules::range(op, at(0));
                          else if constexpr (OpT::template hasTrait<mlir::OpTrait::NOperands<2>::Impl>())
                            y = Rules::range(op, at(0), at(1));
                          else
                            y = Rules::range(op, at(0), at(1), at(2));
                          known = bool(y.low);
                          return known ? llvm::SmallVector<mlir::Value>{y.low, y.high}
                                       : llvm::SmallVector<mlir::Value>(2, t.constant(types[0], 0));
                        });
    if (!known)
      return llvm::failure();
    results.push_back({bounds[0], bounds[1], {}});
    return llvm::success();
  }
};

template <typename Rules, typename... Ops> void attachBounds(mlir::MLIRContext &context) {
  (Ops::template attachInterface<BoundModel<Ops, Rules>>(context), ...);
}

} // namespace selfopt::ranges
#endif // SELFOPT_LIB_SAFETY_BOUNDMODEL_H
