//===- Lineage.cpp - Replaying part of a lineage --------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lineage.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Report/SpecDiff.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

static std::string printOp(Operation &op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op.print(os, OpPrintingFlags().useLocalScope());
  return text;
}

std::vector<std::string> report::lineageOf(ModuleOp spec) {
  std::vector<std::string> texts;
  for (auto lineage : spec.getOps<evolve::LineageOp>())
    for (Operation &op : lineage.getBody().front())
      texts.push_back(printOp(op));
  return texts;
}

std::string report::textWithoutLineage(ModuleOp spec) {
  OwningOpRef<ModuleOp> copy(spec.clone());
  for (auto lineage : llvm::make_early_inc_range(copy->getOps<evolve::LineageOp>()))
    lineage.erase();
  return printSpec(*copy);
}

StringRef report::kindOf(StringRef mutation) {
  mutation = mutation.ltrim();
  if (!mutation.consume_front("evolve."))
    return "";
  return mutation.take_until([](char c) { return c == ' ' || c == '\n'; });
}

StringRef report::targetOf(StringRef mutation) {
  StringRef rest = mutation.split('@').second;
  return rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.' || c == '-'; });
}

/// The added lines of a change, without the numbers of values.
static std::string effectOf(StringRef before, StringRef after) {
  std::string text;
  for (const DiffLine &line : diffSpecs(before, after)) {
    if (line.kind != DiffLine::Kind::Added)
      continue;
    bool inValue = false;
    for (char c : line.text) {
      inValue = c == '%' || (inValue && (llvm::isAlnum(c) || c == '_'));
      if (!inValue || c == '%')
        text += c;
    }
    text += '\n';
  }
  return text;
}

Replayed report::replay(ModuleOp start, ArrayRef<std::string> mutations) {
  Replayed result;
  result.spec = OwningOpRef<ModuleOp>(start.clone());
  MLIRContext *context = start.getContext();
  for (auto lineage : llvm::make_early_inc_range(result.spec->getOps<evolve::LineageOp>()))
    lineage.erase();
  std::string from = canonicalDigest(*result.spec), before = printSpec(*result.spec);
  OwningOpRef<ModuleOp> holder(ModuleOp::create(start.getLoc()));
  OpBuilder b = OpBuilder::atBlockEnd(holder->getBody());
  auto lineage = evolve::LineageOp::create(b, start.getLoc(), from);
  Block &block = lineage.getBody().emplaceBlock();
  ScopedDiagnosticHandler collect(context, [&](Diagnostic &d) {
    if (result.reason.empty())
      result.reason = d.str();
    return success();
  });
  for (auto [i, text] : llvm::enumerate(mutations)) {
    OwningOpRef<ModuleOp> one =
        parseSourceString<ModuleOp>("evolve.lineage from(\"\") {\n" + text + "\n}\n", ParserConfig(context));
    Operation *op = nullptr;
    if (one && !one->getOps<evolve::LineageOp>().empty())
      for (Operation &mutation : (*one->getOps<evolve::LineageOp>().begin()).getBody().front())
        op = &mutation;
    result.effects.emplace_back();
    if (!op || failed(applyMutation(op, *result.spec))) {
      result.lost.push_back(i);
      continue;
    }
    block.push_back(op->clone());
    result.applied.push_back(text);
    std::string after = printSpec(*result.spec);
    result.effects.back() = effectOf(before, after);
    before = std::move(after);
  }
  lineage->remove();
  result.spec->push_back(lineage);
  return result;
}
