//===- TransferTest.cpp - Preserving mutations preserve --------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a mutation claims is held against the interpreter: the model before it with its weights, the model after it with
// the weights that went over.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Transfer.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "Specs.h"
#include "gtest/gtest.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;
using reference::Interpreter;
using reference::Tensor;

namespace {

using Weights = std::vector<std::vector<float>>;

/// Values of the size that training leaves, none of them special.
Weights randomWeights(ArrayRef<ParameterSpec> parameters, Philox &random) {
  Weights weights;
  for (const ParameterSpec &p : parameters) {
    std::vector<float> values(p.type.getNumElements());
    double scale = p.type.getRank() == 2 ? 1 / std::sqrt(double(p.type.getDimSize(0))) : 0.2;
    for (float &x : values)
      x = float((p.name == "scale" ? 1 : 0) + scale * random.normal());
    weights.push_back(std::move(values));
  }
  return weights;
}

Weights carried(const ModelTransfer &transfer, const Weights &parent) {
  Weights child;
  for (size_t i = 0; i < transfer.after.size(); ++i)
    child.push_back(transferParameter(transfer, i, parent));
  return child;
}

FailureOr<Tensor> predict(Operation *model, const Weights &weights, const Tensor &x) {
  Interpreter interpreter;
  ProgramParameters parameters = ProgramParameters::of(model->getRegion(0).front());
  EXPECT_EQ(parameters.specs.size(), weights.size());
  for (const ProgramParameters::Range &range : parameters.layers) {
    SmallVector<Tensor> tensors;
    for (size_t i = range.first; i < range.first + range.count; ++i) {
      Tensor t = Tensor::zeros(parameters.specs[i].type.getShape(), true);
      EXPECT_EQ(t.floats.size(), weights[i].size());
      std::copy(weights[i].begin(), weights[i].end(), t.floats.begin());
      tensors.push_back(std::move(t));
    }
    interpreter.setParameters(range.layer, std::move(tensors));
  }
  SmallVector<Tensor> results;
  if (failed(interpreter.call(model, {x}, results)))
    return failure();
  return results[0];
}

/// The largest difference of two models' predictions on a few inputs, beside their largest prediction.
double difference(Operation *before, const Weights &old, Operation *after, const Weights &now, Philox &random) {
  auto type = cast<RankedTensorType>(before->getRegion(0).front().getArgument(0).getType());
  double most = 0, size = 0;
  for (int i = 0; i < 4; ++i) {
    Tensor x = Tensor::zeros(type.getShape(), true);
    for (double &v : x.floats)
      v = float(random.normal());
    auto a = predict(before, old, x), b = predict(after, now, x);
    if (failed(a) || failed(b) || a->floats.size() != b->floats.size())
      return INFINITY;
    for (auto [p, q] : llvm::zip(a->floats, b->floats)) {
      if (!std::isfinite(p) || !std::isfinite(q))
        return INFINITY;
      most = std::max(most, std::fabs(p - q));
      size = std::max(size, std::fabs(p));
    }
  }
  return size > 0 ? most / size : most;
}

constexpr double tolerance = 1e-5;

std::vector<std::string> preservingKinds() {
  std::vector<std::string> kinds;
  for (const MutationKind &kind : getMutationKinds())
    if (kind.claim == MutationClaim::Preserving)
      kinds.push_back(kind.name.str());
  return kinds;
}

/// Models that differ in what stands between their layers.
const char *models[] = {
    R"(selfopt.model @net(%x: tensor<5xf32>) -> tensor<3xf32> {
      %h = nn.dense %x units(7) : tensor<7xf32>
      %a = nn.activation relu %h : tensor<7xf32>
      %g = nn.dense %a units(4) : tensor<4xf32>
      %b = nn.activation relu %g : tensor<4xf32>
      %y = nn.dense %b units(3) : tensor<3xf32>
      selfopt.return %y : tensor<3xf32>
    })",
    // A skip connection around a layer, and what random layers do when they predict.
    R"(selfopt.model @net(%x: tensor<6xf32>) -> tensor<2xf32> {
      %h = nn.dense %x units(6) : tensor<6xf32>
      %a = nn.activation tanh %h : tensor<6xf32>
      %n = nn.noise %a scale(0.5) : tensor<6xf32>
      %g = nn.dense %n units(6) : tensor<6xf32>
      %s = arith.addf %x, %g : tensor<6xf32>
      %k = nn.dense %s units(5) : tensor<5xf32>
      %b = nn.activation gelu %k : tensor<5xf32>
      %d = nn.dropout %b rate(0.3) : tensor<5xf32>
      %y = nn.dense %d units(2) : tensor<2xf32>
      selfopt.return %y : tensor<2xf32>
    })",
    // Branches, normalisations, a layer with two readers, and units that meet themselves and a splat.
    R"(selfopt.model @net(%x: tensor<4xf32>) -> tensor<3xf32> {
      %h = nn.dense %x units(5) : tensor<5xf32>
      %a = nn.activation sigmoid %h : tensor<5xf32>
      %half = arith.constant dense<0.5> : tensor<5xf32>
      %m = arith.mulf %a, %half : tensor<5xf32>
      %q = arith.mulf %m, %h : tensor<5xf32>
      %u = nn.dense %q units(4) : tensor<4xf32>
      %v = nn.dense %a units(3) : tensor<3xf32>
      %c = nn.concat %u, %v : tensor<7xf32>
      %l = nn.layer_norm %c : tensor<7xf32>
      %y = nn.dense %l units(3) : tensor<3xf32>
      selfopt.return %y : tensor<3xf32>
    })"};

