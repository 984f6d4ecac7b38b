//===- Certify.cpp - The certificate of a candidate ---------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/PolicyResults.h"
#include "SelfOpt/Search/Search.h"

using namespace mlir;
using namespace selfopt;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

llvm::Expected<Certificate> selfopt::certifyCandidate(ModuleOp spec, ModuleOp candidate,
                                                      const TrainedWeights *weights) {
  auto searches = spec.getOps<evolve::SearchOp>();
  if (!llvm::hasSingleElement(searches))
    return makeError("expected one evolve.search in the spec, found " +
                     Twine(std::distance(searches.begin(), searches.end())));
  evolve::SearchOp search = *searches.begin();
  Certificate certificate;
  certificate.program = search.getProgram().str();
  certificate.policy = search.getPolicy().str();
  certificate.spec = canonicalDigest(spec);
  certificate.candidate = canonicalDigest(candidate);
  auto policy = Policy::fix(spec, search.getPolicy(), search.getProgram());
  if (failed(policy))
    return makeError("the policy can't be fixed");
  certificate.seals = policy->getSeals();

  auto planned = planTraining(candidate, search.getProgram());
  if (failed(planned))
    return makeError("the candidate can't be planned");
  certificate.arenaBytes = planned->arenaBytes;
  auto facts = programFacts(candidate, *planned, search.getPolicy());
  if (failed(facts))
    return makeError("the candidate can't be compiled");
  facts->weights = weights;
  std::vector<CheckResult> results = policy->check(candidate, *facts);
  std::string reason;
  if (!allHold(results, &reason))
    return makeError("the candidate does not keep the policy: " + reason);
  for (const CheckResult &result : results)
    certificate.checks.push_back(certifiedCheck(result));

  auto steps = lineageBetween(spec, candidate);
  if (!steps)
    return steps.takeError();
  OwningOpRef<ModuleOp> replayed = spec.clone();
  std::string at = certificate.spec;
  for (Operation *mutation : *steps) {
    if (failed(applyMutation(mutation, *replayed)))
      return makeError("the candidate's lineage does not apply to the spec again");
    std::string after = canonicalDigest(*replayed);
    certificate.lineage.push_back({mutationText(mutation),
                                   stringifyClaim(cast<MutationOpInterface>(mutation).getClaim()).str(), at, after});
    at = std::move(after);
  }
  if (at != certificate.candidate)
    return makeError("expected the candidate's lineage to lead to it, digest " + certificate.candidate +
                     "; found that it leads to " + at);
  return certificate;
}
