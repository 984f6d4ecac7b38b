//===- Specs.h - The specs that the mutation tests start from -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_MUTATION_SPECS_H
#define SELFOPT_TEST_MUTATION_SPECS_H

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Mutation/MutationModels.h"
#include "SelfOpt/Reference/Register.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <string>
#include <vector>

namespace selfopt::test {

inline mlir::MLIRContext &context() {
  static auto *instance = [] {
    mlir::DialectRegistry registry;
    registry.insert<SelfOptDialect, nn::NNDialect, safety::SafetyDialect, evolve::EvolveDialect,
                    mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                    mlir::tensor::TensorDialect>();
    registerReferenceModels(registry); // what claims to be equivalent is run
    registerRangeModels(registry);     // what claims to repair is proved
    registerMutationModels(registry);
    auto *made = new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
  return mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()));
}

/// What digits.mlir does not have: a skip connection, tensors and splats in the objective, a live sampler, no search.
inline constexpr llvm::StringLiteral regression = R"(
module {
  selfopt.dataset @data from csv("a.csv", "b.csv") features(tensor<8xf32> in [0.0, 1.0])
      target(tensor<3xf32> in [0.0, 1.0]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  selfopt.model @net(%x: tensor<8xf32>) -> tensor<3xf32> {
    %h = nn.dense %x units(16) : tensor<16xf32>
    %a = nn.activation tanh %h : tensor<16xf32>
    %g = nn.dense %a units(16) init(he_normal) : tensor<16xf32>
    %half = arith.constant dense<0.5> : tensor<16xf32>
    %scaled = arith.mulf %g, %half : tensor<16xf32>
    %r = arith.addf %a, %scaled : tensor<16xf32>
    %b = nn.activation gelu %r : tensor<16xf32>
    %c = nn.dense %b units(16) : tensor<16xf32>
    %d = nn.activation relu %c : tensor<16xf32>
    %y = nn.dense %d units(3) : tensor<3xf32>
    %z = nn.activation sigmoid %y : tensor<3xf32>
    selfopt.return %z : tensor<3xf32>
  }
  selfopt.loss @mse(%p: tensor<3xf32>, %t: tensor<3xf32>) -> f32 {
    %e = arith.subf %p, %t : tensor<3xf32>
    %s = arith.mulf %e, %e : tensor<3xf32>
    %two = arith.constant dense<2.0> : tensor<3xf32>
    %w = arith.divf %s, %two : tensor<3xf32>
    %m = nn.reduce mean %w : f32
    %eps = arith.constant 1.0e-3 : f32
    %l = arith.addf %m, %eps : f32
    selfopt.return %l : f32
  }
  selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
    %beta = arith.constant 0.9 : f32
    %d = arith.mulf %beta, %m : f32
    %m1 = arith.addf %d, %g : f32
    %u = arith.mulf %lr, %m1 : f32
    %w1 = arith.subf %w, %u : f32
    selfopt.return %w1, %m1 : f32, f32
  }
  selfopt.sampler @hard(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %big = arith.cmpf ogt, %loss, %one : f32
    %s = arith.select %big, %loss, %age : f32
    %r = math.sqrt %s : f32
    selfopt.return %r : f32
  }
  selfopt.train @fit model(@net) loss(@mse) optimizer(@momentum) sampler(@hard)
      data(@data) hyper(lr = 0.01, batch = 1, epochs = 1)
}
)";

/// Layers that draw random numbers, layers that share parameters, and an augmentation.
inline constexpr llvm::StringLiteral noisy = R"(
module {
  selfopt.dataset @data from csv("a.csv") features(tensor<8xf32> in [0.0, 4.0])
      label(i32 in [0, 2]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  selfopt.model @net(%x: tensor<8xf32>) -> tensor<3xf32> {
    %n = nn.noise %x scale(0.25) : tensor<8xf32>
    %h = nn.dense %n units(16) : tensor<16xf32>
    %a = nn.activation relu %h : tensor<16xf32>
    %d = nn.dropout %a rate(0.1) : tensor<16xf32>
    %e = nn.dense %d units(16) param("core") : tensor<16xf32>
    %f = nn.activation tanh %e : tensor<16xf32>
    %g = nn.dense %f units(16) param("core") : tensor<16xf32>
    %k = nn.dense %g units(16) : tensor<16xf32>
    %y = nn.dense %k units(3) : tensor<3xf32>
    selfopt.return %y : tensor<3xf32>
  }
  selfopt.loss @loss(%p: tensor<3xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %p : tensor<3xf32>
    %l = nn.pick %lp[%label] : f32
    %n = arith.negf %l : f32
    selfopt.return %n : f32
  }
  selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
    %u = arith.mulf %lr, %g : f32
    %w1 = arith.subf %w, %u : f32
    selfopt.return %w1 : f32
  }
  selfopt.augment @jitter(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
    %scale = arith.constant 0.1 : f32
    %n = arith.mulf %scale, %normal : f32
    %y = arith.addf %x, %n : f32
    selfopt.return %y : f32
  }
  selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) augment(@jitter)
      data(@data) hyper(lr = 0.01, batch = 4, epochs = 2)
}
)";