//===--- The claim -----------------------------------------------------------===//

TEST(Transfer, WhoClaimsToPreserveSaysHow) {
  for (const MutationKind &kind : getMutationKinds()) {
    auto name = RegisteredOperationName::lookup(("evolve." + kind.name).str(), &context());
    ASSERT_TRUE(name) << kind.name.str();
    EXPECT_EQ(name->hasInterface<PreservingMutationOpInterface>(), kind.claim == MutationClaim::Preserving)
        << kind.name.str();
  }
  EXPECT_EQ(preservingKinds(), (std::vector<std::string>{"deepen", "grow", "insert_zero_skip"}));
}

/// Draws mutations of one kind; the ratio of those that do more than `tolerance` with weights that `spoil` touched.
struct Outcome {
  int applied = 0, kept = 0;
  double worst = 0;
};
Outcome tryKind(StringRef text, const std::string &kind, function_ref<void(ModelTransfer &, Weights &)> spoil = {}) {
  Outcome outcome;
  Philox random(17);
  for (int i = 0; i < 25; ++i) {
    OwningOpRef<ModuleOp> before = parse(text), after = parse(text);
    Block list;
    Operation *mutation = mutate(*after, MutationScope::all(*after), random, list, {kind});
    if (!mutation)
      return outcome;
    OwningOpRef<ModuleOp> again = before->clone();
    auto transfer = applyAndTransfer(mutation, *again, "net");
    EXPECT_TRUE(succeeded(transfer));
    if (failed(transfer))
      return outcome;
    EXPECT_EQ(printSpec(*again), printSpec(*after));
    Weights old = randomWeights(transfer->before, random);
    Weights now = carried(*transfer, old);
    if (spoil)
      spoil(*transfer, now);
    double off = difference(before->lookupSymbol("net"), old, after->lookupSymbol("net"), now, random);
    ++outcome.applied;
    outcome.kept += off <= tolerance;
    outcome.worst = std::max(outcome.worst, off);
  }
  return outcome;
}

TEST(Transfer, EachKindKeepsTheFunction) {
  for (const std::string &kind : preservingKinds()) {
    int applied = 0;
    for (const char *text : models) {
      Outcome outcome = tryKind(text, kind);
      applied += outcome.applied;
      EXPECT_EQ(outcome.kept, outcome.applied) << kind << " is off by " << outcome.worst << " in " << text;
    }
    EXPECT_GE(applied, 25) << kind;
  }
}

