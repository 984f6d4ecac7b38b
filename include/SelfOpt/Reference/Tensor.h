//===- Tensor.h - Values of the reference interpreter ------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interpreter keeps every floating point element as a double and every integer, index or i1 element as an int64_t
// (wrapped to its width, sign-extended; i1 is 0 or 1). Whether float results are rounded to their declared type after
// each op is the interpreter's choice (see Interpreter.h), which is how one program gives both an f32 reference and
// an f64 one for finite differences.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_TENSOR_H
#define SELFOPT_REFERENCE_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cassert>
#include <cstdint>

namespace selfopt::reference {

/// A scalar (rank 0) or a row-major tensor with a static shape.
struct Tensor {
  llvm::SmallVector<int64_t> shape;
  bool isFloat = true;
  llvm::SmallVector<double, 1> floats;    ///< Elements when `isFloat`; a scalar needs no memory of its own.
  llvm::SmallVector<int64_t, 1> integers; ///< Elements otherwise.

  static Tensor zeros(llvm::ArrayRef<int64_t> shape, bool isFloat) {
    Tensor t;
    t.shape.assign(shape.begin(), shape.end());
    t.isFloat = isFloat;
    if (isFloat)
      t.floats.assign(t.size(), 0.0);
    else
      t.integers.assign(t.size(), 0);
    return t;
  }
  static Tensor scalar(double x) {
    Tensor t = zeros({}, true);
    t.floats[0] = x;
    return t;
  }
  static Tensor scalarInt(int64_t x) {
    Tensor t = zeros({}, false);
    t.integers[0] = x;
    return t;
  }
  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : shape)
      n *= d;
    return n;
  }
};

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_TENSOR_H
