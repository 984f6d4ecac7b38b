//===- ApplyTest.cpp - What a given mutation does, and says when it does not apply -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Specs.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

struct Applied {
  bool ok;
  std::string text, errors;
};

/// Applies `mutation` to `regression`.
Applied apply(StringRef mutation, StringRef text = regression) {
  OwningOpRef<ModuleOp> spec = parse(text), list = parse(mutation);
  Applied result;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    result.errors += d.str() + "\n";
    return success();
  });
  result.ok = list && succeeded(applyMutation(&list->getBody()->front(), *spec));
  result.text = printSpec(*spec);
  return result;
}

struct Refusal {
  const char *mutation, *error;
};
class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, LeavesTheSpecAndSaysWhy) {
  Applied applied = apply(GetParam().mutation);
  EXPECT_FALSE(applied.ok);
  EXPECT_EQ(applied.text, printSpec(*parse(regression)));
  EXPECT_EQ(applied.errors, std::string(GetParam().error) + "\n");
}

const Refusal refusals[] = {
    {"evolve.widen @no at(0) units(20)",
     "'evolve.widen' op expects @no to be defined in the spec, found no such symbol"},
    {"evolve.widen @mse at(0) units(20)", "'evolve.widen' op expects @mse to be a selfopt.model, found a selfopt.loss"},
    {"evolve.widen @net at(4) units(20)",
     "'evolve.widen' op does not apply: expected a place below 4, the number of dense layers, found 4"},
    {"evolve.widen @net at(-1) units(20)",
     "'evolve.widen' op does not apply: expected a place below 4, the number of dense layers, found -1"},
    {"evolve.widen @net at(2) units(16)",
     "'evolve.widen' op does not apply: expected more than 16 units, at most 1048576, found 16"},
    {"evolve.widen @net at(2) units(4611686018427387904)",
     "'evolve.widen' op does not apply: expected more than 16 units, at most 1048576, found 4611686018427387904"},
    {"evolve.narrow @net at(2) units(0)",
     "'evolve.narrow' op does not apply: expected fewer, at least 1, than 16 units, at most 1048576, found 0"},
    // The result's size is the loss's, and the two sides of a skip connection change together or not at all.
    {"evolve.widen @net at(3) units(4)",
     "'evolve.widen' op does not apply: 'selfopt.return' op returns other types than its program declares"},
    {"evolve.remove_dense @net at(3)",
     "'evolve.remove_dense' op does not apply: 'selfopt.return' op returns other types than its program declares"},
    {"evolve.insert_dense @net at(0) units(0) activation(\"relu\")",
     "'evolve.insert_dense' op does not apply: expected 1 to 1048576 units, found 0"},
    {"evolve.insert_dense @net at(0) units(4) activation(\"swish\")",
     "'evolve.insert_dense' op does not apply: expected an activation (relu, tanh, gelu, sigmoid), found \"swish\""},
    {"evolve.swap_activation @net at(0) to(\"tanh\")",
     "'evolve.swap_activation' op does not apply: expected another activation than tanh, found \"tanh\""},
    {"evolve.set_hyper @net \"lr\" to(0.1)",
     "'evolve.set_hyper' op expects @net to be a selfopt.train, found a selfopt.model"},
    {"evolve.set_hyper @fit \"momentum\" to(0.1)",
     "'evolve.set_hyper' op does not apply: expected a hyperparameter (lr, batch, epochs), found 'momentum'"},
    {"evolve.set_hyper @fit \"batch\" to(0.0)",
     "'evolve.set_hyper' op does not apply: expected batch between 1 and 1e9, found 0.000000e+00"},
    {"evolve.set_hyper @fit \"lr\" to(-0.1)",
     "'evolve.set_hyper' op does not apply: 'selfopt.train' op expects a learning rate above 0, found -0.1"},
    {"evolve.jitter_hyper @fit \"epochs\" by(-2.0)",
     "'evolve.jitter_hyper' op does not apply: expected epochs between 1 and 1e9, found -2.000000e+00"},
    {"evolve.edit_constant @net at(0) to(1.0)",
     "'evolve.edit_constant' op expects @net to be a loss, reward, optimizer, schedule, sampler or augment, found a selfopt.model"},
    {"evolve.edit_constant @momentum at(1) to(1.0)",
     "'evolve.edit_constant' op does not apply: expected a place below 1, the number of f32 constants, found 1"},
    {"evolve.edit_constant @momentum at(0) to(1.0e39)",
     "'evolve.edit_constant' op does not apply: expected a finite constant, found INF"},
    {"evolve.replace_op @momentum at(9) by(\"arith.addf\")",
     "'evolve.replace_op' op does not apply: expected a place below 5, the number of ops, found 9"},
    {"evolve.replace_op @momentum at(0) by(\"arith.addf\")",
     "'evolve.replace_op' op does not apply: expected an op that expression edits may replace by another, found "
     "arith.constant"},
    {"evolve.replace_op @momentum at(1) by(\"math.exp\")",
     "'evolve.replace_op' op does not apply: expected an op of 2 operands, found 'math.exp' of 1"},
    {"evolve.replace_op @momentum at(1) by(\"arith.remf\")",
     "'evolve.replace_op' op does not apply: expected an op that expression edits may create, found 'arith.remf'"},
    {"evolve.rewire_operand @momentum at(1) operand(2) value(0)",
     "'evolve.rewire_operand' op does not apply: expected an operand below 2, found 2"},
    {"evolve.rewire_operand @momentum at(1) operand(0) value(7)",
     "'evolve.rewire_operand' op does not apply: expected a value defined before the op, found value "
     "7"},
    {"evolve.rewire_operand @momentum at(1) operand(0) value(5)",
     "'evolve.rewire_operand' op does not apply: expected another value than the operand's own, found the same"},
    {"evolve.rewire_operand @mse at(0) operand(0) value(5)",
     "'evolve.rewire_operand' op does not apply: expected a value defined before the op, found value "
     "5"},
    {"evolve.rewire_operand @mse at(6) operand(0) value(0)",
     "'evolve.rewire_operand' op does not apply: expected a value of type 'f32', found "
     "'tensor<3xf32>'"},
    {"evolve.insert_op @momentum at(1) operand(0) op(\"arith.addf\")",
     "'evolve.insert_op' op does not apply: expected an op of 1 operands, found 'arith.addf' of 2"},
    {"evolve.insert_op @hard at(2) operand(0) op(\"math.exp\")",
     "'evolve.insert_op' op does not apply: expected operands of f32 elements, found 'i1'"},
    {"evolve.drop_op @momentum at(0) keep(0)",
     "'evolve.drop_op' op does not apply: expected an operand below 0, found 0"},
    {"evolve.drop_op @mse at(4) keep(0)",
     "'evolve.drop_op' op does not apply: expected an operand of the op's own type, found 'tensor<3xf32>'"},
    {"evolve.insert_noise @net at(4) scale(0.1)",
     "'evolve.insert_noise' op does not apply: expected a place below 4, the number of dense layers, found 4"},
    {"evolve.insert_noise @net at(0) scale(-0.1)",
     "'evolve.insert_noise' op does not apply: 'nn.noise' op expects a scale in [0, 1e6], found -1.000000e-01"},
    {"evolve.insert_dropout @net at(0) rate(1.0)",
     "'evolve.insert_dropout' op does not apply: 'nn.dropout' op expects a rate in [0, 0.99], found 1.000000e+00"},
    {"evolve.set_amount @net at(0) to(0.1)",
     "'evolve.set_amount' op does not apply: expected a place below 0, the number of layers that draw random numbers, "
     "found 0"},
    {"evolve.drop_layer @net at(4)",
     "'evolve.drop_layer' op does not apply: expected a place below 4, the number of layers that keep a shape, found 4"},
    {"evolve.insert_norm @net at(1) kind(\"batch_norm\")",
     "'evolve.insert_norm' op does not apply: expected a normalisation (layer_norm, rms_norm), found \"batch_norm\""},
    {"evolve.deepen @net at(4)",
     "'evolve.deepen' op does not apply: expected a place below 4, the number of dense layers, found 4"},
    {"evolve.grow @net at(4) units(20)",
     "'evolve.grow' op does not apply: expected a place below 4, the number of dense layers, found 4"},
    {"evolve.grow @net at(2) units(16)",
     "'evolve.grow' op does not apply: expected more than 16 units, at most 1048576, found 16"},
    // A skip connection adds units to others, and the last layer's are the result.
    {"evolve.grow @net at(1) units(20)",
     "'evolve.grow' op does not apply: expected the units of the layer to be read by dense layers, through elementwise "
     "ops that treat them alike, found arith.addf"},
    {"evolve.grow @net at(3) units(20)",
     "'evolve.grow' op does not apply: expected the units of the layer to be read by dense layers, through elementwise "
     "ops that treat them alike, found selfopt.return"},
    {"evolve.simplify @net",
     "'evolve.simplify' op expects @net to be a loss, reward, optimizer, schedule, sampler or augment, found a selfopt.model"},
    {"evolve.simplify @momentum",
     "'evolve.simplify' op does not apply: expected something to fold, common code or dead code, found none"},
    {"evolve.factor_dense @net at(1) rank(0)",
     "'evolve.factor_dense' op does not apply: expected 1 to 1048576 units, found 0"},
    {"evolve.insert_skip @net at(1) from(20)",
     "'evolve.insert_skip' op does not apply: expected a value below 12, found 20"},
    {"evolve.insert_skip @net at(1) from(5)",
     "'evolve.insert_skip' op does not apply: expected a value defined before the layer, found value 5"},
    {"evolve.insert_branch @net at(1) from(0) units(4) activation(\"swish\")",
     "'evolve.insert_branch' op does not apply: expected an activation (relu, tanh, gelu, sigmoid), found \"swish\""},
    {"evolve.insert_gate @net at(1) units(-1)",
     "'evolve.insert_gate' op does not apply: expected 1 to 1048576 units, found -1"},
    // The product with a splat is no merge, and a sum has two sides.
    {"evolve.drop_merge @net at(1) keep(0)",
     "'evolve.drop_merge' op does not apply: expected a place below 1, the number of ops that make one vector of "
     "several, found 1"},
    {"evolve.drop_merge @net at(0) keep(2)",
     "'evolve.drop_merge' op does not apply: expected an operand below 2, found 2"},
    {"evolve.add_state @momentum at(9) operand(0) beta(0.9)",
     "'evolve.add_state' op does not apply: expected a place below 6, the number of ops, found 9"},
    {"evolve.add_state @momentum at(1) operand(2) beta(0.9)",
     "'evolve.add_state' op does not apply: expected an operand below 2, found 2"},
    {"evolve.add_state @momentum at(1) operand(0) beta(1.0)",
     "'evolve.add_state' op does not apply: expected a share above 0 and below 1, found 1.000000e+00"},
    {"evolve.graft_program @momentum { ^bb0(%t: f32): selfopt.return %t : f32 }",
     "'evolve.graft_program' op does not apply: expected the initial values of the state with an optimizer, and with "
     "nothing else"},
    {"evolve.graft_program @momentum state [0.0] { ^bb0(%t: f32): selfopt.return %t : f32 }",
     "'evolve.graft_program' op does not apply: 'selfopt.optimizer' op expects (parameter, gradient, learning rate, "
     "step) before its 1 state values, found 1 arguments in all"},
    {"evolve.graft_program @hard { ^bb0(%a: f32, %b: f32, %c: f32): %d = arith.addf %a, %b : f32 }",
     "'evolve.graft_program' op does not apply: expected a body that ends in selfopt.return"},
    {"evolve.graft_layers @net at(0) { ^bb0(%x: tensor<9xf32>): selfopt.return %x : tensor<9xf32> }",
     "'evolve.graft_layers' op does not apply: expected a body from 'tensor<8xf32>' to one vector, found one from "
     "'tensor<9xf32>' to 'tensor<9xf32>'"},
    {"evolve.add_term @mse kind(\"entropy\") weight(0.1)",
     "'evolve.add_term' op does not apply: expected a term (logit_decay, confidence), found \"entropy\""},
    {"evolve.share_parameters @net at(0) with(1)",
     "'evolve.share_parameters' op does not apply: expected an earlier layer than 0, found 1"},
    {"evolve.share_parameters @net at(2) with(0)",
     "'evolve.share_parameters' op does not apply: expected a layer from 'tensor<16xf32>' to 'tensor<16xf32>' with the "
     "same initial values, found one from 'tensor<8xf32>' to 'tensor<16xf32>'"},
    {"evolve.end_sharing @net at(1)",
     "'evolve.end_sharing' op does not apply: expected a layer that shares parameters, found one with its own"},
    {"evolve.add_decay @mse by(0.1)",
     "'evolve.add_decay' op expects @mse to be a selfopt.optimizer, found a selfopt.loss"},
    {"evolve.add_decay @momentum by(1.0e40)",
     "'evolve.add_decay' op does not apply: expected a finite number, found INF"},
    {"evolve.smooth_labels @mse at(0) by(0.1)",
     "'evolve.smooth_labels' op does not apply: expected a place below 0, the number of picks by an index, found 0"},
    {"evolve.temper @mse by(0.0)",
     "'evolve.temper' op does not apply: expected a finite factor above 0, found 0.000000e+00"},
};
INSTANTIATE_TEST_SUITE_P(Refusals, RefusalTest, testing::ValuesIn(refusals));

