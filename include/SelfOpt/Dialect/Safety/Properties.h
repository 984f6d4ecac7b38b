//===- Properties.h - What a policy can require ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The properties of safety.require, with the parameters of each: one table for the parser, the printer, the verifier, the
// checks and docs/Safety.md.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_SAFETY_PROPERTIES_H
#define SELFOPT_DIALECT_SAFETY_PROPERTIES_H

#include "SelfOpt/Dialect/Safety/Safety.h"

namespace selfopt::safety {

struct PropertyParameter {
  llvm::StringRef name;
  double initial;   ///< Where it is left out; NaN: it must be given.
  double low, high; ///< Closed bounds.
  llvm::StringRef meaning;
};

struct PropertyInfo {
  Property property;
  llvm::StringRef meaning;
  llvm::SmallVector<PropertyParameter, 2> parameters; ///< In the order in which RequireOp keeps them.
  bool ofWeights = false; ///< Of a trained model on a split: `@model on SPLIT`.
};

/// In the order of the enum.
llvm::ArrayRef<PropertyInfo> getPropertyTable();
const PropertyInfo &getInfo(Property property);
/// Among the values of a property's parameters; it must have one of that name.
double getParameter(Property property, llvm::ArrayRef<double> values, llvm::StringRef name);

} // namespace selfopt::safety
#endif // SELFOPT_DIALECT_SAFETY_PROPERTIES_H
