//===- Monitor.h - What a training run watches ------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A proof about a loss holds for predictions of a domain, one about an update rule for gradients and weights of one.
// That a run stays there is not proved: the run looks, and ends where it has left.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TRANSFORMS_MONITOR_H
#define SELFOPT_TRANSFORMS_MONITOR_H

#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace selfopt {
class TrainOp;

/// Largest magnitudes; a NaN is above every one. What is absent is not watched.
struct Monitor {
  std::optional<double> prediction; ///< Of every batch that trains.
  std::optional<double> gradient;   ///< By every parameter, at every step.
  std::optional<double> weight;     ///< Every parameter, before the first step and after each epoch.
  std::optional<double> rate;       ///< The learning rate that a schedule gives, from 0, at every step.
  std::optional<double> loss;       ///< Of every example that a sampler will weigh, from 0.
};

/// What the policies of a spec assume of `train`: the least `domain` that is required of its loss, the least `gradient`
/// that is required of its update rule, and with that the weights for which update rules are proved.
Monitor monitorOf(mlir::ModuleOp spec, TrainOp train);

} // namespace selfopt
#endif // SELFOPT_TRANSFORMS_MONITOR_H
