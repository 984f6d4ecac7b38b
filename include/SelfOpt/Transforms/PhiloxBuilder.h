//===- PhiloxBuilder.h - Random initial values as a program - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TRANSFORMS_PHILOXBUILDER_H
#define SELFOPT_TRANSFORMS_PHILOXBUILDER_H

#include "SelfOpt/Interfaces/Interfaces.h"

namespace selfopt {

/// The initial values of a parameter, as one linalg.generic: element i is drawn by Philox4x32-10 (Salmon et al. 2011)
/// from counter (i, 0, stream, 0) and key `seed` (a tensor<i64>), so that it depends on nothing but seed, stream and
/// position. Normal values by Box and Muller (1958): he_normal has variance 2 / fan_in (He et al. 2015), lecun_normal
/// 1 / fan_in, fan_in_uniform is uniform within 1 / sqrt(fan_in), glorot_uniform is uniform within sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
mlir::Value buildInitialValues(mlir::OpBuilder &b, mlir::Location loc, const ParameterSpec &spec, mlir::Value seed,
                               int64_t stream);

} // namespace selfopt
#endif // SELFOPT_TRANSFORMS_PHILOXBUILDER_H
