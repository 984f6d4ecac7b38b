//===- BoundPropagation.cpp - Scores of a trained model over a ball ------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Dialect/BoundBuilder.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include <cfloat>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace selfopt;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

llvm::Expected<TrainedWeights> TrainedWeights::decode(StringRef path, StringRef bytes) {
  auto file = decodeSafetensors(path, bytes);
  if (!file)
    return file.takeError();
  TrainedWeights weights;
  weights.digest = digestHex(bytes);
  for (size_t i = 0; i < file->tensors.size(); ++i) {
    std::string name = "parameter." + std::to_string(i);
    const Array *array = file->find(name);
    if (!array || array->kind != Array::Kind::F32)
      return makeError(path + ": expected the f32 tensor " + name + ", found none");
    std::vector<float> &values = weights.parameters.emplace_back(array->elements());
    std::memcpy(values.data(), array->bytes.data(), array->bytes.size());
  }
  return weights;
}
llvm::Expected<TrainedWeights> TrainedWeights::read(StringRef path) {
  auto bytes = readRawFile(path);
  return bytes ? decode(path, *bytes) : bytes.takeError();
}

llvm::Error TrainedWeights::expectModel(ModelOp model) const {
  auto specs = ProgramParameters::of(model.getBody().front()).specs;
  bool fits = parameters.size() == specs.size();
  for (size_t i = 0; fits && i < specs.size(); ++i)
    fits = int64_t(parameters[i].size()) == specs[i].type.getNumElements();
  return fits ? llvm::Error::success() : makeError("expected the weights of this model, found those of another one");
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {
class InterpretedBounds : public BoundFunction {
public:
  InterpretedBounds(OwningOpRef<ModuleOp> module, func::FuncOp function, const TrainedWeights &weights)
      : module(std::move(module)), function(function) {
    for (auto [values, type] : llvm::zip(weights.parameters, function.getArgumentTypes()))
      parameters.push_back(tensorOf<float>(values, type));
  }

  LogicalResult run(ArrayRef<float> low, ArrayRef<float> high, ArrayRef<int32_t> labels,
                    std::vector<std::vector<float>> &results) override {
    SmallVector<reference::Tensor> arguments(parameters), found;
    auto type = [&] { return function.getArgumentTypes()[arguments.size()]; };
    arguments.push_back(tensorOf(low, type()));
    arguments.push_back(tensorOf(high, type()));
    if (!labels.empty())
      arguments.push_back(tensorOf(labels, type()));
    if (failed(reference::Interpreter().call(function, arguments, found)))
      return failure();
    for (const reference::Tensor &t : found)
      results.emplace_back(t.floats.begin(), t.floats.end());
    return success();
  }

private:
  template <typename T> static reference::Tensor tensorOf(ArrayRef<T> values, Type type) {
    constexpr bool isFloat = std::is_same_v<T, float>;
    auto tensor = reference::Tensor::zeros(cast<RankedTensorType>(type).getShape(), isFloat);
    if constexpr (isFloat)
      llvm::copy(values, tensor.floats.begin());
    else
      llvm::copy(values, tensor.integers.begin());
    return tensor;
  }

  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  SmallVector<reference::Tensor> parameters;
};
} // namespace

llvm::Expected<std::unique_ptr<BoundFunction>> selfopt::interpretBounds(ModelOp model, BoundProgram kind,
                                                                        const TrainedWeights &weights) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(model.getLoc());
  auto function = deriveBounds(model, kind, BoundPropagation::slice, *module);
  if (!function)
    return function.takeError();
  return std::make_unique<InterpretedBounds>(std::move(module), *function, weights);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

llvm::Expected<BoundPropagation> BoundPropagation::create(ModelOp model, const TrainedWeights &weights,
                                                          BoundEngine engine) {
  BoundPropagation p;
  p.model = model;
  p.weights = &weights;
  p.engine = std::move(engine);
  if (auto error = weights.expectModel(model))
    return std::move(error);
  Block &block = model.getBody().front();
  auto input = dyn_cast<RankedTensorType>(block.getArgument(0).getType());
  auto output = dyn_cast<RankedTensorType>(block.getTerminator()->getOperand(0).getType());
  if (!input || !output || output.getRank() != 1)
    return makeError("expected a model that ends in a vector, found one that ends in something else");
  p.numFeatures = input.getNumElements();
  p.numClasses = output.getDimSize(0);
  return p;
}

/// The box of a number in f32. A subnormal one may be taken for zero.
static std::pair<float, float> boxOf(double x, double radius) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  float low = float(x - radius), high = float(x + radius);
  // Radii that f64 rounds away, too.
  if (radius > 0) {
    low = std::nextafter(low, -inf);
    high = std::nextafter(high, inf);
  }
  // No bound is subnormal itself.
  if (std::fabs(low) < FLT_MIN)
    low = low < 0 ? -FLT_MIN : 0;
  if (std::fabs(high) < FLT_MIN)
    high = high > 0 ? FLT_MIN : 0;
  // Where f32 may overflow nothing is known; nor is it of a NaN.
  if (!(std::fabs(x) + radius < BoundBuilder::largest))
    low = high = std::numeric_limits<float>::quiet_NaN();
  return {low, high};
}

