//===- Carry.cpp - Paused trainings of a parent for a grown child ----------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Carry.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Mutation/Transfer.h"
#include "mlir/IR/Diagnostics.h"
#include <cstring>

using namespace mlir;
using namespace selfopt;

bool selfopt::carriesWeights(StringRef mutations) {
  while (!mutations.empty()) {
    auto [line, rest] = mutations.split('\n');
    mutations = rest;
    line = line.ltrim();
    if (!line.consume_front("evolve."))
      continue;
    const MutationKind *kind = findMutationKind(line.take_until([](char c) { return c == ' '; }));
    if (kind && kind->claim == MutationClaim::Preserving)
      return true;
  }
  return false;
}

static Block *lineageOf(ModuleOp spec) {
  for (auto lineage : spec.getOps<evolve::LineageOp>())
    return &lineage.getBody().front();
  return nullptr;
}

/// As the runtime writes the type of a parameter's buffer.
static std::string bufferType(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream(text) << MemRefType::get(type.getShape(), type.getElementType());
  return text;
}

static llvm::Error problem(const llvm::Twine &text) { return llvm::createStringError(text); }

/// The buffers NAME.0, NAME.1, ... as vectors; `types` says how many and of which size.
static llvm::Expected<std::vector<std::vector<float>>> readAll(const Checkpoint &c, const llvm::Twine &name,
                                                               ArrayRef<ParameterSpec> types) {
  std::vector<std::vector<float>> all;
  for (auto [i, type] : llvm::enumerate(types)) {
    std::string wanted = (name + llvm::Twine(i)).str(), text = bufferType(type.type);
    auto buffer = llvm::find_if(c.buffers, [&](const Checkpoint::Buffer &b) { return b.name == wanted; });
    if (buffer == c.buffers.end())
      return problem("expected a buffer " + wanted + " of " + text + ", found none");
    int64_t bytes = type.type.getNumElements() * int64_t(sizeof(float));
    if (buffer->type != text || buffer->bytes != bytes || buffer->offset < 0 ||
        buffer->offset > int64_t(c.arena.size()) - bytes)
      return problem("expected a buffer " + wanted + " of " + text + ", found one of " + buffer->type);
    std::vector<float> values(type.type.getNumElements());
    std::memcpy(values.data(), c.arena.data() + buffer->offset, size_t(bytes));
    all.push_back(std::move(values));
  }
  return all;
}

static void write(Checkpoint &c, const llvm::Twine &name, RankedTensorType type, const std::vector<float> &values) {
  int64_t bytes = int64_t(values.size() * sizeof(float));
  c.buffers.push_back({name.str(), bufferType(type), int64_t(c.arena.size()), bytes});
  c.arena.append(reinterpret_cast<const char *>(values.data()), size_t(bytes));
}

/// `initial` has the initial value of each state of the update rule.
static llvm::Expected<Checkpoint> carry(const Checkpoint &from, const ModelTransfer &transfer,
                                        ArrayRef<double> initial) {
  Checkpoint to = from;
  to.plan = "";
  to.buffers.clear();
  to.arena.clear();
  for (const Checkpoint::Buffer &b : from.buffers)
    if (!StringRef(b.name).starts_with("parameter.") && !StringRef(b.name).starts_with("state.")) {
      if (b.offset < 0 || b.bytes < 0 || b.bytes > int64_t(from.arena.size()) - b.offset)
        return problem("expected the buffer " + b.name + " to be inside the state, found it outside");
      to.buffers.push_back({b.name, b.type, int64_t(to.arena.size()), b.bytes});
      to.arena.append(from.arena, size_t(b.offset), size_t(b.bytes));
    }
  auto parameters = readAll(from, "parameter.", transfer.before);
  if (!parameters)
    return parameters.takeError();
  for (size_t i = 0; i < transfer.after.size(); ++i)
    write(to, "parameter." + llvm::Twine(i), transfer.after[i].type, transferParameter(transfer, i, *parameters));
  for (auto [s, value] : llvm::enumerate(initial)) {
    std::string name = "state." + std::to_string(s) + ".";
    auto states = readAll(from, name, transfer.before);
    if (!states)
      return states.takeError();
    for (size_t i = 0; i < transfer.after.size(); ++i)
      write(to, name + llvm::Twine(i), transfer.after[i].type, transferState(transfer, i, *states, value));
  }
  return to;
}

llvm::Expected<std::vector<Checkpoint>> selfopt::carryCheckpoints(const std::vector<Checkpoint> &checkpoints,
                                                                  ModuleOp parent, ModuleOp child, StringRef program) {
  auto train = parent.lookupSymbol<TrainOp>(program);
  if (!train)
    return problem("expected the parent to have a selfopt.train @" + program + ", found none");
  std::string model = train.getModel().str();
  // The states that the checkpoints hold are those of the parent's rule; where a later mutation has changed it, whoever
  // resumes sees to it.
  SmallVector<double> initial(parent.lookupSymbol<OptimizerOp>(train.getOptimizer()).getStateInit());
  Block *before = lineageOf(parent), *after = lineageOf(child);
  size_t known = before ? before->getOperations().size() : 0;
  if (!after || after->getOperations().size() < known)
    return problem("expected the child's lineage to go on from its parent's, found a shorter one");
  std::vector<Checkpoint> carried = checkpoints;
  for (Operation &mutation : llvm::drop_begin(*after, known)) {
    auto transfer = applyAndTransfer(&mutation, parent, model);
    if (failed(transfer))
      return problem("the weights of the parent can't be carried");
    for (Checkpoint &c : carried) {
      auto next = carry(c, *transfer, initial);
      if (!next)
        return next.takeError();
      c = std::move(*next);
    }
  }
  if (canonicalDigest(parent) != canonicalDigest(child))
    return problem("expected the mutations to lead from the parent to the child, found another program");
  return carried;
}
