//===- ModelGraph.cpp - A model as a graph ---------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Report/ReportData.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

/// "64", "28 x 28 x 1", "scalar".
static std::string shapeOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0)
    return "scalar";
  std::string text;
  for (int64_t d : tensor.getShape())
    text += (text.empty() ? "" : " \xc3\x97 ") + std::to_string(d);
  return text;
}

/// What an op's text says beside its operands and types: "dense units(32) init(he_normal)".
static std::string labelOf(Operation &op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op.print(os, OpPrintingFlags().useLocalScope().skipRegions());
  StringRef rest = StringRef(text).split('\n').first;
  if (op.getNumResults())
    rest = rest.split(" = ").second;
  rest = rest.rsplit(" : ").first;
  rest.consume_front((op.getName().getDialectNamespace() + ".").str());
  std::string label;
  for (size_t i = 0; i < rest.size();) {
    if (rest[i] == '%') {
      while (i < rest.size() && (rest[i] == '%' || llvm::isAlnum(rest[i]) || rest[i] == '_' || rest[i] == '#'))
        ++i;
      // The comma behind an operand goes with it.
      while (i < rest.size() && (rest[i] == ',' || rest[i] == ' '))
        ++i;
      continue;
    }
    label += rest[i++];
  }
  StringRef trimmed = StringRef(label).rtrim(" {,");
  return trimmed.str();
}

namespace {
struct GraphBuilder {
  ModelGraph &graph;
  llvm::DenseMap<Value, size_t> nodeOf;
  llvm::DenseSet<StringAttr> shared;

  void addBlock(Block &block) {
    for (Operation &op : block.without_terminator()) {
      ModelGraph::Node node;
      for (Value operand : op.getOperands())
        if (auto it = nodeOf.find(operand); it != nodeOf.end() && !llvm::is_contained(node.reads, it->second))
          node.reads.push_back(it->second);
      for (Region &region : op.getRegions()) {
        if (region.empty())
          continue;
        Block &inner = region.front();
        for (auto [argument, operand] : llvm::zip(inner.getArguments(), op.getOperands()))
          if (auto it = nodeOf.find(operand); it != nodeOf.end())
            nodeOf[argument] = it->second;
        addBlock(inner);
        if (inner.mightHaveTerminator())
          for (Value result : inner.getTerminator()->getOperands())
            if (auto it = nodeOf.find(result); it != nodeOf.end() && !llvm::is_contained(node.reads, it->second))
              node.reads.push_back(it->second);
      }
      node.label = labelOf(op);
      if (op.getNumResults())
        node.shape = shapeOf(op.getResult(0).getType());
      // What layers share is drawn where it is first.
      auto layer = dyn_cast<LayerOpInterface>(op);
      if (layer && (!layer.getSharedName() || shared.insert(layer.getSharedName()).second)) {
        SmallVector<ParameterSpec> parameters;
        layer.getParameters(parameters);
        for (const ParameterSpec &p : parameters)
          node.parameters += p.type.getNumElements();
      }
      graph.parameters += node.parameters;
      for (Value result : op.getResults())
        nodeOf[result] = graph.nodes.size();
      graph.nodes.push_back(std::move(node));
    }
  }
};
} // namespace

ModelGraph report::modelGraph(ModuleOp spec, StringRef program) {
  ModelGraph graph;
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto model =
      train ? dyn_cast_or_null<ProgramOpInterface>(spec.lookupSymbol(train.getModelAttr())) : ProgramOpInterface();
  if (!model)
    return graph;
  graph.name = train.getModel().str();
  GraphBuilder builder{graph, llvm::DenseMap<Value, size_t>()};
  Block &block = model.getProgramBlock();
  for (BlockArgument argument : block.getArguments()) {
    builder.nodeOf[argument] = graph.nodes.size();
    graph.nodes.push_back({ModelGraph::Node::Kind::Input, "input", shapeOf(argument.getType()), 0, {}});
  }
  builder.addBlock(block);
  ModelGraph::Node output{ModelGraph::Node::Kind::Output, "output", "", 0, {}};
  for (Value result : block.getTerminator()->getOperands()) {
    output.shape = shapeOf(result.getType());
    if (auto it = builder.nodeOf.find(result);
        it != builder.nodeOf.end() && !llvm::is_contained(output.reads, it->second))
      output.reads.push_back(it->second);
  }
  graph.nodes.push_back(std::move(output));
  return graph;
}
