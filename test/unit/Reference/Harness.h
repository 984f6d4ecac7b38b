//===- Harness.h - Parse a module and run its functions -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_REFERENCE_HARNESS_H
#define SELFOPT_TEST_REFERENCE_HARNESS_H

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace selfopt::reference::test {

inline mlir::MLIRContext &context() {
  static auto *instance = [] {
    mlir::DialectRegistry registry;
    registry.insert<SelfOptDialect, nn::NNDialect, safety::SafetyDialect, evolve::EvolveDialect,
                    mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                    mlir::math::MathDialect, mlir::tensor::TensorDialect>();
    registerArithPullbacks(registry);
    registerMathPullbacks(registry);
    registerLinalgPullbacks(registry);
    registerTensorPullbacks(registry);
    registerReferenceModels(registry);
    auto *made = new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()));
  if (!module)
    ADD_FAILURE() << "does not parse:\n" << text;
  return module;
}

using Tensors = llvm::SmallVector<Tensor>;

inline Tensor floats(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values) {
  Tensor t = Tensor::zeros(shape, true);
  t.floats.assign(values.begin(), values.end());
  return t;
}
inline Tensor integers(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values) {
  Tensor t = Tensor::zeros(shape, false);
  t.integers.assign(values.begin(), values.end());
  return t;
}
inline Tensor randomTensor(std::mt19937 &engine, llvm::ArrayRef<int64_t> shape, double low = -1, double high = 1) {
  Tensor t = Tensor::zeros(shape, true);
  std::uniform_real_distribution<double> dist(low, high);
  for (double &x : t.floats)
    x = float(dist(engine));
  return t;
}

/// Runs a symbol of a module; no results on failure.
inline Tensors runSymbol(mlir::ModuleOp module, llvm::StringRef name, llvm::ArrayRef<Tensor> arguments,
                         Interpreter &interpreter) {
  Tensors results;
  mlir::Operation *function = module.lookupSymbol(name);
  if (!function) {
    ADD_FAILURE() << "no symbol " << name.str();
    return {};
  }
  if (failed(interpreter.call(function, arguments, results))) {
    ADD_FAILURE() << name.str() << " fails";
    return {};
  }
  return results;
}
inline Tensors runText(const std::string &text, llvm::ArrayRef<Tensor> arguments,
                       Precision precision = Precision::AsTyped) {
  auto module = parse(text);
  Interpreter interpreter(precision);
  return module ? runSymbol(*module, "f", arguments, interpreter) : Tensors();
}

/// The diagnostic with which a function fails.
inline std::string errorOf(const std::string &text, llvm::ArrayRef<Tensor> arguments) {
  auto module = parse(text);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context(), [&](mlir::Diagnostic &d) { message += d.str() + "\n"; });
  Tensors results;
  Interpreter interpreter;
  if (succeeded(interpreter.call(module->lookupSymbol("f"), arguments, results)))
    ADD_FAILURE() << "does not fail: " << text;
  return message;
}

/// Equal, with NaN equal to NaN and zeros told apart.
inline bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

/// f32 values at which functions tend to be wrong.
inline const std::vector<float> &edges() {
  using limits = std::numeric_limits<float>;
  static const std::vector<float> values = {0.0f,
                                            -0.0f,
                                            1.0f,
                                            -1.0f,
                                            0.5f,
                                            -0.5f,
                                            1.5f,
                                            2.5f,
                                            -2.5f,
                                            3.25f,
                                            -7.75f,
                                            100.0f,
                                            -100.0f,
                                            1e-3f,
                                            88.8f,
                                            -88.8f,
                                            127.5f,
                                            1e10f,
                                            -1e10f,
                                            1.0000001f,
                                            0.99999994f,
                                            3.1415927f,
                                            limits::min(),
                                            -limits::min(),
                                            limits::denorm_min(),
                                            -limits::denorm_min(),
                                            limits::max(),
                                            limits::lowest(),
                                            limits::infinity(),
                                            -limits::infinity(),
                                            limits::quiet_NaN()};
  return values;
}

} // namespace selfopt::reference::test
#endif // SELFOPT_TEST_REFERENCE_HARNESS_H