/// The check above finds transfers that are wrong.
TEST(Transfer, WrongTransfersAreFound) {
  // Copies without their shares.
  Outcome undivided = tryKind(models[1], "grow", [](ModelTransfer &transfer, Weights &now) {
    for (auto [i, move] : llvm::enumerate(transfer.parameters))
      if (!move.shares.empty()) {
        int64_t columns = transfer.after[i].type.getDimSize(1);
        for (size_t at = 0; at < now[i].size(); ++at)
          now[i][at] /= float(move.shares[at / columns]);
      }
  });
  EXPECT_EQ(undivided.applied, 25);
  EXPECT_EQ(undivided.kept, 0);
  // One weight of a copy.
  Outcome one = tryKind(models[0], "grow", [](ModelTransfer &transfer, Weights &now) {
    for (auto [move, values] : llvm::zip(transfer.parameters, now))
      if (!move.shares.empty())
        values.back() += 0.1f;
  });
  EXPECT_LT(one.kept, one.applied);
  // New layers that start from anything else.
  for (StringRef kind : {"deepen", "insert_zero_skip"}) {
    Outcome other = tryKind(models[0], kind.str(), [](ModelTransfer &transfer, Weights &now) {
      for (auto [move, values] : llvm::zip(transfer.parameters, now))
        if (move.from < 0)
          for (float &x : values)
            x += 0.05f;
    });
    EXPECT_GT(other.applied, 0) << kind.str();
    EXPECT_EQ(other.kept, 0) << kind.str();
  }
  // Layers that go to their neighbour's place, which only a shape would notice.
  Outcome swapped = tryKind(models[1], "insert_zero_skip", [](ModelTransfer &transfer, Weights &now) {
    SmallVector<size_t> square;
    for (size_t i = 0; i < now.size(); ++i)
      if (transfer.parameters[i].from >= 0 && now[i].size() == 36)
        square.push_back(i);
    ASSERT_EQ(square.size(), 2u);
    std::swap(now[square[0]], now[square[1]]);
  });
  EXPECT_GT(swapped.applied, 0);
  EXPECT_EQ(swapped.kept, 0);
}

/// Two hundred applications over mutants of every example.
TEST(Transfer, KeepsTheFunctionOfMutants) {
  std::map<std::string, int> kinds;
  int applied = 0;
  double worst = 0;
  std::vector<std::string> texts = specTexts();
  for (uint64_t seed = 0; applied < 200 && seed < 1000; ++seed) {
    Philox random(seed);
    OwningOpRef<ModuleOp> spec = parse(texts[seed % texts.size()]);
    if (spec->getOps<ModelOp>().empty())
      continue;
    auto model = *spec->getOps<ModelOp>().begin();
    std::string name = model.getSymName().str();
    // Of a size that the interpreter is quick with.
    for (auto dense : model.getOps<nn::DenseOp>())
      if (cast<RankedTensorType>(dense.getInput().getType()).getDimSize(0) > 100)
        model = nullptr;
    if (!model)
      continue;
    MutationScope scope;
    scope.architecture = {FlatSymbolRefAttr::get(&context(), name)};
    Block list;
    for (uint64_t i = random.below(8); i > 0; --i)
      mutate(*spec, scope, random, list);
    for (int i = 0; i < 2; ++i) {
      OwningOpRef<ModuleOp> before = spec->clone();
      Operation *mutation = mutate(*spec, scope, random, list, preservingKinds());
      if (!mutation)
        break;
      OwningOpRef<ModuleOp> again = before->clone();
      auto transfer = applyAndTransfer(mutation, *again, name);
      ASSERT_TRUE(succeeded(transfer)) << printSpec(*before);
      Weights old = randomWeights(transfer->before, random);
      double off = difference(before->lookupSymbol(name), old, again->lookupSymbol(name), carried(*transfer, old), random);
      EXPECT_LE(off, tolerance) << mutation->getName().getStringRef().str() << "\n" << printSpec(*before);
      worst = std::max(worst, off);
      ++kinds[mutation->getName().stripDialect().str()];
      ++applied;
    }
  }
  EXPECT_GE(applied, 200);
  for (const std::string &kind : preservingKinds())
    EXPECT_GE(kinds[kind], 10) << kind;
  RecordProperty("worst", std::to_string(worst));
}

//===--- What goes where -----------------------------------------------------===//

ModelTransfer transferOf(StringRef text, StringRef mutation) {
  OwningOpRef<ModuleOp> spec = parse(text), list = parse(mutation);
  auto transfer = applyAndTransfer(&list->getBody()->front(), *spec, "net");
  EXPECT_TRUE(succeeded(transfer));
  return succeeded(transfer) ? *transfer : ModelTransfer();
}

