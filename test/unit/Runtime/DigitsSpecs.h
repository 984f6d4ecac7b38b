//===- DigitsSpecs.h - Digits with other nets and other pipelines -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_RUNTIME_DIGITSSPECS_H
#define SELFOPT_TEST_RUNTIME_DIGITSSPECS_H

#include "Harness.h"

namespace selfopt::test {

inline std::string dense(const std::string &to, const std::string &from, int64_t units, const char *init = "") {
  std::string n = std::to_string(units);
  return "    %" + to + " = nn.dense %" + from + " units(" + n + ") " + init + " : tensor<" + n + "xf32>\n";
}

/// A net of one example with `in` features: hidden layers, each with the next activation of the list, and `out` units.
inline std::string net(int64_t in, int64_t out, llvm::ArrayRef<int64_t> widths, llvm::ArrayRef<const char *> activations) {
  std::string text = "selfopt.model @net(%x: tensor<" + std::to_string(in) + "xf32>) -> tensor<" +
                     std::to_string(out) + "xf32> {\n",
              last = "x";
  if (in == 10) { // diabetes: to a range in which activations do something
    text += "    %small = arith.constant dense<0.01> : tensor<10xf32>\n    %u = arith.mulf %x, %small : tensor<10xf32>\n";
    last = "u";
  }
  for (auto [i, width] : llvm::enumerate(widths)) {
    std::string n = std::to_string(i);
    text += dense("h" + n, last, width, i % 2 ? "" : "init(he_normal)");
    last = "a" + n;
    text += "    %" + last + " = nn.activation " + activations[i % activations.size()] + " %h" + n + " : tensor<" +
            std::to_string(width) + "xf32>\n";
  }
  text += dense("y", last, out);
  return text + "    selfopt.return %y : tensor<" + std::to_string(out) + "xf32>\n  }";
}

struct Options {
  std::vector<int64_t> widths{5};
  std::vector<const char *> activations{"relu"};
  int64_t batch = 4, epochs = 2;
  std::string lr = "1.0e-3";
};

inline std::string digits(const Options &o) {
  std::string text = replacedProgram(readExample("digits.mlir"), "selfopt.model @net", net(64, 10, o.widths, o.activations));
  return replaced(text, "hyper(lr = 1.0e-3, batch = 32, epochs = 20)",
                  "hyper(lr = " + o.lr + ", batch = " + std::to_string(o.batch) +
                      ", epochs = " + std::to_string(o.epochs) + ")");
}
inline std::string diabetes(const Options &o) {
  std::string text =
      replacedProgram(readExample("diabetes.mlir"), "selfopt.model @net", net(10, 1, o.widths, o.activations));
  return replaced(text, "hyper(lr = 2.0e-6, batch = 16, epochs = 100)",
                  "hyper(lr = " + o.lr + ", batch = " + std::to_string(o.batch) +
                      ", epochs = " + std::to_string(o.epochs) + ")");
}

/// An update rule of docs/examples/optimizers.mlir under the name that the spec uses.
inline std::string withOptimizer(const std::string &spec, const char *own, const char *rule) {
  std::string rules = readExample("optimizers.mlir"), head = std::string("selfopt.optimizer @") + rule + "(";
  size_t at = rules.find(head), end = rules.find("\n  }", at);
  std::string body = rules.substr(at, end + 4 - at);
  return replacedProgram(spec, std::string("selfopt.optimizer @") + own,
                         replaced(body, head, std::string("selfopt.optimizer @") + own + "("));
}

inline constexpr const char *brier = R"(selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %p = nn.softmax %logits : tensor<10xf32>
    %t = nn.one_hot %label : tensor<10xf32>
    %d = arith.subf %p, %t : tensor<10xf32>
    %dd = arith.mulf %d, %d : tensor<10xf32>
    %l = nn.reduce sum %dd : f32
    selfopt.return %l : f32
  })";

/// Hard examples, old ones, and late in the run the hard ones more.
inline constexpr const char *livingSampler = R"(selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %tenth = arith.constant 0.1 : f32
    %lt = arith.mulf %loss, %t : f32
    %a = arith.mulf %age, %tenth : f32
    %s = arith.addf %lt, %a : f32
    %w = arith.addf %s, %one : f32
    selfopt.return %w : f32
  })";

/// `text` with other requirements.
inline std::string requiring(std::string text, const std::string &constraints) {
  size_t at = text.find("    safety.require no_flow"), end = text.find("\n  }", at);
  return text.replace(at, end - at, constraints);
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_RUNTIME_DIGITSSPECS_H