struct Effect {
  const char *mutation, *before, *after;
};
class EffectTest : public testing::TestWithParam<Effect> {};

/// Beside what is named, nothing changes: undoing it in the text gives the spec that it came from.
TEST_P(EffectTest, ChangesWhatItSays) {
  Applied applied = apply(GetParam().mutation);
  ASSERT_TRUE(applied.ok) << applied.errors;
  std::string expected = printSpec(*parse(regression));
  size_t at = expected.find(GetParam().before);
  ASSERT_NE(at, std::string::npos) << expected;
  expected.replace(at, StringRef(GetParam().before).size(), GetParam().after);
  EXPECT_EQ(applied.text, printSpec(*parse(expected)));
}

const Effect effects[] = {
    {"evolve.widen @net at(2) units(20)",
     "nn.dense %5 units(16) : tensor<16xf32>\n    %7 = nn.activation relu %6 : tensor<16xf32>",
     "nn.dense %5 units(20) : tensor<20xf32>\n    %7 = nn.activation relu %6 : tensor<20xf32>"},
    {"evolve.swap_activation @net at(1) to(\"relu\")", "nn.activation gelu", "nn.activation relu"},
    {"evolve.remove_dense @net at(2)",
     "%6 = nn.dense %5 units(16) : tensor<16xf32>\n    %7 = nn.activation relu %6 : tensor<16xf32>\n    "
     "%8 = nn.dense %7",
     "%8 = nn.dense %5"},
    {"evolve.set_hyper @fit \"batch\" to(64.0)", "batch = 1,", "batch = 64,"},
    {"evolve.jitter_hyper @fit \"lr\" by(0.5)", "lr = 0.01", "lr = 0.005"},
    // At least 1.
    {"evolve.jitter_hyper @fit \"batch\" by(0.25)", "batch = 1,", "batch = 1,"},
    {"evolve.edit_constant @momentum at(0) to(0.95)", "0.899999976", "0.95"},
    {"evolve.replace_op @momentum at(2) by(\"arith.maximumf\")", "arith.addf %0, %arg1", "arith.maximumf %0, %arg1"},
    {"evolve.rewire_operand @momentum at(2) operand(1) value(3)", "arith.addf %0, %arg1", "arith.addf %0, %arg3"},
    {"evolve.insert_op @momentum at(4) operand(1) op(\"math.tanh\")", "%3 = arith.subf %arg0, %2 : f32",
     "%a = math.tanh %2 : f32\n%3 = arith.subf %arg0, %a : f32"},
    {"evolve.insert_op @momentum at(4) operand(1) op(\"arith.mulf\") value(2)", "%3 = arith.subf %arg0, %2 : f32",
     "%a = arith.mulf %2, %arg2 : f32\n%3 = arith.subf %arg0, %a : f32"},
    {"evolve.drop_op @momentum at(3) keep(1)", "%2 = arith.mulf %arg2, %1 : f32\n    %3 = arith.subf %arg0, %2 : f32",
     "%3 = arith.subf %arg0, %1 : f32"},
    {"evolve.insert_noise @net at(2) scale(0.25)", "%6 = nn.dense %5",
     "%n = nn.noise %5 scale(0.25) : tensor<16xf32>\n%6 = nn.dense %n"},
    {"evolve.insert_dropout @net at(0) rate(0.5)", "%0 = nn.dense %arg0",
     "%n = nn.dropout %arg0 rate(0.5) : tensor<8xf32>\n%0 = nn.dense %n"},
    {"evolve.drop_layer @net at(2)", "%7 = nn.activation relu %6 : tensor<16xf32>\n    %8 = nn.dense %7",
     "%8 = nn.dense %6"},
    {"evolve.add_decay @momentum by(0.125)", "selfopt.return %3, %1",
     "%c = arith.constant 0.125 : f32\n%r = arith.mulf %arg2, %c : f32\n%k = arith.mulf %r, %arg0 : f32\n"
     "%n = arith.subf %3, %k : f32\nselfopt.return %n, %1"},
    {"evolve.temper @mse by(0.5)", "%0 = arith.subf %arg0",
     "%c = arith.constant dense<0.5> : tensor<3xf32>\n%s = arith.mulf %arg0, %c : tensor<3xf32>\n"
     "%0 = arith.subf %s"},
    // The two sides of a skip connection change together, whichever is changed.
    {"evolve.widen @net at(1) units(20)",
     "%0 = nn.dense %arg0 units(16) : tensor<16xf32>\n    %1 = nn.activation tanh %0 : tensor<16xf32>\n    "
     "%2 = nn.dense %1 units(16) init(he_normal) : tensor<16xf32>\n    "
     "%cst = arith.constant dense<5.000000e-01> : tensor<16xf32>\n    %3 = arith.mulf %2, %cst : tensor<16xf32>\n    "
     "%4 = arith.addf %1, %3 : tensor<16xf32>\n    %5 = nn.activation gelu %4 : tensor<16xf32>",
     "%0 = nn.dense %arg0 units(20) : tensor<20xf32>\n    %1 = nn.activation tanh %0 : tensor<20xf32>\n    "
     "%2 = nn.dense %1 units(20) init(he_normal) : tensor<20xf32>\n    "
     "%cst = arith.constant dense<5.000000e-01> : tensor<20xf32>\n    %3 = arith.mulf %2, %cst : tensor<20xf32>\n    "
     "%4 = arith.addf %1, %3 : tensor<20xf32>\n    %5 = nn.activation gelu %4 : tensor<20xf32>"},
    {"evolve.insert_norm @net at(1) kind(\"layer_norm\")", "%2 = nn.dense %1",
     "%n = nn.layer_norm %1 : tensor<16xf32>\n%2 = nn.dense %n"},
    // Behind a relu the new layer has a relu of its own, behind anything else it is linear.
    {"evolve.deepen @net at(3)", "%8 = nn.dense %7",
     "%h = nn.dense %7 units(16) init(identity) : tensor<16xf32>\n%r = nn.activation relu %h : tensor<16xf32>\n"
     "%8 = nn.dense %r"},
    {"evolve.deepen @net at(1)", "%2 = nn.dense %1",
     "%h = nn.dense %1 units(16) init(identity) : tensor<16xf32>\n%2 = nn.dense %h"},
    {"evolve.grow @net at(2) units(20)",
     "nn.dense %5 units(16) : tensor<16xf32>\n    %7 = nn.activation relu %6 : tensor<16xf32>",
     "nn.dense %5 units(20) : tensor<20xf32>\n    %7 = nn.activation relu %6 : tensor<20xf32>"},
    {"evolve.repeat_block @net at(2)", "%8 = nn.dense %7",
     "%h = nn.dense %7 units(16) : tensor<16xf32>\n%r = nn.activation relu %h : tensor<16xf32>\n%8 = nn.dense %r"},
    {"evolve.factor_dense @net at(0) rank(3)", "%0 = nn.dense %arg0",
     "%h = nn.dense %arg0 units(3) : tensor<3xf32>\n%0 = nn.dense %h"},
    {"evolve.insert_skip @net at(2) from(1)", "%6 = nn.dense %5",
     "%s = arith.addf %5, %0 : tensor<16xf32>\n%6 = nn.dense %s"},
    {"evolve.insert_skip @net at(2) from(0)", "%6 = nn.dense %5",
     "%p = nn.dense %arg0 units(16) : tensor<16xf32>\n%s = arith.addf %5, %p : tensor<16xf32>\n%6 = nn.dense %s"},
    {"evolve.insert_zero_skip @net at(2) from(1)", "%6 = nn.dense %5",
     "%p = nn.dense %0 units(16) init(zeros) : tensor<16xf32>\n%s = arith.addf %5, %p : tensor<16xf32>\n"
     "%6 = nn.dense %s"},
    {"evolve.insert_branch @net at(2) from(0) units(4) activation(\"gelu\")", "%6 = nn.dense %5",
     "%h = nn.dense %arg0 units(4) : tensor<4xf32>\n%a = nn.activation gelu %h : tensor<4xf32>\n"
     "%c = nn.concat %5, %a : tensor<20xf32>\n%6 = nn.dense %c"},
    {"evolve.insert_gate @net at(2) units(3)", "%6 = nn.dense %5",
     "%s = nn.dense %5 units(3) : tensor<3xf32>\n%r = nn.activation relu %s : tensor<3xf32>\n"
     "%u = nn.dense %r units(16) : tensor<16xf32>\n%g = nn.activation sigmoid %u : tensor<16xf32>\n"
     "%m = arith.mulf %5, %g : tensor<16xf32>\n%6 = nn.dense %m"},
    {"evolve.drop_merge @net at(0) keep(1)",
     "%4 = arith.addf %1, %3 : tensor<16xf32>\n    %5 = nn.activation gelu %4", "%5 = nn.activation gelu %3"},
    {"evolve.graft_layers @net at(3) { ^bb0(%x: tensor<8xf32>): selfopt.return %x : tensor<8xf32> }",
     "    %0 = nn.dense %arg0 units(16) : tensor<16xf32>\n    %1 = nn.activation tanh %0 : tensor<16xf32>\n    "
     "%2 = nn.dense %1 units(16) init(he_normal) : tensor<16xf32>\n    "
     "%cst = arith.constant dense<5.000000e-01> : tensor<16xf32>\n    %3 = arith.mulf %2, %cst : tensor<16xf32>\n    "
     "%4 = arith.addf %1, %3 : tensor<16xf32>\n    %5 = nn.activation gelu %4 : tensor<16xf32>\n    "
     "%6 = nn.dense %5 units(16) : tensor<16xf32>\n    %7 = nn.activation relu %6 : tensor<16xf32>\n    "
     "%8 = nn.dense %7",
     "%8 = nn.dense %arg0"},
    {"evolve.add_state @momentum at(2) operand(1) beta(0.5)",
     "state(%arg4: f32 = 0.0) {\n    %cst = arith.constant 0.899999976 : f32\n    %0 = arith.mulf %cst, %arg4 : f32\n"
     "    %1 = arith.addf %0, %arg1 : f32\n    %2 = arith.mulf %arg2, %1 : f32\n    %3 = arith.subf %arg0, %2 : f32\n"
     "    selfopt.return %3, %1 : f32, f32",
     "state(%arg4: f32 = 0.0, %arg5: f32 = 0.0) {\n %cst = arith.constant 0.899999976 : f32\n"
     "%0 = arith.mulf %cst, %arg4 : f32\n%k = arith.constant 0.5 : f32\n%l = arith.constant 0.5 : f32\n"
     "%o = arith.mulf %k, %arg5 : f32\n%f = arith.mulf %l, %arg1 : f32\n%s = arith.addf %o, %f : f32\n"
     "%1 = arith.addf %0, %s : f32\n%2 = arith.mulf %arg2, %1 : f32\n%3 = arith.subf %arg0, %2 : f32\n"
     "selfopt.return %3, %1, %s : f32, f32, f32"},
    {"evolve.graft_program @hard { ^bb0(%a: f32, %b: f32, %c: f32): selfopt.return %b : f32 }",
     "    %cst = arith.constant 1.000000e+00 : f32\n    %0 = arith.cmpf ogt, %arg0, %cst : f32\n    "
     "%1 = arith.select %0, %arg0, %arg1 : f32\n    %2 = math.sqrt %1 : f32\n    selfopt.return %2 : f32",
     "selfopt.return %arg1 : f32"},
    {"evolve.add_term @mse kind(\"logit_decay\") weight(0.5)",
     "selfopt.return %4 : f32\n  }\n  selfopt.optimizer",
     "%q = arith.mulf %arg0, %arg0 : tensor<3xf32>\n%r = nn.reduce mean %q : f32\n%k = arith.constant 0.5 : f32\n"
     "%v = arith.mulf %r, %k : f32\n%z = arith.addf %4, %v : f32\nselfopt.return %z : f32\n}\nselfopt.optimizer"},
};
INSTANTIATE_TEST_SUITE_P(Effects, EffectTest, testing::ValuesIn(effects));