TEST(Transfer, CopiesShareUnevenly) {
  ModelTransfer transfer = transferOf(models[0], "evolve.grow @net at(1) units(10)");
  ASSERT_EQ(transfer.parameters.size(), 6u);
  Weights parent;
  for (const ParameterSpec &p : transfer.before) {
    std::vector<float> values(p.type.getNumElements());
    for (auto [i, x] : llvm::enumerate(values))
      x = float(i + 1);
    parent.push_back(values);
  }
  Weights child = carried(transfer, parent);
  EXPECT_EQ(child[0], parent[0]);
  EXPECT_EQ(child[3], (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4, 1, 2}));
  // Units 0 and 1 are there three times, 2 and 3 twice; three readers.
  auto shares = [&](std::vector<int> copies) {
    double sum = 0, least = 1, most = 0;
    for (int row : copies) {
      double share = child[4][row * 3] / parent[4][copies[0] * 3];
      sum += share;
      least = std::min(least, share);
      most = std::max(most, share);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_GT(most - least, 0.01 * most);
    return std::make_pair(least, most);
  };
  EXPECT_NEAR(shares({2, 6}).first, 0.475, 1e-6);
  EXPECT_NEAR(shares({3, 7}).second, 0.525, 1e-6);
  EXPECT_NEAR(shares({0, 4, 8}).first, (1 - 0.2 / 3) / 3, 1e-6);
  EXPECT_NEAR(shares({1, 5, 9}).second, (1 + 0.2 / 3) / 3, 1e-6);
  // States are copied, and not divided.
  std::vector<float> state = transferState(transfer, 4, parent, 9);
  for (int row = 0; row < 10; ++row)
    for (int u = 0; u < 3; ++u)
      EXPECT_EQ(state[row * 3 + u], parent[4][row % 4 * 3 + u]);
}

TEST(Transfer, NewLayersStartFromTheirInit) {
  ModelTransfer transfer = transferOf(models[0], "evolve.deepen @net at(1)");
  ASSERT_EQ(transfer.parameters.size(), 8u);
  SmallVector<int64_t> from;
  for (const ParameterTransfer &move : transfer.parameters)
    from.push_back(move.from);
  EXPECT_EQ(from, (SmallVector<int64_t>{0, 1, -1, -1, 2, 3, 4, 5}));
  Philox random(1);
  Weights parent = randomWeights(transfer.before, random);
  std::vector<float> identity = transferParameter(transfer, 2, parent);
  for (int i = 0; i < 49; ++i)
    EXPECT_EQ(identity[i], i % 8 == 0 ? 1 : 0);
  EXPECT_EQ(transferParameter(transfer, 3, parent), std::vector<float>(7, 0));
  EXPECT_EQ(transferState(transfer, 3, parent, 0.25), std::vector<float>(7, 0.25f));
  EXPECT_EQ(transferState(transfer, 4, parent, 0.25), parent[2]);
}

TEST(Transfer, LayersThatNothingReadsAreLeftBehind) {
  StringRef text = R"(selfopt.model @net(%x: tensor<5xf32>) -> tensor<3xf32> {
    %dead = nn.dense %x units(7) : tensor<7xf32>
    %h = nn.dense %x units(6) : tensor<6xf32>
    %y = nn.dense %h units(3) : tensor<3xf32>
    selfopt.return %y : tensor<3xf32>
  })";
  ModelTransfer transfer = transferOf(text, "evolve.grow @net at(1) units(8)");
  SmallVector<int64_t> from;
  for (const ParameterTransfer &move : transfer.parameters)
    from.push_back(move.from);
  EXPECT_EQ(from, (SmallVector<int64_t>{2, 3, 4, 5}));
}

TEST(Transfer, OtherMutationsCarryNothing) {
  auto message = [](StringRef mutation) {
    OwningOpRef<ModuleOp> spec = parse(regression), list = parse(mutation);
    std::string before = printSpec(*spec), text;
    ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
      text += d.str();
      return success();
    });
    EXPECT_TRUE(failed(applyAndTransfer(&list->getBody()->front(), *spec, "net")));
    EXPECT_EQ(printSpec(*spec), before);
    return text;
  };
  EXPECT_EQ(message("evolve.widen @net at(2) units(20)"),
            "'evolve.widen' op carries no weights: expected a kind that claims preserving, found one that claims "
            "changing");
  EXPECT_EQ(message("evolve.grow @net at(2) units(16)"),
            "'evolve.grow' op does not apply: expected more than 16 units, at most 1048576, found 16");
  // One of another symbol leaves the model's weights alone.
  ModelTransfer transfer = transferOf(regression, "evolve.set_hyper @fit \"lr\" to(0.5)");
  EXPECT_EQ(transfer.parameters.size(), 8u);
  for (auto [i, move] : llvm::enumerate(transfer.parameters))
    EXPECT_EQ(move.from, int64_t(i));
}

} // namespace
