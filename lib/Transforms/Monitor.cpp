//===- Monitor.cpp - What a training run watches ---------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Transforms/Monitor.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/UpdateRule.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

Monitor selfopt::monitorOf(ModuleOp spec, TrainOp train) {
  Monitor monitor;
  auto tighten = [](std::optional<double> &bound, double to) { bound = bound ? std::min(*bound, to) : to; };
  for (auto policy : spec.getOps<PolicyOp>())
    for (auto require : policy.getOps<RequireOp>()) {
      StringRef subject = require.getSubjectAttr().getRootReference();
      if (subject == train.getLossAttr().getRootReference() && require.takes("domain"))
        tighten(monitor.prediction, require.getParameter("domain"));
      if (subject == train.getOptimizerAttr().getRootReference() && require.takes("gradient")) {
        tighten(monitor.gradient, require.getParameter("gradient"));
        tighten(monitor.weight, UpdateRuleOptions().maxWeight);
        if (train.getScheduleAttr())
          tighten(monitor.rate, UpdateRuleOptions().maxLearningRate);
      }
      if (train.getSamplerAttr() && subject == train.getSamplerAttr().getRootReference() && require.takes("domain"))
        tighten(monitor.loss, require.getParameter("domain"));
    }
  return monitor;
}
