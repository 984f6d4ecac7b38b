//===- Interfaces.cpp - Definitions of the interfaces --------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Interfaces/Mutation.h"
#include "SelfOpt/Reference/Tensor.h"

#include "SelfOpt/Interfaces/Interfaces.cpp.inc"
#include "SelfOpt/Interfaces/Mutation.cpp.inc"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace selfopt;

ProgramParameters ProgramParameters::of(Block &program) {
  ProgramParameters all;
  llvm::DenseMap<StringAttr, size_t> shared; // to the layer that has them
  for (auto layer : program.getOps<LayerOpInterface>()) {
    Range range{layer, all.specs.size(), 0, true};
    if (StringAttr name = layer.getSharedName()) {
      auto [it, fresh] = shared.try_emplace(name, all.layers.size());
      if (!fresh) {
        range = all.layers[it->second];
        range.layer = layer;
        range.owner = false;
        all.layers.push_back(range);
        continue;
      }
    }
    layer.getParameters(all.specs);
    range.count = all.specs.size() - range.first;
    all.layers.push_back(range);
  }
  return all;
}

StringRef selfopt::stringifyClaim(MutationClaim claim) {
  switch (claim) {
  case MutationClaim::Equivalent:
    return "equivalent";
  case MutationClaim::Preserving:
    return "preserving";
  case MutationClaim::Repairing:
    return "repairing";
  case MutationClaim::Changing:
    return "changing";
  }
  return "";
}
