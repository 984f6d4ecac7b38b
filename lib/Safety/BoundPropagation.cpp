//===- BoundPropagation.cpp - Scores of a trained model over a ball ------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "mlir/IR/TypeUtilities.h"
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
    // Each element has four bytes.
    for (Type type : function.getArgumentTypes().drop_front(parameters.size()))
      arguments.emplace_back(cast<RankedTensorType>(type).getNumElements());
  }

  void *argument(size_t i) override { return i < arguments.size() ? arguments[i].data() : nullptr; }

  LogicalResult run() override {
    SmallVector<reference::Tensor> all(parameters);
    for (auto [bytes, type] : llvm::zip(arguments, function.getArgumentTypes().drop_front(parameters.size()))) {
      size_t n = cast<RankedTensorType>(type).getNumElements();
      if (getElementTypeOrSelf(type).isF32())
        all.push_back(tensorOf(ArrayRef(reinterpret_cast<const float *>(bytes.data()), n), type));
      else
        all.push_back(tensorOf(ArrayRef(reinterpret_cast<const int32_t *>(bytes.data()), n), type));
    }
    SmallVector<reference::Tensor> found;
    if (failed(reference::Interpreter().call(function, all, found)))
      return failure();
    results.clear();
    for (const reference::Tensor &t : found)
      results.emplace_back(t.floats.begin(), t.floats.end());
    return success();
  }

  ArrayRef<float> result(size_t i) override { return results[i]; }

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
  std::vector<std::vector<uint32_t>> arguments;
  std::vector<std::vector<float>> results;
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

llvm::Expected<BoundFunction *> BoundPropagation::run(BoundProgram kind, ArrayRef<float> features, double radius,
                                                      ArrayRef<Duel> duels, ArrayRef<int32_t> labels) {
  std::unique_ptr<BoundFunction> &function = functions[kind];
  if (!function) {
    auto loaded = engine(model, kind, *weights);
    if (!loaded)
      return loaded.takeError();
    function = std::move(*loaded);
  }
  auto *x = static_cast<float *>(function->argument(0)), *radii = static_cast<float *>(function->argument(1));
  auto *of = static_cast<int32_t *>(function->argument(2)), *rivals = static_cast<int32_t *>(function->argument(3));
  constexpr float inf = std::numeric_limits<float>::infinity();
  float above = float(radius);
  std::fill_n(radii, slice, above < radius ? std::nextafter(above, inf) : above);
  // What is left of the slice is filled with the last example.
  for (int64_t i = 0; i < slice; ++i) {
    const Duel &duel = duels[std::min(size_t(i), duels.size() - 1)];
    std::memcpy(x + i * numFeatures, &features[duel.row * numFeatures], numFeatures * sizeof(float));
    if (of)
      of[i] = labels[duel.row];
    for (int64_t f = 0; rivals && f < rivalsAtOnce; ++f)
      rivals[f * slice + i] = duel.rivals[f];
  }
  if (failed(function->run()))
    return makeError("@" + model.getSymName() + "." + stringifyBoundProgram(kind) + " can't be run");
  ++numCalls;
  return function.get();
}

llvm::Expected<ScoreBounds> BoundPropagation::bounds(ArrayRef<float> features, int64_t count, double radius) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  ScoreBounds out;
  std::vector<Duel> duels(count);
  for (int64_t row = 0; row < count; ++row)
    duels[row].row = row;
  for (ArrayRef<Duel> rest = duels, part; !rest.empty(); rest = rest.drop_front(part.size())) {
    part = rest.take_front(slice);
    auto found = run(BoundProgram::Bounds, features, radius, part, {});
    if (!found)
      return found.takeError();
    for (size_t at = 0; at < part.size(); ++at)
      for (int64_t k = 0; k < numClasses; ++k) {
        float low = (*found)->result(0)[k * slice + at], high = (*found)->result(1)[k * slice + at];
        bool known = low <= high;
        out.low.push_back(known ? low : -inf);
        out.high.push_back(known ? high : inf);
      }
  }
  return out;
}

llvm::Expected<std::vector<float>> BoundPropagation::margins(ArrayRef<float> features, int64_t count, double radius,
                                                             ArrayRef<int32_t> labels) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> least(count, std::numeric_limits<float>::quiet_NaN());
  std::vector<Duel> duels;
  for (int64_t row = 0; row < count; ++row)
    if (labels[row] >= 0 && labels[row] < numClasses)
      duels.push_back({row});
  // What is known of each rival that is open, -inf where that is nothing; inf of the others.
  std::vector<float> open(count * numClasses);
  std::vector<int64_t> turns;
  for (ArrayRef<Duel> rest = duels, part; !rest.empty(); rest = rest.drop_front(part.size())) {
    part = rest.take_front(slice);
    auto found = run(BoundProgram::Margins, features, radius, part, labels);
    if (!found)
      return found.takeError();
    ArrayRef<float> margins = (*found)->result(0);
    for (auto [at, duel] : llvm::enumerate(part)) {
      float decided = inf;
      for (int32_t k = 0; k < numClasses; ++k) {
        float margin = k == labels[duel.row] ? inf : margins[k * slice + at];
        decided = margin > 0 ? std::min(decided, margin) : decided;
        open[duel.row * numClasses + k] = margin > 0 ? inf : margin <= 0 ? margin : -inf;
      }
      least[duel.row] = decided;
      turns.push_back(duel.row);
    }
  }
  // The examples take turns, each with its most dangerous rivals, until it has none, or one stays open.
  for (size_t turn = 0; turn < turns.size();) {
    std::vector<std::array<float, rivalsAtOnce>> known;
    for (duels.clear(); turn < turns.size() && int64_t(duels.size()) < slice; ++turn) {
      int64_t row = turns[turn];
      if (!(least[row] > 0))
        continue;
      Duel duel{row};
      std::array<float, rivalsAtOnce> margins;
      float *first = &open[row * numClasses];
      for (int64_t f = 0; f < rivalsAtOnce; ++f) {
        float margin = inf;
        int32_t rival = 0;
        for (int32_t k = 0; k < numClasses; ++k) {
          rival = first[k] < margin ? k : rival;
          margin = std::min(margin, first[k]);
        }
        // Where there is none, the first one again.
        duel.rivals[f] = margin < inf ? rival : duel.rivals[0];
        margins[f] = margin < inf || f == 0 ? margin : margins[0];
        first[duel.rivals[f]] = inf;
      }
      if (margins[0] == inf)
        continue;
      known.push_back(margins);
      duels.push_back(duel);
      turns.push_back(row);
    }
    if (duels.empty())
      break;
    auto found = run(BoundProgram::Relaxed, features, radius, duels, labels);
    if (!found)
      return found.takeError();
    ArrayRef<float> relaxed = (*found)->result(0);
    for (auto [at, duel] : llvm::enumerate(duels))
      for (int64_t f = 0; f < rivalsAtOnce; ++f) {
        // NaN only where neither is known; the first margin that isn't above 0 stays.
        float margin = relaxed[f * slice + at], &of = least[duel.row];
        margin = known[at][f] > margin ? known[at][f] : margin;
        if (of > 0)
          of = margin > 0 ? std::min(of, margin) : margin;
      }
  }
  return least;
}