/// An edit that a symbol's user can't live with is taken back.
TEST(Apply, CrossSymbolConstraints) {
  OwningOpRef<ModuleOp> spec = parse(regression);
  auto list = parse("evolve.widen @net at(2) units(20)");
  Operation *net = SymbolTable::lookupSymbolIn(*spec, "net");
  std::string before = printSpec(*spec), message;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    message += d.str();
    return success();
  });
  EXPECT_TRUE(failed(editProgram(&list->getBody()->front(), net, [&](Operation *model) -> LogicalResult {
    // A model that is fine for itself, of two results less.
    auto last = llvm::to_vector(model->getRegion(0).getOps<nn::DenseOp>()).back();
    auto type = RankedTensorType::get({1}, Float32Type::get(&context()));
    last.setUnits(1);
    auto old = cast<ModelOp>(model).getFunctionType();
    cast<ModelOp>(model).setFunctionType(FunctionType::get(&context(), old.getInputs(), {type}));
    return success();
  })));
  EXPECT_EQ(printSpec(*spec), before);
  EXPECT_EQ(message, "'evolve.widen' op does not apply: 'selfopt.train' op has a loss that does not take the model's "
                     "prediction");
}

/// Sharing is by name; the engine chooses one that is free, and a change that takes two layers apart ends it.
TEST(Apply, SharedParameters) {
  const char *text = R"(selfopt.model @net(%x: tensor<8xf32>) -> tensor<3xf32> {
    %a = nn.dense %x units(8) param("shared0") : tensor<8xf32>
    %b = nn.dense %a units(8) param("shared0") : tensor<8xf32>
    %c = nn.dense %b units(8) init(zeros) : tensor<8xf32>
    %d = nn.dense %c units(8) init(zeros) : tensor<8xf32>
    %y = nn.dense %d units(3) : tensor<3xf32>
    selfopt.return %y : tensor<3xf32>
  })";
  Applied shared = apply("evolve.share_parameters @net at(3) with(2)", text);
  ASSERT_TRUE(shared.ok) << shared.errors;
  EXPECT_EQ(StringRef(shared.text).count("param(\"shared0\")"), 2u) << shared.text;
  EXPECT_EQ(StringRef(shared.text).count("init(zeros) param(\"shared1\")"), 2u) << shared.text;
  // Another operand size in front of the second one: nothing is left to share with.
  Applied wider = apply("evolve.widen @net at(0) units(9)", text);
  ASSERT_TRUE(wider.ok) << wider.errors;
  EXPECT_EQ(StringRef(wider.text).count("param"), 0u) << wider.text;
  Applied ended = apply("evolve.end_sharing @net at(0)", text);
  ASSERT_TRUE(ended.ok) << ended.errors;
  EXPECT_EQ(StringRef(ended.text).count("param"), 0u) << ended.text;
  // The name says nothing, who shares with whom does.
  std::string renamed = text, split = text;
  for (size_t at; (at = renamed.find("shared0")) != std::string::npos;)
    renamed.replace(at, 7, "core");
  split.replace(split.find("param(\"shared0\")"), 16, "");
  split.replace(split.find("param(\"shared0\")"), 16, "");
  EXPECT_EQ(canonicalDigest(*parse(renamed)), canonicalDigest(*parse(text)));
  EXPECT_NE(canonicalDigest(*parse(split)), canonicalDigest(*parse(text)));
}

