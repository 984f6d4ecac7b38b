//===- ProgramBits.h - What ops do to bits ------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements of values as bit vectors of MLIR's smt dialect. Exact: integers, comparisons, selects, signs, maxima, casts of
// bits. An op that rounds is a function of which some laws are known (IEEE 754): which operands commute, what one, zero,
// infinity and a sign do. Any other op, and an op where MLIR leaves its result undefined, is some function of its operands.
//
// There is one NaN: programs may make any, and a result that is one equals any other. An op that reads which one it is finds
// anything.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_PROGRAMBITS_H
#define SELFOPT_LIB_SAFETY_PROGRAMBITS_H

#include "mlir/Dialect/SMT/IR/SMTOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace selfopt {

/// Numbers of a type as bits; index has 64. Null of what has none.
std::optional<unsigned> bitWidthOf(mlir::Type element);
/// The bits of an attribute of a scalar or of equal elements, of one NaN.
std::optional<llvm::APInt> bitsOf(mlir::Attribute constant);

/// Whether flags let the op do what its operands alone don't say.
bool hasFlags(mlir::Operation *op);
/// Whether the op's result says which NaN an operand is.
bool readsNaNs(mlir::Operation *op);

class BitBuilder {
public:
  BitBuilder(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  /// An element of any value of the type.
  mlir::Value unknown(mlir::Type element, llvm::StringRef name);
  mlir::Value constant(const llvm::APInt &bits);
  /// Of a number without a sign.
  mlir::Value isBelow(mlir::Value x, uint64_t bound);
  /// An element of a result of an elementwise op, from those of its operands. The op may be of another context.
  mlir::Value apply(mlir::Operation *op, unsigned result, llvm::ArrayRef<mlir::Value> operands);
  /// What is known of the functions that were applied.
  llvm::ArrayRef<mlir::Value> getLaws() const { return laws; }

private:
  struct Format;

  mlir::Value applyExactly(mlir::Operation *op, llvm::ArrayRef<mlir::Value> x);
  mlir::Value sum(mlir::Value x, mlir::Value y, const Format &f);
  /// A product or a quotient: the sign, and a function of magnitudes.
  mlir::Value scaled(bool divides, mlir::Value x, mlir::Value y, const Format &f);
  /// The same op of the same operands is the same number.
  mlir::Value function(llvm::Twine name, unsigned width, llvm::ArrayRef<mlir::Value> x);
  /// Bits that nothing is known of, each time others.
  mlir::Value anything(unsigned width);
  mlir::Value functionOf(mlir::Operation *op, unsigned result, llvm::ArrayRef<mlir::Value> x);

  mlir::Value lessThan(mlir::Value x, mlir::Value y, const Format &f);
  /// Bits whose order, as of numbers without a sign, is that of the floats; -0 is before 0.
  mlir::Value ordered(mlir::Value x, const Format &f);
  mlir::Value isNaN(mlir::Value x, const Format &f);
  mlir::Value negated(mlir::Value x, const Format &f);
  mlir::Value magnitude(mlir::Value x, const Format &f);
  mlir::Value oneNaN(mlir::Value x, const Format &f);

  mlir::Value is(mlir::Value x, const llvm::APInt &bits);
  mlir::Value equal(mlir::Value x, mlir::Value y);
  mlir::Value choose(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value compare(mlir::smt::BVCmpPredicate predicate, mlir::Value x, mlir::Value y);
  mlir::Value any(llvm::ArrayRef<mlir::Value> conditions);
  mlir::Value all(llvm::ArrayRef<mlir::Value> conditions);
  mlir::Value no(mlir::Value condition);
  mlir::Value truth(bool value);
  mlir::Value exclusive(mlir::Value x, mlir::Value y);
  mlir::Value join(mlir::Value high, mlir::Value low);
  mlir::Value bitOf(mlir::Value condition);
  mlir::Value isSet(mlir::Value bit);
  mlir::Value extract(mlir::Value x, unsigned low, unsigned width);
  mlir::Value resize(mlir::Value x, unsigned width, bool isSigned);
  void addLaw(mlir::Value law);
  void law(mlir::Value condition, mlir::Value x, mlir::Value y);

  mlir::OpBuilder &b;
  mlir::Location loc;
  llvm::StringMap<mlir::Value> functions;
  llvm::SmallVector<mlir::Value> laws;
};

} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_PROGRAMBITS_H
