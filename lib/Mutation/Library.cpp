//===- Library.cpp - Programs to take instead of one's own ---------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Library.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;

static constexpr LibraryProgram library[] = {
    //===--- Update rules -------------------------------------------------===//
    {"sgd", "selfopt.optimizer", "gradient descent",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) {
       %u = arith.mulf %lr, %g : f32
       %w1 = arith.subf %w, %u : f32
       selfopt.return %w1 : f32 })"},
    {"momentum", "selfopt.optimizer", "gradient descent with heavy-ball momentum 0.9 (Polyak 1964)",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
       %beta = arith.constant 0.9 : f32
       %d = arith.mulf %beta, %m : f32
       %m1 = arith.addf %d, %g : f32
       %u = arith.mulf %lr, %m1 : f32
       %w1 = arith.subf %w, %u : f32
       selfopt.return %w1, %m1 : f32, f32 })"},
    {"nesterov", "selfopt.optimizer", "momentum 0.9 with look-ahead (Nesterov 1983, in the form of Sutskever et al. 2013)",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
       %beta = arith.constant 0.9 : f32
       %d = arith.mulf %beta, %m : f32
       %m1 = arith.addf %d, %g : f32
       %b1 = arith.mulf %beta, %m1 : f32
       %n = arith.addf %g, %b1 : f32
       %u = arith.mulf %lr, %n : f32
       %w1 = arith.subf %w, %u : f32
       selfopt.return %w1, %m1 : f32, f32 })"},
    {"rmsprop", "selfopt.optimizer", "steps over the running root mean square of the gradient (Tieleman and Hinton 2012)",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) state(%v: f32 = 0.0) {
       %rho = arith.constant 0.9 : f32
       %rest = arith.constant 0.1 : f32
       %eps = arith.constant 1.0e-8 : f32
       %v0 = arith.mulf %rho, %v : f32
       %gg = arith.mulf %g, %g : f32
       %vg = arith.mulf %rest, %gg : f32
       %v1 = arith.addf %v0, %vg : f32
       %root = math.sqrt %v1 : f32
       %den = arith.addf %root, %eps : f32
       %dir = arith.divf %g, %den : f32
       %u = arith.mulf %lr, %dir : f32
       %w1 = arith.subf %w, %u : f32
       selfopt.return %w1, %v1 : f32, f32 })"},
    {"adam", "selfopt.optimizer", "Adam, betas 0.9 and 0.999 (Kingma and Ba 2015)",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
       %one = arith.constant 1.0 : f32
       %b1 = arith.constant 0.9 : f32
       %b2 = arith.constant 0.999 : f32
       %eps = arith.constant 1.0e-8 : f32
       %n1 = arith.subf %one, %b1 : f32
       %n2 = arith.subf %one, %b2 : f32
       %m0 = arith.mulf %b1, %m : f32
       %mg = arith.mulf %n1, %g : f32
       %m1 = arith.addf %m0, %mg : f32
       %v0 = arith.mulf %b2, %v : f32
       %gg = arith.mulf %g, %g : f32
       %vg = arith.mulf %n2, %gg : f32
       %v1 = arith.addf %v0, %vg : f32
       %p1 = math.powf %b1, %step : f32
       %p2 = math.powf %b2, %step : f32
       %c1 = arith.subf %one, %p1 : f32
       %c2 = arith.subf %one, %p2 : f32
       %mh = arith.divf %m1, %c1 : f32
       %vh = arith.divf %v1, %c2 : f32
       %root = math.sqrt %vh : f32
       %den = arith.addf %root, %eps : f32
       %dir = arith.divf %mh, %den : f32
       %u = arith.mulf %lr, %dir : f32
       %w1 = arith.subf %w, %u : f32
       selfopt.return %w1, %m1, %v1 : f32, f32, f32 })"},
    {"lion", "selfopt.optimizer", "the sign of an interpolated momentum, betas 0.9 and 0.99 (Chen et al. 2023)",
     R"(selfopt.optimizer @program(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
       %one = arith.constant 1.0 : f32
       %zero = arith.constant 0.0 : f32
       %b1 = arith.constant 0.9 : f32
       %b2 = arith.constant 0.99 : f32
       %n1 = arith.subf %one, %b1 : f32
       %n2 = arith.subf %one, %b2 : f32
       %c0 = arith.mulf %b1, %m : f32
       %cg = arith.mulf %n1, %g : f32
       %c = arith.addf %c0, %cg : f32
       %up = arith.cmpf ogt, %c, %zero : f32
       %down = arith.cmpf olt, %c, %zero : f32
       %minus = arith.negf %one : f32
       %s0 = arith.select %down, %minus, %zero : f32
       %sign = arith.select %up, %one, %s0 : f32
       %u = arith.mulf %lr, %sign : f32
       %w1 = arith.subf %w, %u : f32
       %m0 = arith.mulf %b2, %m : f32
       %mg = arith.mulf %n2, %g : f32
       %m1 = arith.addf %m0, %mg : f32
       selfopt.return %w1, %m1 : f32, f32 })"},

    //===--- Schedules ----------------------------------------------------===//
    {"constant", "selfopt.schedule", "always 1",
     R"(selfopt.schedule @program(%t: f32) -> f32 {
       %one = arith.constant 1.0 : f32
       selfopt.return %one : f32 })"},
    {"linear", "selfopt.schedule", "from 2 to 0 along a line, 1 on average",
     R"(selfopt.schedule @program(%t: f32) -> f32 {
       %two = arith.constant 2.0 : f32
       %d = arith.mulf %two, %t : f32
       %f = arith.subf %two, %d : f32
       selfopt.return %f : f32 })"},
    {"cosine", "selfopt.schedule", "1 + cos(pi t): from 2 to 0, 1 on average (Loshchilov and Hutter 2017)",
     R"(selfopt.schedule @program(%t: f32) -> f32 {
       %pi = arith.constant 3.14159274 : f32
       %one = arith.constant 1.0 : f32
       %angle = arith.mulf %pi, %t : f32
       %c = math.cos %angle : f32
       %f = arith.addf %one, %c : f32
       selfopt.return %f : f32 })"},
    {"one_cycle", "selfopt.schedule", "up from 0.1 to 2 in the first fifth, then down to 0 (Smith 2018)",
     R"(selfopt.schedule @program(%t: f32) -> f32 {
       %two = arith.constant 2.0 : f32
       %low = arith.constant 0.1 : f32
       %slope = arith.constant 9.5 : f32
       %fall = arith.constant 2.5 : f32
       %up0 = arith.mulf %slope, %t : f32
       %up = arith.addf %low, %up0 : f32
       %down0 = arith.mulf %fall, %t : f32
       %down = arith.subf %fall, %down0 : f32
       %f = arith.minimumf %up, %down : f32
       selfopt.return %f : f32 })"},

    //===--- Samplers -----------------------------------------------------===//
    {"uniform", "selfopt.sampler", "the ordinary shuffle",
     R"(selfopt.sampler @program(%loss: f32, %age: f32, %t: f32) -> f32 {
       %one = arith.constant 1.0 : f32
       selfopt.return %one : f32 })"},
    {"hard", "selfopt.sampler", "examples of a large loss more often (Loshchilov and Hutter 2016)",
     R"(selfopt.sampler @program(%loss: f32, %age: f32, %t: f32) -> f32 {
       %floor = arith.constant 0.1 : f32
       %w = arith.addf %loss, %floor : f32
       selfopt.return %w : f32 })"},
    {"easy_first", "selfopt.sampler", "examples of a small loss first, all alike at the end (Bengio et al. 2009)",
     R"(selfopt.sampler @program(%loss: f32, %age: f32, %t: f32) -> f32 {
       %one = arith.constant 1.0 : f32
       %left = arith.subf %one, %t : f32
       %s = arith.mulf %left, %loss : f32
       %n = arith.negf %s : f32
       %w = math.exp %n : f32
       selfopt.return %w : f32 })"},

    //===--- Augmentations ------------------------------------------------===//
    {"none", "selfopt.augment", "features as they are",
     R"(selfopt.augment @program(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
       selfopt.return %x : f32 })"},
    {"noise", "selfopt.augment", "normal noise of deviation 0.5 (Bishop 1995)",
     R"(selfopt.augment @program(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
       %scale = arith.constant 0.5 : f32
       %n = arith.mulf %scale, %normal : f32
       %y = arith.addf %x, %n : f32
       selfopt.return %y : f32 })"},
    {"mask", "selfopt.augment", "one feature in ten is zero (Vincent et al. 2008)",
     R"(selfopt.augment @program(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
       %rate = arith.constant 0.1 : f32
       %zero = arith.constant 0.0 : f32
       %gone = arith.cmpf olt, %uniform, %rate : f32
       %y = arith.select %gone, %zero, %x : f32
       selfopt.return %y : f32 })"},
    {"scale_noise", "selfopt.augment", "every feature times 1 + 0.1 z",
     R"(selfopt.augment @program(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
       %tenth = arith.constant 0.1 : f32
       %one = arith.constant 1.0 : f32
       %n = arith.mulf %tenth, %normal : f32
       %f = arith.addf %one, %n : f32
       %y = arith.mulf %x, %f : f32
       selfopt.return %y : f32 })"},

    //===--- Losses of a label --------------------------------------------===//
    {"cross_entropy", "selfopt.loss", "minus the log-probability of the label",
     R"(selfopt.loss @program(%p: !P, %label: i32) -> f32 {
       %lp = nn.log_softmax %p : !P
       %l = nn.pick %lp[%label] : f32
       %n = arith.negf %l : f32
       selfopt.return %n : f32 })"},
    {"focal", "selfopt.loss", "cross entropy times the squared probability of all other labels (Lin et al. 2017)",
     R"(selfopt.loss @program(%p: !P, %label: i32) -> f32 {
       %one = arith.constant 1.0 : f32
       %lp = nn.log_softmax %p : !P
       %l = nn.pick %lp[%label] : f32
       %q = math.exp %l : f32
       %r = arith.subf %one, %q : f32
       %rr = arith.mulf %r, %r : f32
       %n = arith.negf %l : f32
       %f = arith.mulf %rr, %n : f32
       selfopt.return %f : f32 })"},
    {"brier", "selfopt.loss", "squared distance of the probabilities from the label's corner (Brier 1950)",
     R"(selfopt.loss @program(%p: !P, %label: i32) -> f32 {
       %q = nn.softmax %p : !P
       %t = nn.one_hot %label : !P
       %d = arith.subf %q, %t : !P
       %dd = arith.mulf %d, %d : !P
       %l = nn.reduce sum %dd : f32
       selfopt.return %l : f32 })"},

    //===--- Losses of a target -------------------------------------------===//
    {"mse", "selfopt.loss", "mean squared error",
     R"(selfopt.loss @program(%p: !P, %t: !A) -> f32 {
       %d = arith.subf %p, %t : !P
       %dd = arith.mulf %d, %d : !P
       %l = nn.reduce mean %dd : f32
       selfopt.return %l : f32 })"},
    {"mae", "selfopt.loss", "mean absolute error",
     R"(selfopt.loss @program(%p: !P, %t: !A) -> f32 {
       %d = arith.subf %p, %t : !P
       %a = math.absf %d : !P
       %l = nn.reduce mean %a : f32
       selfopt.return %l : f32 })"},
    {"pseudo_huber", "selfopt.loss", "mean of sqrt(1 + d^2) - 1: squares near zero, absolute values far from it (Charbonnier et al. 1997)",
     R"(selfopt.loss @program(%p: !P, %t: !A) -> f32 {
       %one = arith.constant dense<1.0> : !P
       %d = arith.subf %p, %t : !P
       %dd = arith.mulf %d, %d : !P
       %s = arith.addf %dd, %one : !P
       %r = math.sqrt %s : !P
       %e = arith.subf %r, %one : !P
       %l = nn.reduce mean %e : f32
       selfopt.return %l : f32 })"},
};

