//===- CarryTest.cpp - Paused trainings go on in larger models ----------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiled side of preserving mutations: a training that paused is scored, carried over, and scored in the child.
//
//===----------------------------------------------------------------------===//

#include "../../../lib/Search/Carry.h"
#include "SearchHarness.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

const char *file = SELFOPT_SOURCE_DIR "/docs/examples/digits.mlir";

/// The digits, with a model that has a skip connection, a branch and random layers.
std::string digits(const std::string &hyper = "lr = 1.0e-3, batch = 64, epochs = 6") {
  std::string text = replaced(readExample("digits.mlir"), "lr = 1.0e-3, batch = 32, epochs = 20", hyper);
  return replacedProgram(text, "selfopt.model @net", R"(selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
    %h = nn.dense %x units(12) init(he_normal) : tensor<12xf32>
    %a = nn.activation relu %h : tensor<12xf32>
    %n = nn.noise %a scale(0.1) : tensor<12xf32>
    %g = nn.dense %n units(9) : tensor<9xf32>
    %b = nn.activation gelu %g : tensor<9xf32>
    %d = nn.dropout %b rate(0.1) : tensor<9xf32>
    %s = nn.dense %d units(12) : tensor<12xf32>
    %r = arith.addf %a, %s : tensor<12xf32>
    %c = nn.concat %r, %a : tensor<24xf32>
    %l = nn.layer_norm %c : tensor<24xf32>
    %y = nn.dense %l units(10) : tensor<10xf32>
    selfopt.return %y : tensor<10xf32>
  })");
}

OwningOpRef<ModuleOp> parseBeside(StringRef text) {
  return parseSourceString<ModuleOp>(text, ParserConfig(&context()), file);
}

struct Loaded {
  OwningOpRef<ModuleOp> spec;
  PlannedProgram planned;
  std::unique_ptr<Executable> executable;
  std::string plan;

  explicit Loaded(StringRef text) : spec(parseBeside(text)) {
    if (!spec)
      return;
    auto made = planTraining(*spec, "fit");
    if (failed(made))
      return;
    planned = std::move(*made);
    auto loaded = loadProgram(planned);
    if (failed(loaded))
      return;
    executable = std::move(*loaded);
    plan = planDigest(planned);
  }
  ScoreOutcome score() { return executable->score(planned.data->validation); }

  /// The logits of some rows of the validation split, interpreted with the weights that the executable has.
  std::vector<double> predictions() {
    auto model = spec->lookupSymbol<ModelOp>("net");
    Interpreter interpreter;
    ProgramParameters parameters = ProgramParameters::of(model.getBody().front());
    for (const ProgramParameters::Range &range : parameters.layers) {
      SmallVector<Tensor> tensors;
      for (size_t i = range.first; i < range.first + range.count; ++i)
        tensors.push_back(readBuffer(*executable, "parameter." + std::to_string(i)));
      interpreter.setParameters(range.layer, std::move(tensors));
    }
    std::vector<double> all;
    for (int64_t row = 0; row < 20; ++row) {
      Tensor x = Tensor::zeros({64}, true);
      for (int64_t f = 0; f < 64; ++f)
        x.floats[f] = planned.data->validation.features[row * 64 + f];
      Tensors results;
      EXPECT_TRUE(succeeded(interpreter.call(model, {x}, results)));
      llvm::append_range(all, results[0].floats);
    }
    return all;
  }
};

/// The child that some mutations, one a line, make of a spec; with its lineage.
std::string childOf(StringRef text, StringRef mutations) {
  OwningOpRef<ModuleOp> spec = parseBeside(text);
  OwningOpRef<ModuleOp> list = parse(("evolve.lineage from(\"\") {\n" + mutations + "\n}").str());
  if (!spec || !list)
    return "";
  auto lineage = *list->getOps<evolve::LineageOp>().begin();
  if (failed(applyLineage(*spec, lineage.getBody().front())))
    return "";
  lineage->remove();
  spec->push_back(lineage);
  return printSpec(*spec);
}

std::vector<Checkpoint> carried(const Checkpoint &c, StringRef parent, StringRef child) {
  OwningOpRef<ModuleOp> from = parseBeside(parent), to = parseBeside(child);
  auto made = carryCheckpoints({c}, *from, *to, "fit");
  if (made)
    return *made;
  ADD_FAILURE() << llvm::toString(made.takeError());
  return {};
}

