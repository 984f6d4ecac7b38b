//===- BoundBuilder.h - Programs that bound what others compute -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bounds are computed in f32, in round-to-nearest, by code that may fuse a product and a sum, add in any order and take
// subnormal numbers for zero; and they hold for values that were computed like that. So each bound is moved outward by
// what may have been rounded, twice: of the value that is bounded, and of the bound. A bound that no rounding moved
// (of a relu, a concatenation) is as far from its value as the one that it was made of.
//
// What is not known is NaN, the lower bound as the upper one. Comparisons are written so that a NaN decides nothing.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_BOUNDBUILDER_H
#define SELFOPT_DIALECT_BOUNDBUILDER_H

#include "SelfOpt/Dialect/TensorBuilder.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include <cmath>

namespace selfopt {

class BoundBuilder : public TensorBuilder {
public:
  /// All values have one dimension of so many examples at the end: they are the lanes of whatever loops over values.
  BoundBuilder(mlir::OpBuilder &b, mlir::Location loc, int64_t examples)
      : TensorBuilder(b, loc), examples(examples), b(b), loc(loc) {}

  const int64_t examples;

  /// Half the distance of two f32 numbers near 1.
  static constexpr double unit = 0x1p-24;
  /// Above all that may be taken for zero, and still a normal number when it is rounded.
  static constexpr double tiny = 0x1p-120;
  /// Bounds beyond this count as unknown: so nothing overflows, and
  static constexpr double largest = 0x1p60;
  /// a number that is taken for zero, times any other, is below this.
  static constexpr double vanished = 0x1p-60;
  /// The error of n additions and products in any order, relative to the sum of the magnitudes (Higham 2002, 3.1).
  /// Of so many that it says nothing, infinite, so that what is bounded with it is unknown.
  static double gamma(double n) { return n * unit < 0.25 ? n * unit / (1 - n * unit) * (1 + 0x1p-4) : INFINITY; }

  mlir::OpBuilder &builder() { return b; }
  mlir::Location location() const { return loc; }

  //===--- Values of one type, scalars or tensors -----------------------------===//

  mlir::Value like(mlir::Value x, double value) { return constant(x.getType(), value); }
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value subtract(mlir::Value x, mlir::Value y);
  mlir::Value multiply(mlir::Value x, mlir::Value y);
  mlir::Value divide(mlir::Value x, mlir::Value y);
  mlir::Value scale(mlir::Value x, double factor) { return multiply(x, like(x, factor)); }
  mlir::Value shift(mlir::Value x, double by) { return add(x, like(x, by)); }
  mlir::Value negate(mlir::Value x);
  mlir::Value absolute(mlir::Value x);
  mlir::Value squareRoot(mlir::Value x);
  /// NaN where either is.
  mlir::Value maximum(mlir::Value x, mlir::Value y);
  mlir::Value minimum(mlir::Value x, mlir::Value y);
  /// False where either is NaN.
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value lessOrEqual(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);

  /// Moved outward by `relative` of their magnitude, and by `tiny`; unknown beyond `largest`.
  Bounds outward(mlir::Value low, mlir::Value high, double relative = 4 * unit);
  /// NaN where the size is above `largest`, or NaN.
  mlir::Value known(mlir::Value x, mlir::Value size);
  /// The largest magnitude inside.
  mlir::Value magnitude(mlir::Value low, mlir::Value high);

  //===--- Tensors, element by element ----------------------------------------===//

  /// Gets elements, and a builder that stands among them.
  using ElementBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(BoundBuilder &t, mlir::ValueRange elements)>;
  /// One pass over a shape; `maps[i]` reads `ins[i]`. The body says how many results there are, and of which types.
  llvm::SmallVector<mlir::Value> map(llvm::ArrayRef<int64_t> shape, mlir::ValueRange ins,
                                     llvm::ArrayRef<mlir::AffineMap> maps, llvm::ArrayRef<mlir::Type> results,
                                     ElementBody body);
  /// All of one shape, and of f32.
  llvm::SmallVector<mlir::Value> map(mlir::ValueRange ins, unsigned results, ElementBody body);
  /// The sum of what the body returns over the last dimension, from 0.
  mlir::Value sum(llvm::ArrayRef<int64_t> shape, mlir::ValueRange ins, llvm::ArrayRef<mlir::AffineMap> maps,
                  llvm::function_ref<mlir::Value(BoundBuilder &t, mlir::ValueRange elements)> body);

  /// The type of so many examples of a model's value.
  mlir::RankedTensorType batched(mlir::Type type) const;

  //===--- Linear forms, [elements, forms, examples] --------------------------===//

  /// The sum of what the body returns over the elements, [forms, examples]. It gets a coefficient; of each of `ins` the
  /// element, which are [elements, examples], or of a parameter [elements]; and of `perExample`.
  mlir::Value sumForms(mlir::Value coefficients, mlir::ValueRange ins,
                       llvm::function_ref<mlir::Value(BoundBuilder &t, mlir::ValueRange elements)> body,
                       mlir::Value perExample = nullptr);
  /// New coefficients, of the same.
  mlir::Value mapForms(mlir::Value coefficients, mlir::ValueRange ins,
                       llvm::function_ref<mlir::Value(BoundBuilder &t, mlir::ValueRange elements)> body);
  /// sum_j coefficients_j middle_j - |coefficients_j| radius_j, as it is rounded.
  mlir::Value lower(mlir::Value coefficients, mlir::Value middle, mlir::Value radius);
  /// sum_j |coefficients_j| size_j of each form, negated, rounded downward; `size` is [elements, examples].
  mlir::Value lose(mlir::Value coefficients, mlir::Value size);
  /// The same, of what one rounding of a value within its bounds is at most, of the value and of a coefficient.
  mlir::Value loseRounding(mlir::Value coefficients, const Bounds &x);
  /// The least value of each form over the bounds.
  mlir::Value least(mlir::Value coefficients, const Bounds &x);

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace selfopt
#endif // SELFOPT_DIALECT_BOUNDBUILDER_H
