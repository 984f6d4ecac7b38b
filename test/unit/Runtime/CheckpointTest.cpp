//===- CheckpointTest.cpp - Trainings that pause -------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// The example, smaller; `hyper` is what stands in hyper(...).
std::string spec(const std::string &hyper = "lr = 1.0e-3, batch = 64, epochs = 5", bool sampled = false) {
  std::string text = replaced(readExample("digits.mlir"), "lr = 1.0e-3, batch = 32, epochs = 20", hyper);
  text = replaced(text, "units(32) init(he_normal) : tensor<32xf32>", "units(9) init(he_normal) : tensor<9xf32>");
  text = replaced(text, "nn.activation relu %h : tensor<32xf32>", "nn.activation relu %h : tensor<9xf32>");
  if (sampled)
    text = replacedProgram(text, "selfopt.sampler @uniform",
                           R"(selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %lt = arith.mulf %loss, %t : f32
    %s = arith.addf %lt, %age : f32
    %w = arith.addf %s, %one : f32
    selfopt.return %w : f32
  })");
  return text;
}

/// A loaded program and the digest of its plan.
struct Loaded {
  std::unique_ptr<Twin> twin;
  std::string plan;
  explicit Loaded(const std::string &text) : twin(Twin::make(text)) {
    if (twin)
      plan = planDigest(twin->planned);
  }
  Executable &operator*() { return *twin->executable; }
  Executable *operator->() { return twin->executable.get(); }
};

std::string bytes(Executable &executable, StringRef name) {
  auto type = executable.lookupType(name);
  return std::string(static_cast<const char *>(executable.lookup(name)), size_t(type.getNumElements()) * 4);
}

/// Through the bytes of a file.
Checkpoint copied(const Checkpoint &c) {
  auto read = readCheckpoints(writeCheckpoints({c}));
  if (!read || read->size() != 1) {
    ADD_FAILURE() << "does not read back";
    return c;
  }
  return read->front();
}

TEST(Checkpoint, PausingChangesNothing) {
  for (bool sampled : {false, true}) {
    SCOPED_TRACE(sampled);
    Loaded whole(spec("lr = 1.0e-3, batch = 64, epochs = 5", sampled));
    ASSERT_TRUE(whole.twin);
    whole->initialize(3);
    TrainOutcome want = whole->train();
    ASSERT_EQ(want.epochLoss.size(), 5u);
    std::string arena = whole->pause(whole.plan).arena;
    // In one executable, paused before every epoch.
    Loaded same(spec("lr = 1.0e-3, batch = 64, epochs = 5", sampled));
    ASSERT_TRUE(same.twin);
    EXPECT_EQ(same.plan, whole.plan);
    same->initialize(3);
    for (int64_t epoch = 1; epoch <= 5; ++epoch) {
      EXPECT_EQ(same->train(epoch).epochLoss.size(), size_t(epoch));
      EXPECT_EQ(same->epochsDone(), epoch);
    }
    EXPECT_EQ(same->pause(same.plan).arena, arena);
    // In another one each time, which was used for something else, over a file; at each place.
    for (int64_t pause = 1; pause < 5; ++pause) {
      SCOPED_TRACE(pause);
      Loaded first(spec("lr = 1.0e-3, batch = 64, epochs = 5", sampled));
      first->initialize(3);
      first->train(pause);
      Checkpoint c = copied(first->pause(first.plan));
      EXPECT_EQ(c.epoch, pause);
      EXPECT_EQ(c.steps, pause * (1078 / 64));
      same->initialize(99);
      same->train(2);
      same->initialize(0);
      same->resume(c, same.plan);
      TrainOutcome outcome = same->train();
      EXPECT_EQ(outcome.epochLoss, want.epochLoss);
      EXPECT_EQ(outcome.steps, want.steps);
      EXPECT_EQ(same->pause(same.plan).arena, arena);
    }
  }
}

TEST(Checkpoint, ScoringInBetweenChangesNothing) {
  Loaded whole(spec()), paused(spec());
  ASSERT_TRUE(whole.twin && paused.twin);
  whole->initialize(3);
  whole->train();
  paused->initialize(3);
  paused->train(2);
  paused->score(paused.twin->planned.data->validation);
  Checkpoint c = copied(paused->pause(paused.plan));
  paused->initialize(4);
  paused->resume(c, paused.plan);
  paused->score(paused.twin->planned.data->validation);
  paused->train();
  for (const std::string &name : whole.twin->names)
    EXPECT_EQ(bytes(*whole, name), bytes(*paused, name)) << name;
}

