//===- Interfaces.h - The meanings of an op ---------------------*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Engines never switch over ops: they ask these interfaces. Our ops implement them directly; upstream ops join by
// external models (lib/Interfaces, one file per interface and dialect).
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_INTERFACES_H
#define SELFOPT_INTERFACES_INTERFACES_H

#include "SelfOpt/Interfaces/Cost.h"
#include "SelfOpt/Interfaces/Interval.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include <optional>

namespace selfopt {
namespace reference {
class Interpreter;
struct Tensor;
} // namespace reference
class BoundBuilder;

/// What bounds the elements of a value, as values of a program: see BoundOpInterface.
struct Bounds {
  mlir::Value low, high;
  /// Of a layer that sums products: how far its elements may be from the real sum of what f32 gave it, its coefficients
  /// rounded included; null otherwise.
  mlir::Value rounding = nullptr;
  /// Of the ball around an input: the input, and the radius of each example; null otherwise.
  mlir::Value center = nullptr, radius = nullptr;
};

/// One attribute that a mutation may change: either a closed list of values, or a closed range of integers.
struct AttributeChoice {
  mlir::StringAttr name;
  llvm::SmallVector<mlir::Attribute> values;
  int64_t low = 0, high = -1; ///< Used when `values` is empty; both included.
};

/// How a parameter tensor gets its first values.
enum class ParameterInit { Zeros, Ones, Identity, FanInUniform, HeNormal, GlorotUniform, LecunNormal };

/// A parameter that a layer op owns.
struct ParameterSpec {
  llvm::StringRef name; ///< "weight", "bias", "scale", "offset".
  mlir::RankedTensorType type;
  ParameterInit init = ParameterInit::Zeros;
  int64_t fanIn = 1, fanOut = 1; ///< For the scale of the initial values.
};

} // namespace selfopt

#include "SelfOpt/Interfaces/Interfaces.h.inc"

namespace selfopt {

/// The parameters of a program's layers, in program order; those that layers share stand once, where the first of them
/// is.
struct ProgramParameters {
  llvm::SmallVector<ParameterSpec> specs;
  struct Range {
    LayerOpInterface layer;
    size_t first = 0, count = 0; ///< Among `specs`.
    bool owner = true;           ///< The layer is the only one or the first one that has them.
  };
  llvm::SmallVector<Range> layers; ///< Every layer of the program, in order, also those without parameters.
  static ProgramParameters of(mlir::Block &program);
};

} // namespace selfopt

#endif // SELFOPT_INTERFACES_INTERFACES_H