ArrayRef<LibraryProgram> selfopt::getLibrary() { return library; }

const LibraryProgram *selfopt::findLibraryProgram(StringRef name, Operation *like) {
  for (const LibraryProgram &program : library)
    if (program.name == name && program.op == like->getName().getStringRef())
      return &program;
  return nullptr;
}

bool selfopt::libraryProgramFits(const LibraryProgram &program, Operation *like) {
  if (program.op != like->getName().getStringRef())
    return false;
  auto loss = dyn_cast<LossOp>(like);
  if (!loss)
    return true;
  // nn.reduce, softmax and pick take vectors.
  Type prediction = loss.getFunctionType().getInput(0), answer = loss.getFunctionType().getInput(1);
  bool vector = cast<RankedTensorType>(prediction).getRank() == 1;
  return vector && (StringRef(program.text).contains("!A") ? answer == prediction : answer.isInteger(32));
}

OwningOpRef<ModuleOp> selfopt::parseLibraryProgram(const LibraryProgram &program, Operation *like) {
  std::string text;
  auto put = [&](StringRef rest, auto &&self) -> void {
    size_t at = rest.find('!');
    text += rest.take_front(at);
    if (at == StringRef::npos)
      return;
    auto type = cast<LossOp>(like).getFunctionType().getInput(rest[at + 1] == 'P' ? 0 : 1);
    llvm::raw_string_ostream(text) << type;
    self(rest.drop_front(at + 2), self);
  };
  put(program.text, put);
  return parseSourceString<ModuleOp>(text, ParserConfig(like->getContext()));
}

void selfopt::listLibrary(raw_ostream &os) {
  auto row = [&](StringRef name, StringRef kind, StringRef summary) {
    os << llvm::formatv("{0,-15}{1,-11}{2}\n", name, kind, summary);
  };
  row("name", "kind", "summary");
  for (const LibraryProgram &program : library)
    row(program.name, StringRef(program.op).split('.').second, program.summary);
}