/// What label smoothing means: the weights of a label and of the others, from the text's own constants.
TEST(Apply, SmoothLabels) {
  Applied applied = apply("evolve.smooth_labels @cross_entropy at(0) by(0.25)", classification);
  ASSERT_TRUE(applied.ok) << applied.errors;
  std::string expected = printSpec(*parse(classification));
  StringRef from = "%1 = nn.pick %0[%arg1] : f32\n    %2 = arith.negf %1 : f32";
  size_t at = expected.find(from.str());
  ASSERT_NE(at, std::string::npos) << expected;
  expected.replace(at, from.size(), R"(%1 = nn.pick %0[%arg1] : f32
    %k = arith.constant 0.75 : f32
    %s = arith.constant 0.25 : f32
    %m = nn.reduce mean %0 : f32
    %a = arith.mulf %1, %k : f32
    %b = arith.mulf %m, %s : f32
    %c = arith.addf %a, %b : f32
    %2 = arith.negf %c : f32)");
  EXPECT_EQ(applied.text, printSpec(*parse(expected)));
  for (const char *by : {"0.0", "1.0", "-1.0"})
    {
    std::string mutation = std::string("evolve.smooth_labels @cross_entropy at(0) by(") + by + ")";
    EXPECT_FALSE(apply(StringRef(mutation), classification).ok) << by;
  }
}

