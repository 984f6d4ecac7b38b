//===- EvolveStrategies.cpp - The strategies that a search may name --------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Strategies.h"
#include "llvm/ADT/STLExtras.h"

using namespace selfopt::evolve;

static constexpr int64_t many = 1000000;

static constexpr llvm::StringLiteral crossover =
    "percent of the children that first take a program or layers from a second parent";

// docs/Language.md holds the same rows; a test compares them.
static constexpr StrategyParameter hill[] = {
    {"patience", 50, 1, many, "proposals without an improvement after which it starts again from the spec"}};
static constexpr StrategyParameter aging[] = {
    {"population", 64, 1, many, "how many of the last trained candidates may become parents"},
    {"tournament", 8, 1, many, "how many of them are drawn; the best is the parent"},
    {"crossover", 0, 0, 100, crossover, true}};
static constexpr StrategyParameter nsga2[] = {{"population", 50, 2, 10000, "how many candidates survive"},
                                              {"crossover", 10, 0, 100, crossover, true}};
static constexpr StrategyParameter mapElites[] = {
    {"initial", 50, 1, many, "neighbours of the spec before elites become parents"}};
static constexpr StrategyParameter islands[] = {
    {"islands", 4, 2, 1000, "how many populations, each an aging one"},
    {"every", 50, 1, many, "results between two migrations of each island's best to the next one"},
    {"population", 25, 1, many, "members of an island"},
    {"tournament", 5, 1, many, "how many of them are drawn; the best is the parent"},
    {"crossover", 0, 0, 100, crossover, true}};
static constexpr StrategyParameter asha[] = {
    {"reduction", 3, 2, 100, "one of this many is promoted, and trains this many times as long"},
    {"rungs", 3, 2, 10, "how many budgets, the last one a whole training"}};
static constexpr StrategyParameter pbt[] = {
    {"population", 16, 2, 10000, "members that train side by side"},
    {"interval", 5, 1, many, "epochs, of the spec's, that a member trains before it is compared"},
    {"grow", 1, 0, 1, "whether models may be mutated too, in ways that keep their function and weights"}};

llvm::ArrayRef<StrategyKind> selfopt::evolve::getStrategies() {
  static const StrategyKind kinds[] = {
      {"random", {}, 0, false, "mutates the spec each time"},
      {"hill", hill, 0, false, "mutates the best so far, and starts again from the spec where it is stuck"},
      {"aging", aging, 0, false, "regularised evolution"},
      {"nsga2", nsga2, 0, false, "keeps the candidates that no other beats in every objective"},
      {"map_elites", mapElites, 3, false, "keeps the best of each cell of a grid over what candidates cost"},
      {"islands", islands, 0, false, "aging populations side by side, with migration"},
      {"asha", asha, 0, true, "trains all a little, the better ones more"},
      {"pbt", pbt, 0, true, "trains a population, whose worst members take over the weights and programs of the best"},
  };
  return kinds;
}

const StrategyKind *selfopt::evolve::findStrategy(llvm::StringRef name) {
  auto it = llvm::find_if(getStrategies(), [&](const StrategyKind &kind) { return kind.name == name; });
  return it == getStrategies().end() ? nullptr : &*it;
}

llvm::ArrayRef<llvm::StringLiteral> selfopt::evolve::getCostQuantities() {
  static constexpr llvm::StringLiteral quantities[] = {"parameters", "flops_per_example", "train_flops", "memory"};
  return quantities;
}