TEST(Checkpoint, AnotherPipelineTakesOverWhatFits) {
  Loaded from(spec());
  ASSERT_TRUE(from.twin);
  from->initialize(3);
  from->train(2);
  Checkpoint c = from->pause(from.plan);

  // Another rate, another batch, other epochs: parameters and both of Adam's states go over, and the position does.
  Loaded other(spec("lr = 2.0e-3, batch = 100, epochs = 10"));
  ASSERT_TRUE(other.twin);
  EXPECT_NE(other.plan, from.plan);
  other->initialize(8);
  std::string rate = bytes(*other, "lr");
  other->resume(c, other.plan);
  for (const std::string &name : from.twin->names)
    EXPECT_EQ(bytes(*other, name), bytes(*from, name)) << name;
  EXPECT_EQ(bytes(*other, "lr"), rate);
  EXPECT_EQ(other->epochsDone(), 4);
  TrainOutcome outcome = other->train(5);
  EXPECT_EQ(outcome.epochLoss.size(), 3u) << "two of the first pipeline and one more";
  EXPECT_EQ(outcome.steps, 5 * (1078 / 100));
  EXPECT_LT(outcome.epochLoss[2], outcome.epochLoss[0]);

  // A rule with one state less starts it fresh.
  std::string rules = readExample("optimizers.mlir");
  size_t at = rules.find("selfopt.optimizer @momentum(");
  ASSERT_NE(at, std::string::npos);
  std::string rule = rules.substr(at, rules.find("\n  }", at) + 4 - at);
  Loaded fresh(replacedProgram(spec(), "selfopt.optimizer @adam", replaced(rule, "@momentum(", "@adam(")));
  ASSERT_TRUE(fresh.twin);
  fresh->initialize(8);
  std::string state = bytes(*fresh, "state.0.0");
  ASSERT_NE(state, bytes(*from, "state.0.0"));
  fresh->resume(c, fresh.plan);
  EXPECT_EQ(bytes(*fresh, "parameter.0"), bytes(*from, "parameter.0"));
  EXPECT_EQ(bytes(*fresh, "state.0.0"), state);

  // A layer of another shape keeps what it was initialized with; the one behind it, too.
  std::string wide =
      replaced(spec(), "units(9) init(he_normal) : tensor<9xf32>", "units(7) init(he_normal) : tensor<7xf32>");
  Loaded shaped(replaced(wide, "relu %h : tensor<9xf32>", "relu %h : tensor<7xf32>"));
  ASSERT_TRUE(shaped.twin);
  shaped->initialize(8);
  std::string weights = bytes(*shaped, "parameter.0");
  shaped->resume(c, shaped.plan);
  EXPECT_EQ(bytes(*shaped, "parameter.0"), weights);
  EXPECT_EQ(bytes(*shaped, "parameter.3"), bytes(*from, "parameter.3")) << "the last bias has one shape in both";
}

TEST(Checkpoint, SamplersTablesGoOver) {
  Loaded from(spec("lr = 1.0e-3, batch = 64, epochs = 5", true)),
      to(spec("lr = 3.0e-3, batch = 64, epochs = 10", true));
  ASSERT_TRUE(from.twin && to.twin);
  from->initialize(3);
  from->train(2);
  to->initialize(3);
  to->resume(from->pause(from.plan), to.plan);
  for (const char *table : {"losses", "age"})
    EXPECT_EQ(bytes(*to, table), bytes(*from, table)) << table;
  // What the sampler is told is the fraction of its own training, as if it had done these epochs itself.
  EXPECT_EQ(readBuffer(*to, "epoch_fraction").floats[0], readBuffer(*from, "epoch_fraction").floats[0]);
}

TEST(Checkpoint, DamagedBytesAreRefused) {
  Loaded from(spec());
  ASSERT_TRUE(from.twin);
  from->initialize(3);
  from->train(1);
  std::string good = writeCheckpoints({from->pause(from.plan), from->pause(from.plan)});
  auto read = readCheckpoints(good);
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->size(), 2u);
  EXPECT_EQ(writeCheckpoints(*read), good);
  std::vector<size_t> cuts;
  for (size_t n = 0; n < 400; ++n)
    cuts.push_back(n);
  cuts.push_back(good.size() - 1);
  for (size_t n : cuts) {
    auto cut = readCheckpoints(StringRef(good).take_front(n));
    EXPECT_FALSE(bool(cut)) << n;
    llvm::consumeError(cut.takeError());
  }
  auto longer = readCheckpoints(good + "x");
  EXPECT_EQ(llvm::toString(longer.takeError()), "expected a whole checkpoint, found one that is cut off or too long");
  auto other = readCheckpoints("selfopt");
  EXPECT_EQ(llvm::toString(other.takeError()), "expected a checkpoint, found other bytes");
}

} // namespace