/// A repair is refused where there is nothing to repair, and where it does not keep its claim.
TEST(Apply, Repair) {
  auto loss = [](StringRef body) {
    return ("selfopt.loss @f(%p: tensor<3xf32>, %label: i32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}").str();
  };
  auto run = [](const Twine &mutation, StringRef text) {
    std::string whole = ("evolve.repair @f " + mutation).str();
    return apply(StringRef(whole), text);
  };
  std::string naive = loss("%q = nn.softmax %p : tensor<3xf32>\n%l = math.log %q : tensor<3xf32>\n%r = nn.pick %l[%label] : f32");
  Applied applied = run("kind(\"stable_softmax\") at(0) amount(0.0) domain(100.0)", naive);
  ASSERT_TRUE(applied.ok) << applied.errors;
  EXPECT_EQ(applied.text, printSpec(*parse(loss("%l = nn.log_softmax %p : tensor<3xf32>\n%r = nn.pick %l[%label] : f32"))));
  applied = run("kind(\"epsilon\") at(0) amount(1.0e-6) domain(100.0)", naive);
  ASSERT_TRUE(applied.ok) << applied.errors;
  EXPECT_NE(applied.text.find("arith.addf"), std::string::npos);
  for (auto [mutation, error] : {std::pair<const char *, const char *>{"kind(\"epsilon\") at(1) amount(1.0e-6) domain(100.0)", "expected a place below 1"},
                                 {"kind(\"epsilon\") at(0) amount(-1.0) domain(100.0)", "expected an amount above 0"},
                                 {"kind(\"epsilon\") at(0) amount(1.0e-6) domain(0.0)", "expected a domain in"},
                                 {"kind(\"hope\") at(0) amount(1.0e-6) domain(100.0)", "expected a kind of repair"},
                                 {"kind(\"epsilon\") at(0) amount(1.0e-6) domain(10.0)", "the program is finite already"}}) {
    applied = run(mutation, naive);
    EXPECT_FALSE(applied.ok) << mutation;
    EXPECT_NE(applied.errors.find(error), std::string::npos) << applied.errors;
  }
  // An exponential that a clamp of 90 does not keep from overflowing.
  std::string steep = loss("%e = math.exp %p : tensor<3xf32>\n%r = nn.reduce sum %e : f32");
  applied = run("kind(\"clamp\") at(0) amount(90.0) domain(100.0)", steep);
  EXPECT_FALSE(applied.ok);
  EXPECT_NE(applied.errors.find("expected the program to be finite after the repair"), std::string::npos) << applied.errors;
  EXPECT_TRUE(run("kind(\"clamp\") at(0) amount(80.0) domain(100.0)", steep).ok);
}