/// A whole spec with policy and search, fixed here so that the examples may change.
inline constexpr llvm::StringLiteral classification = R"(
module @digits {
  // What it learns from. Domains are checked while reading; a value outside is an error with file and row.
  selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

  // Loop 1, architecture.
  selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
    %h = nn.dense %x units(32) init(he_normal) : tensor<32xf32>
    %a = nn.activation relu %h : tensor<32xf32>
    %y = nn.dense %a units(10) : tensor<10xf32>
    selfopt.return %y : tensor<10xf32>
  }

  // Loop 3, objective: what training minimises.
  selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %logits : tensor<10xf32>
    %l  = nn.pick %lp[%label] : f32
    %n  = arith.negf %l : f32
    selfopt.return %n : f32
  }

  // Loop 2, pipeline: update rule, schedule, data selection, and the scalars that drive them.
  // Adam (Kingma and Ba 2015), betas 0.9 and 0.999, epsilon 1e-8.
  selfopt.optimizer @adam(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
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
    %move = arith.mulf %lr, %dir : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1, %m1, %v1 : f32, f32, f32
  }
  // t: fraction of training done; returns a factor of lr. Here (1 + cos(pi t)) / 2.
  selfopt.schedule @cosine(%t: f32) -> f32 {
    %pi = arith.constant 3.14159274 : f32
    %half = arith.constant 0.5 : f32
    %angle = arith.mulf %pi, %t : f32
    %c = math.cos %angle : f32
    %s = arith.mulf %half, %c : f32
    %f = arith.addf %half, %s : f32
    selfopt.return %f : f32
  }
  // Sampling weight of an example, >= 0.
  selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    selfopt.return %one : f32
  }
  selfopt.train @fit model(@net) loss(@cross_entropy) optimizer(@adam) schedule(@cosine) sampler(@uniform)
      data(@digits) hyper(lr = 1.0e-3, batch = 32, epochs = 20)

  // What judges. Never rewritten.
  selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %best = nn.argmax %logits : i32
    %hit = arith.cmpi eq, %best, %label : i32
    %score = arith.uitofp %hit : i1 to f32
    selfopt.return %score : f32
  }

  safety.policy @policy {
    safety.seal @digits, @accuracy, @policy, @search
    safety.range @fit "lr" in [1.0e-5, 1.0e-1]
    safety.range @fit "batch" in [8, 256]
    safety.limit parameters <= 20000
    safety.limit flops_per_example <= 200000
    safety.limit train_flops <= 2.0e10
    safety.limit memory <= 67108864
    safety.require no_flow(@digits::test -> @fit)  // nothing that trains can read the test split
  }

  evolve.search @search program(@fit) policy(@policy) seed(1)
      maximize(metric(@accuracy) on validation) minimize(parameters)
      strategy(aging population(64) tournament(8)) budget(candidates = 500)
      mutate(architecture(@net), pipeline(@fit, @adam, @cosine, @uniform), objective(@cross_entropy))
}
)";

/// All examples of the documentation, in the order of their names, `regression` and `noisy`.
inline std::vector<std::string> specTexts() {
  std::vector<std::string> files, texts;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator i(SELFOPT_SOURCE_DIR "/docs/examples", error), end; i != end && !error;
       i.increment(error))
    if (llvm::StringRef(i->path()).ends_with(".mlir"))
      files.push_back(i->path());
  std::sort(files.begin(), files.end());
  for (const std::string &file : files)
    if (auto buffer = llvm::MemoryBuffer::getFile(file))
      texts.push_back((*buffer)->getBuffer().str());
  texts.push_back(regression.str());
  texts.push_back(noisy.str());
  return texts;
}

/// What the spec says may change; anything, in a spec that says nothing.
inline MutationScope scopeOf(mlir::ModuleOp spec) {
  return spec.getOps<evolve::SearchOp>().empty() ? MutationScope::all(spec) : MutationScope::of(spec);
}

/// A copy that went through text.
inline mlir::OwningOpRef<mlir::ModuleOp> reparse(mlir::ModuleOp spec) { return parse(printSpec(spec)); }

} // namespace selfopt::test
#endif // SELFOPT_TEST_MUTATION_SPECS_H