double off(double a, double b) { return std::fabs(a - b) / std::max(1e-3, std::fabs(a)); }

const char *mutations[] = {"evolve.deepen @net at(1)",
                           "evolve.deepen @net at(3)",
                           "evolve.grow @net at(1) units(16)",
                           "evolve.grow @net at(1) units(40)",
                           "evolve.insert_zero_skip @net at(3) from(0)",
                           "evolve.grow @net at(1) units(13)\nevolve.deepen @net at(1)\n"
                           "evolve.insert_zero_skip @net at(4) from(0)\nevolve.grow @net at(2) units(30)"};

TEST(Carry, TheChildIsWhatItsParentWas) {
  std::string text = digits();
  Loaded parent(text);
  ASSERT_TRUE(parent.executable);
  parent.executable->initialize(5);
  parent.executable->train(3);
  Checkpoint c = parent.executable->pause(parent.plan);
  ScoreOutcome before = parent.score();
  std::vector<double> logits = parent.predictions();
  for (const char *mutation : mutations) {
    SCOPED_TRACE(mutation);
    std::string grown = childOf(text, mutation);
    Loaded child(grown);
    ASSERT_TRUE(child.executable);
    std::vector<Checkpoint> states = carried(c, text, grown);
    ASSERT_EQ(states.size(), 1u);
    child.executable->initialize(5);
    child.executable->resume(states[0], child.plan);
    EXPECT_EQ(child.executable->epochsDone(), 3);
    ScoreOutcome after = child.score();
    EXPECT_LE(off(before.loss, after.loss), 1e-5) << before.loss << " " << after.loss;
    EXPECT_EQ(before.metrics[0], after.metrics[0]);
    std::vector<double> now = child.predictions();
    double largest = 0;
    for (double x : logits)
      largest = std::max(largest, std::fabs(x));
    for (auto [a, b] : llvm::zip_equal(logits, now))
      EXPECT_LE(std::fabs(a - b), 1e-5 * largest);
    // It goes on, and learns.
    TrainOutcome outcome = child.executable->train();
    EXPECT_FALSE(outcome.diverged);
    ASSERT_EQ(outcome.epochLoss.size(), 6u);
    EXPECT_LT(outcome.epochLoss.back(), outcome.epochLoss[2]);

    // The same check notices a weight that went wrong, and one that did not go over at all.
    for (StringRef broken : {"last", "none"}) {
      Checkpoint wrong = states[0];
      for (const Checkpoint::Buffer &b : states[0].buffers)
        if (broken == "none" ? b.name == "parameter.0" : b.name == "parameter.3")
          for (int64_t i = 0; i < b.bytes; i += 4) {
            float x;
            std::memcpy(&x, wrong.arena.data() + b.offset + i, 4);
            x = broken == "none" ? 0 : x + 0.01f;
            std::memcpy(wrong.arena.data() + b.offset + i, &x, 4);
          }
      child.executable->initialize(5);
      child.executable->resume(wrong, child.plan);
      EXPECT_GT(off(before.loss, child.score().loss), 1e-5) << broken.str();
    }
  }
}

/// Copies of a unit begin alike and do not stay so.
TEST(Carry, CopiesGrowApart) {
  std::string text = digits(), grown = childOf(text, "evolve.grow @net at(1) units(18)");
  Loaded parent(text), child(grown);
  ASSERT_TRUE(parent.executable && child.executable);
  parent.executable->initialize(5);
  parent.executable->train(2);
  std::vector<Checkpoint> states = carried(parent.executable->pause(parent.plan), text, grown);
  ASSERT_EQ(states.size(), 1u);
  child.executable->initialize(5);
  child.executable->resume(states[0], child.plan);
  auto apart = [&] {
    Tensor weight = readBuffer(*child.executable, "parameter.2");
    EXPECT_EQ(weight.shape, (SmallVector<int64_t>{12, 18}));
    double most = 0;
    for (int64_t i = 0; i < 12; ++i)
      for (int64_t u = 0; u < 9; ++u)
        most = std::max(most, std::fabs(weight.floats[i * 18 + u] - weight.floats[i * 18 + 9 + u]));
    return most;
  };
  EXPECT_EQ(apart(), 0);
  // Adam's moments went over with the weights.
  Tensor m = readBuffer(*child.executable, "state.1.2"), old = readBuffer(*parent.executable, "state.1.2");
  for (int64_t i = 0; i < 12; ++i)
    for (int64_t u = 0; u < 18; ++u)
      EXPECT_EQ(m.floats[i * 18 + u], old.floats[i * 9 + u % 9]);
  child.executable->train();
  EXPECT_GT(apart(), 1e-3);
}

