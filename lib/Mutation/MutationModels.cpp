//===- MutationModels.cpp - Mutations, attached to their ops -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/MutationModels.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/IR/DialectRegistry.h"

#include "SelfOpt/Mutation/MutationModels.cpp.inc"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

namespace {

template <typename OpT>
struct ApplyModel : ApplyMutationOpInterface::ExternalModel<ApplyModel<OpT>, OpT> {
  LogicalResult applyTo(Operation *mutation, ModuleOp spec) const { return cast<OpT>(mutation).applyTo(spec); }
};

/// The default: layers are put in, and all others keep what they have.
template <typename OpT>
struct PreservingModel : PreservingMutationOpInterface::ExternalModel<PreservingModel<OpT>, OpT> {};

template <>
struct PreservingModel<GrowOp> : PreservingMutationOpInterface::ExternalModel<PreservingModel<GrowOp>, GrowOp> {
  void describeTransfer(Operation *mutation, Operation *model, MutableArrayRef<ParameterTransfer> transfers) const {
    cast<GrowOp>(mutation).describeTransfer(model, transfers);
  }
};

/// Of the dialect's ops, those that are mutations. A kind that nobody defines `applyTo` of does not link.
template <typename OpT>
void attachTo(MLIRContext &context) {
  if constexpr (OpT::template hasTrait<MutationOpInterface::Trait>()) {
    OpT::template attachInterface<ApplyModel<OpT>>(context);
    if (OpT::getClaim() == MutationClaim::Preserving)
      OpT::template attachInterface<PreservingModel<OpT>>(context);
  }
}

template <typename... Ops>
void attachToAll(MLIRContext &context) {
  (attachTo<Ops>(context), ...);
}

} // namespace

void selfopt::registerMutationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, EvolveDialect *) {
    attachToAll<
#define GET_OP_LIST
#include "SelfOpt/Dialect/Evolve/EvolveOps.cpp.inc"
        >(*context);
  });
}

LogicalResult selfopt::applyMutation(Operation *mutation, ModuleOp spec) {
  auto model = dyn_cast<ApplyMutationOpInterface>(mutation);
  if (!model)
    return mutation->emitOpError("can't be applied: expected a mutation, and registerMutationModels on its context");
  return model.applyTo(spec);
}