/// Constants fold, what is computed twice is computed once, and nothing else changes.
TEST(Apply, Simplify) {
  const char *text = R"(selfopt.sampler @s(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %three = arith.addf %one, %two : f32
    %a = arith.mulf %loss, %three : f32
    %b = arith.mulf %loss, %three : f32
    %e = math.exp %one : f32
    %c = arith.addf %a, %b : f32
    %z = arith.constant 0.0 : f32
    %d = arith.addf %c, %z : f32
    %g = arith.mulf %d, %one : f32
    %r = arith.mulf %g, %e : f32
    selfopt.return %r : f32
  })";
  Applied applied = apply("evolve.simplify @s", text);
  ASSERT_TRUE(applied.ok) << applied.errors;
  // The sum with 0 stays: it makes 0 of -0. So does exp, which machines round differently.
  EXPECT_EQ(applied.text, printSpec(*parse(R"(selfopt.sampler @s(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %three = arith.constant 3.0 : f32
    %a = arith.mulf %loss, %three : f32
    %e = math.exp %one : f32
    %c = arith.addf %a, %a : f32
    %z = arith.constant 0.0 : f32
    %d = arith.addf %c, %z : f32
    %r = arith.mulf %d, %e : f32
    selfopt.return %r : f32
  })")));
}