TEST(Carry, SaysWhatCannotBeCarried) {
  std::string text = digits();
  Loaded parent(text);
  ASSERT_TRUE(parent.executable);
  parent.executable->initialize(5);
  Checkpoint c = parent.executable->pause(parent.plan);
  auto message = [&](const Checkpoint &from, StringRef mutation) {
    OwningOpRef<ModuleOp> before = parseBeside(text), after = parseBeside(childOf(text, mutation));
    Listener heard;
    auto made = carryCheckpoints({from}, *before, *after, "fit");
    return made ? std::string("carried") : heard.text + llvm::toString(made.takeError());
  };
  EXPECT_EQ(message(c, "evolve.widen @net at(1) units(16)"),
            "'evolve.widen' op carries no weights: expected a kind that claims preserving, found one that claims "
            "changing\nthe weights of the parent can't be carried");
  EXPECT_EQ(message(c, "evolve.grow @net at(1) units(16)"), "carried");
  Checkpoint other = c;
  for (Checkpoint::Buffer &b : other.buffers)
    if (b.name == "parameter.1")
      b.name = "lost";
  EXPECT_EQ(message(other, "evolve.grow @net at(1) units(16)"),
            "expected a buffer parameter.1 of memref<12xf32>, found none");
  other = c;
  other.arena.resize(100);
  EXPECT_NE(message(other, "evolve.grow @net at(1) units(16)"), "carried");
}

TEST(Carry, KnowsWhoCarries) {
  EXPECT_TRUE(carriesWeights("evolve.set_hyper @fit \"lr\" to(0.1)\nevolve.grow @net at(0) units(9)\n"));
  EXPECT_TRUE(carriesWeights("evolve.deepen @net at(0)"));
  EXPECT_FALSE(carriesWeights("evolve.widen @net at(0) units(9)\nevolve.simplify @adam\n"));
  EXPECT_FALSE(carriesWeights(""));
}

/// Whole searches whose members grow.
TEST(Carry, MembersGrowWhileTheyTrain) {
  std::string grow = points("pbt population(8) interval(2)"), still = points("pbt population(8) interval(2) grow(0)");
  Finished run = runOnce("grow", grow, 96, 2), other = runOnce("still", still, 96, 2);
  ASSERT_EQ(run.error + other.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  int grown = 0, trained = 0;
  std::set<std::string> kinds;
  for (const CandidateRow &row : rows) {
    if (row.continues < 0 || !carriesWeights(row.mutation))
      continue;
    ++grown;
    kinds.insert(StringRef(row.mutation).split(' ').first.str());
    EXPECT_EQ(row.parent, row.continues);
    EXPECT_EQ(row.startState, rows[row.continues].state);
    if (!row.validation)
      continue;
    ++trained;
    EXPECT_GT(row.parameters, rows[row.continues].parameters);
    // What was spent along the chain counts, and the curve goes on.
    EXPECT_GT(row.trainFlops, rows[row.continues].trainFlops);
    EXPECT_TRUE(StringRef(row.curve).starts_with(StringRef(rows[row.continues].curve).drop_back())) << row.curve;
  }
  auto archive = Archive::openReadOnly(run.directory);
  ASSERT_TRUE(bool(archive));
  for (const CandidateRow &row : rows) {
    auto again = replayCandidate(**archive, row.id, context());
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(printSpec(**again), row.program) << "candidate " << row.id;
  }
  EXPECT_GE(grown, 3);
  EXPECT_GE(trained, 2);
  // Whatever the number of workers, and however often it was interrupted.
  Finished part = runOnce("grow-cut", grow, 53, 3);
  ASSERT_EQ(part.error, "");
  Finished resumed = runOnce("grow-cut", grow, 96, 1, /*resume=*/true);
  ASSERT_EQ(resumed.error, "");
  EXPECT_EQ(resumed.digest, run.digest);
  for (const CandidateRow &row : rowsOf(other))
    EXPECT_FALSE(row.continues >= 0 && carriesWeights(row.mutation)) << row.mutation;
}

} // namespace
