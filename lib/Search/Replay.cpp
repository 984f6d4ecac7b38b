//===- Replay.cpp - A candidate, made again from its mutations ---------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Search/Search.h"
#include "Workbench.h"

using namespace mlir;
using namespace selfopt;

llvm::Expected<OwningOpRef<ModuleOp>> selfopt::replayCandidate(Archive &archive, int64_t id, MLIRContext &context) {
  auto text = archive.getMeta("spec");
  if (!text)
    return text.takeError();
  if (!*text)
    return llvm::createStringError("the archive holds no spec");
  // The chain of parents, from the start on.
  std::vector<std::string> steps;
  for (int64_t at = id; at > 0;) {
    auto row = archive.get(at);
    if (!row)
      return row.takeError();
    if (!*row)
      return llvm::createStringError("the archive has no candidate " + Twine(at));
    steps.push_back((*row)->mutation);
    at = (*row)->parent;
  }
  OwningOpRef<ModuleOp> spec = parseSpec(**text, context);
  if (!spec)
    return llvm::createStringError("the archive's spec does not parse");
  std::string digest = canonicalDigest(*spec), all;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it)
    all += *it;
  // The spec itself, or a longer training of it.
  if (all.empty())
    return spec;
  OwningOpRef<ModuleOp> holder = parseSpec("evolve.lineage from(\"" + digest + "\") {\n" + all + "}\n", context);
  if (!holder)
    return llvm::createStringError("the mutations of candidate " + Twine(id) + " do not parse");
  auto lineage = *holder->getOps<evolve::LineageOp>().begin();
  if (failed(applyLineage(*spec, lineage.getBody().front())))
    return llvm::createStringError("the mutations of candidate " + Twine(id) + " do not apply again");
  // A spec that an earlier search found goes on with its own lineage, as the search did.
  for (auto own : spec->getOps<evolve::LineageOp>()) {
    Block &block = own.getBody().front();
    block.getOperations().splice(block.end(), lineage.getBody().front().getOperations());
    return spec;
  }
  lineage->remove();
  spec->push_back(lineage);
  return spec;
}