/// The edits of expressions are those of rewards, too: of f32 values what there is, of states and actions another operand. An
/// environment is no target of any.
TEST(Apply, Rewards) {
  const char *text = R"(
  selfopt.environment @e(%s: i32, %a: i32) -> (i32, f32, i1) states(5) actions(2) discount(0.9) {
    %r = arith.constant 0.0 : f32
    %d = arith.constant false
    selfopt.return %s, %r, %d : i32, f32, i1
  }
  selfopt.reward @f(%s: i32, %a: i32, %n: i32) -> f32 environment(@e) {
    %half = arith.constant 0.5 : f32
    %d = arith.subi %n, %s : i32
    %x = arith.sitofp %d : i32 to f32
    %r = arith.mulf %x, %half : f32
    selfopt.return %r : f32
  })";
  auto body = [&](StringRef mutation) {
    Applied applied = apply(mutation, text);
    EXPECT_TRUE(applied.ok) << mutation.str() << applied.errors;
    size_t at = applied.text.find("selfopt.reward");
    return applied.text.substr(applied.text.find('\n', at));
  };
  EXPECT_NE(body("evolve.edit_constant @f at(0) to(0.25)").find("arith.constant 2.500000e-01"), std::string::npos);
  EXPECT_NE(body("evolve.replace_op @f at(3) by(\"arith.addf\")").find("arith.addf %1, %cst"), std::string::npos);
  EXPECT_NE(body("evolve.rewire_operand @f at(1) operand(1) value(1)").find("arith.subi %arg2, %arg1"), std::string::npos);
  EXPECT_NE(body("evolve.insert_op @f at(4) operand(0) op(\"math.tanh\")").find("math.tanh %2"), std::string::npos);
  EXPECT_EQ(body("evolve.drop_op @f at(1) keep(0)").find("arith.subi"), std::string::npos);
  EXPECT_NE(body("evolve.graft_program @f {\n^bb0(%s: i32, %a: i32, %n: i32):\n%r = arith.sitofp %a : i32 to f32\n"
                 "selfopt.return %r : f32\n}").find("arith.sitofp %arg1"), std::string::npos);
  auto refused = [&](StringRef mutation) {
    Applied applied = apply(mutation, text);
    EXPECT_FALSE(applied.ok) << mutation.str();
    EXPECT_EQ(applied.text, printSpec(*parse(text)));
    return applied.errors;
  };
  EXPECT_EQ(refused("evolve.rewire_operand @f at(1) operand(1) value(3)"),
            "'evolve.rewire_operand' op does not apply: expected a value of type 'i32', found 'f32'\n");
  EXPECT_EQ(refused("evolve.insert_op @f at(2) operand(0) op(\"math.tanh\")"),
            "'evolve.insert_op' op does not apply: expected operands of f32 elements, found 'i32'\n");
  EXPECT_EQ(refused("evolve.simplify @f"), "'evolve.simplify' op does not apply: expected something to fold, common code or dead code, found none\n");
  EXPECT_EQ(refused("evolve.edit_constant @e at(0) to(0.25)"),
            "'evolve.edit_constant' op expects @e to be a loss, reward, optimizer, schedule, sampler or augment, found a selfopt.environment\n");
  EXPECT_EQ(refused("evolve.graft_program @e {\n^bb0(%s: i32, %a: i32):\n%r = arith.constant 1.0 : f32\n%d = arith.constant true\n"
                    "selfopt.return %s, %r, %d : i32, f32, i1\n}"),
            "'evolve.graft_program' op expects @e to be a program that may change, found a selfopt.environment\n");
}

