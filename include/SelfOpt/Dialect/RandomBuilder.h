//===- RandomBuilder.h - Random numbers as programs ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two generators, both counter based: a number depends on its key and its position, never on what was drawn before.
//
//   philox   Philox4x32-10 (Salmon et al. 2011). Initial values, and the keys of a step.
//   mix      two rounds of a 32-bit finaliser, keyed by two words of Philox. What a step draws for every element of a
//            batch (noise, dropout): 4 multiplications a number instead of 40, since it runs in the inner loop. Not for
//            anything that needs more than 2^32 positions per key.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_RANDOMBUILDER_H
#define SELFOPT_DIALECT_RANDOMBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <array>

namespace selfopt {

/// Scalar arithmetic inside the body of a linalg.generic.
struct ScalarBuilder {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value i32(uint32_t x);
  mlir::Value f32(double x);
  template <typename OpT> mlir::Value op(mlir::Value x, mlir::Value y) { return OpT::create(b, loc, x, y); }

  /// The two halves of an i64, low first.
  std::array<mlir::Value, 2> split(mlir::Value i64);
  /// The position in row-major order, as an i32, of the element that a generic's body computes.
  mlir::Value flatPosition(llvm::ArrayRef<int64_t> shape);
  /// The first two words of Philox4x32-10.
  std::array<mlir::Value, 2> philox(std::array<mlir::Value, 4> counter, std::array<mlir::Value, 2> key);
  /// A word for a position: lowbias32(lowbias32(position + key0) xor key1), where lowbias32 is Wellons' (2018) finaliser
  /// x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16.
  mlir::Value mix(mlir::Value position, mlir::Value key0, mlir::Value key1);
  /// The low 24 bits of a word as a float in [0, 1), exact.
  mlir::Value uniform(mlir::Value word);
  /// A standard normal number from two words (Box and Muller 1958).
  mlir::Value normal(mlir::Value word0, mlir::Value word1);
  /// A standard normal number from one word: sqrt(2) erfinv(u) with Giles' (2010) single-precision approximation, whose
  /// relative error is below 1e-6. At most 5.5 in size.
  mlir::Value normal(mlir::Value word);
};

/// The largest size of what ScalarBuilder::normal(word) draws.
inline constexpr double maxNormal = 5.5;

enum class RandomKind { Uniform, Normal };

/// One random number for every element of `type`, in a training step: it depends on `seed` (tensor<i64>), `number` (the
/// step's, tensor<f32>), `stream` (which of the program's draws this is) and the position.
mlir::Value buildRandomTensor(mlir::OpBuilder &b, mlir::Location loc, mlir::RankedTensorType type, RandomKind kind,
                              mlir::Value seed, mlir::Value number, int64_t stream);

} // namespace selfopt
#endif // SELFOPT_DIALECT_RANDOMBUILDER_H