llvm::Error BoundPropagation::run(
    BoundProgram kind, ArrayRef<float> features, ArrayRef<int64_t> rows, double radius,
    ArrayRef<int32_t> labels,
    llvm::function_ref<void(size_t i, ArrayRef<std::vector<float>> results, size_t at)> visit) {
  std::unique_ptr<BoundFunction> &function = functions[kind];
  if (!function) {
    auto loaded = engine(model, kind, *weights);
    if (!loaded)
      return loaded.takeError();
    function = std::move(*loaded);
  }
  for (size_t begin = 0; begin < rows.size(); begin += slice) {
    std::vector<float> low, high;
    std::vector<int32_t> part;
    std::vector<std::vector<float>> results;
    // The rest of the last slice is filled with its last example.
    for (size_t i = begin; i < begin + slice; ++i) {
      size_t from = std::min(i, rows.size() - 1);
      for (float x : features.slice(rows[from] * numFeatures, numFeatures)) {
        auto [l, h] = boxOf(x, radius);
        low.push_back(l);
        high.push_back(h);
      }
      if (!labels.empty())
        part.push_back(labels[rows[from]]);
    }
    if (failed(function->run(low, high, part, results)))
      return makeError("@" + model.getSymName() + "." + stringifyBoundProgram(kind) + " can't be run");
    ++numCalls;
    for (size_t i = begin; i < std::min(begin + slice, rows.size()); ++i)
      visit(i, results, i - begin);
  }
  return llvm::Error::success();
}

llvm::Expected<ScoreBounds> BoundPropagation::bounds(ArrayRef<float> features, int64_t count, double radius) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  ScoreBounds out;
  auto rows = llvm::to_vector(llvm::seq(count));
  auto error = run(BoundProgram::Bounds, features, rows, radius, {},
                   [&](size_t, ArrayRef<std::vector<float>> results, size_t at) {
                     for (int64_t k = 0; k < numClasses; ++k) {
                       float low = results[0][at * numClasses + k], high = results[1][at * numClasses + k];
                       bool known = low <= high;
                       out.low.push_back(known ? low : -inf);
                       out.high.push_back(known ? high : inf);
                     }
                   });
  if (error)
    return std::move(error);
  return out;
}

llvm::Expected<std::vector<float>> BoundPropagation::margins(ArrayRef<float> features, int64_t count, double radius,
                                                             ArrayRef<int32_t> labels) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  int64_t K = numClasses;
  auto isScore = [&](int64_t row) { return labels[row] >= 0 && labels[row] < K; };
  auto rows = llvm::to_vector(llvm::make_filter_range(llvm::seq(count), isScore));
  std::vector<float> least(count, nan);
  auto error = run(BoundProgram::Margins, features, rows, radius, labels,
                   [&](size_t i, ArrayRef<std::vector<float>> results, size_t at) {
                     float smallest = std::numeric_limits<float>::infinity();
                     for (int64_t k = 0; k < K; ++k)
                       // The first NaN stays.
                       if (float margin = results[0][at * K + k]; k != labels[rows[i]] && !(smallest <= margin) && !std::isnan(smallest))
                         smallest = margin;
                     least[rows[i]] = smallest;
                   });
  if (error)
    return std::move(error);
  return least;
}