TEST(Apply, SetAmount) {
  StringRef text = R"(selfopt.model @net(%x: tensor<8xf32>) -> tensor<8xf32> {
    %n = nn.noise %x scale(1.0) : tensor<8xf32>
    %d = nn.dropout %n rate(0.5) : tensor<8xf32>
    selfopt.return %d : tensor<8xf32>
  })";
  EXPECT_NE(apply("evolve.set_amount @net at(0) to(2.0)", text).text.find("nn.noise %arg0 scale(2.0)"), std::string::npos);
  EXPECT_NE(apply("evolve.set_amount @net at(1) to(0.25)", text).text.find("nn.dropout %0 rate(0.25)"), std::string::npos);
  EXPECT_FALSE(apply("evolve.set_amount @net at(1) to(2.0)", text).ok);
}

/// A splat follows the layer that it scales.
TEST(Apply, SplatsFollowTheirUsers) {
  const char *text = R"(selfopt.model @net(%x: tensor<8xf32>) -> tensor<3xf32> {
    %h = nn.dense %x units(16) : tensor<16xf32>
    %c = arith.constant dense<0.5> : tensor<16xf32>
    %s = arith.mulf %h, %c : tensor<16xf32>
    %y = nn.dense %s units(3) : tensor<3xf32>
    selfopt.return %y : tensor<3xf32>
  })";
  Applied applied = apply("evolve.narrow @net at(0) units(5)", text);
  ASSERT_TRUE(applied.ok) << applied.errors;
  EXPECT_NE(applied.text.find("arith.constant dense<5.000000e-01> : tensor<5xf32>"), std::string::npos) << applied.text;
  EXPECT_EQ(applied.text.find("16xf32"), std::string::npos) << applied.text;
}

} // namespace
