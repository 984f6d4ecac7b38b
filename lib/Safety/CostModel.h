//===- CostModel.h - External models of CostOpInterface -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_COSTMODEL_H
#define SELFOPT_LIB_SAFETY_COSTMODEL_H

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/CostModels.h"

namespace selfopt::costs {

/// Elements of a type, 1 for a scalar; nullopt when a size is dynamic or the product leaves 64 bits.
std::optional<int64_t> elements(mlir::Type type);
/// Bytes of the operands and results, each once; i1 takes a byte, an index eight.
std::optional<int64_t> bytesMoved(mlir::Operation *op);
/// `flops` for each element of the first result, and the bytes moved.
std::optional<Cost> perElement(mlir::Operation *op, int64_t flops);

template <typename OpT, int64_t flops>
struct ElementModel : CostOpInterface::ExternalModel<ElementModel<OpT, flops>, OpT> {
  std::optional<Cost> getCost(mlir::Operation *op) const { return perElement(op, flops); }
};
template <int64_t flops, typename... Ops> void attachCosts(mlir::MLIRContext &context) {
  (Ops::template attachInterface<ElementModel<Ops, flops>>(context), ...);
}

} // namespace selfopt::costs
#endif // SELFOPT_LIB_SAFETY_COSTMODEL_H
