//===- Workbench.cpp - Where children are made ----------------------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workbench.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/Parser/Parser.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace mlir;
using namespace selfopt;

OwningOpRef<ModuleOp> selfopt::parseSpec(StringRef text, MLIRContext &context, StringRef source) {
  return parseSourceString<ModuleOp>(text, ParserConfig(&context), source);
}

/// The text of a block of mutation ops, one a line.
static std::string mutationText(Block &lineage, size_t from) {
  std::string text;
  llvm::raw_string_ostream os(text);
  size_t i = 0;
  for (Operation &op : lineage) {
    if (i++ < from)
      continue;
    op.print(os, OpPrintingFlags().useLocalScope());
    os << "\n";
  }
  return text;
}

/// The lineage op of a module, made where there is none.
static Block &lineageOf(ModuleOp spec, StringRef from) {
  for (auto lineage : spec.getOps<evolve::LineageOp>())
    return lineage.getBody().front();
  OpBuilder b = OpBuilder::atBlockEnd(spec.getBody());
  auto lineage = evolve::LineageOp::create(b, spec.getLoc(), from);
  return lineage.getBody().emplaceBlock();
}

ModuleOp Workbench::parse(StringRef program) {
  auto it = parsed.find(program);
  if (it != parsed.end())
    return *it->second;
  if (parsed.size() == parsedPrograms)
    parsed.clear();
  OwningOpRef<ModuleOp> spec = parseSpec(program, *context, source);
  if (!spec)
    return {};
  return *(parsed[program] = std::move(spec));
}

llvm::Expected<Workbench::Child> Workbench::mutateProgram(StringRef parent, const Proposal &proposal, Philox &random,
                                                          StringRef donor) {
  if (!context || used == programsPerContext) {
    parsed.clear();
    digester.reset();
    context.reset();
#ifdef __GLIBC__
    // What a context leaves are holes between what lives longer; the whole pages among them go back.
    ::malloc_trim(0);
#endif
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    digester = std::make_unique<SpecDigester>();
    used = 0;
  }
  ++used;
  ModuleOp from = parse(parent);
  if (!from)
    return llvm::createStringError("the program of a parent does not parse again");
  OwningOpRef<ModuleOp> child = cloneSpec(from);
  MutationScope scope = MutationScope::of(*child);
  std::vector<std::string> kinds;
  if (proposal.keep == Keep::Model)
    scope.architecture.clear();
  if (proposal.keep == Keep::Function)
    for (const MutationKind &kind : getMutationKinds())
      if (!kind.belongsTo(Loop::Architecture) || kind.claim == MutationClaim::Preserving)
        kinds.push_back(kind.name.str());
  Block &lineage = lineageOf(*child, startDigest);
  size_t before = lineage.getOperations().size();
  Child made;
  unsigned applied = 0;
  if (proposal.donor >= 0) {
    static const std::string grafts[] = {"graft_program", "graft_layers"};
    ModuleOp other = parse(donor);
    if (!other)
      return llvm::createStringError("the program of a donor does not parse again");
    made.changed = mutate(*child, scope, random, lineage, grafts, other) != nullptr;
    applied += made.changed;
  }
  for (; applied < proposal.mutations; ++applied)
    made.changed |= mutate(*child, scope, random, lineage, kinds) != nullptr;
  made.mutation = mutationText(lineage, before);
  // The start was verified when it was read, and every mutation verifies what it changed.
  made.program = printSpec(*child, /*verified=*/true);
  made.digest = digester->digest(*child);
  return made;
}
