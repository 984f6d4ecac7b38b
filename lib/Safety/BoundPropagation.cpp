//===- BoundPropagation.cpp - Scores of a trained model over a ball ------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/BoundPropagation.h"
#include "IntervalMath.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include <cfloat>
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

//===----------------------------------------------------------------------===//
// What a model is made of
//===----------------------------------------------------------------------===//

namespace {

constexpr double unit = 0x1p-24, tiny = 0x1p-126;
/// f32 overflows at 3.4e38; partial sums stay below this.
constexpr double largest = 1e38;

/// The error of n additions and products in any order, relative to the sum of the magnitudes; widened for f64's own.
double gammaOf(double n) { return n * unit / (1 - n * unit) * (1 + 0x1p-4); }

int64_t sizeOf(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type ? type.getNumElements() : 1;
}

/// A constant as numbers; the constant of an elementwise product, if there is one.
std::optional<std::vector<double>> constantOf(Value v) {
  auto op = v.getDefiningOp<arith::ConstantOp>();
  if (!op)
    return std::nullopt;
  auto number = [](Attribute a) {
    if (auto f = dyn_cast<FloatAttr>(a))
      return f.getValueAsDouble();
    return double(cast<IntegerAttr>(a).getValue().getZExtValue());
  };
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return std::vector<double>(1, number(op.getValue()));
  std::vector<double> values;
  for (Attribute a : dense.getValues<Attribute>())
    values.push_back(number(a));
  return values;
}

/// Ops whose result is a linear function of their operands, up to its rounding.
bool isLinear(Operation &op) {
  if (isa<nn::DenseOp, nn::ConcatOp, nn::NoiseOp, nn::DropoutOp>(op))
    return true;
  if (!isa<arith::AddFOp, arith::SubFOp, arith::NegFOp, arith::MulFOp>(op) ||
      !getElementTypeOrSelf(op.getResult(0).getType()).isF32())
    return false;
  return !isa<arith::MulFOp>(op) || constantOf(op.getOperand(0)) || constantOf(op.getOperand(1));
}

} // namespace

llvm::Error BoundPropagation::check(Operation &op) {
  if (isa<nn::DenseOp, nn::ConcatOp, nn::NoiseOp, nn::DropoutOp, nn::ActivationOp, nn::LayerNormOp, nn::RmsNormOp>(op))
    return llvm::Error::success();
  if (op.getNumResults() == 1 && op.getNumRegions() == 0) {
    Type type = getElementTypeOrSelf(op.getResult(0).getType());
    if (isa<arith::ConstantOp>(op) && (type.isF32() || type.isInteger(1)))
      return llvm::Error::success();
    auto precise = [](Type t) { return getElementTypeOrSelf(t).isF32() || getElementTypeOrSelf(t).isInteger(1); };
    // Element by element, or one interval for the whole vector.
    if (isa<RangeOpInterface>(op) && llvm::all_of(op.getOperandTypes(), precise) &&
        llvm::all_of(op.getResultTypes(), precise) &&
        (OpTrait::hasElementwiseMappableTraits(&op) || op.getName().getDialectNamespace() == "nn"))
      return llvm::Error::success();
  }
  return makeError("interval bound propagation has no rule for " + op.getName().getStringRef());
}

llvm::Expected<BoundPropagation> BoundPropagation::create(Operation *model, const TrainedWeights &weights) {
  BoundPropagation p;
  p.block = &model->getRegion(0).front();
  Value scores = p.block->getTerminator()->getOperand(0);
  auto type = dyn_cast<RankedTensorType>(scores.getType());
  if (!type || type.getRank() != 1)
    return makeError("expected a model that ends in a vector, found one that ends in something else");
  p.numClasses = type.getDimSize(0);
  for (Operation &op : p.block->without_terminator())
    if (auto error = p.check(op))
      return std::move(error);
  auto parameters = ProgramParameters::of(*p.block);
  bool fits = parameters.specs.size() == weights.parameters.size();
  for (size_t i = 0; fits && i < parameters.specs.size(); ++i)
    fits = int64_t(weights.parameters[i].size()) == parameters.specs[i].type.getNumElements();
  if (!fits)
    return makeError("expected the weights of this model, found those of another one");
  for (const ProgramParameters::Range &range : parameters.layers) {
    if (range.count == 0)
      continue;
    Layer &layer = p.layers[range.layer];
    const std::vector<float> &first = weights.parameters[range.first];
    layer.weight.assign(first.begin(), first.end());
    for (double w : layer.weight)
      layer.magnitude.push_back(std::fabs(w));
    if (range.count > 1) {
      const std::vector<float> &second = weights.parameters[range.first + 1];
      layer.bias.assign(second.begin(), second.end());
    }
  }
  return p;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

/// x Phi(x), in f64.
static double gelu(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }

static Interval activate(nn::Activation kind, const Interval &x) {
  using namespace ranges;
  switch (kind) {
  case nn::Activation::Relu:
    return Interval::of(std::max(x.low, 0.0), std::max(x.high, 0.0));
  case nn::Activation::Tanh:
    return clamp(rising([](double v) { return std::tanh(v); }, x), -1, 1);
  case nn::Activation::Sigmoid:
    // 1 / (1 + exp(-x)): three roundings and a library function, all relative.
    return clamp(
        libraryBounds(1 / (1 + std::exp(-x.low)) * (1 - 0x1p-19), 1 / (1 + std::exp(-x.high)) * (1 + 0x1p-19), false),
        0, 1);
  case nn::Activation::Gelu: {
    // It falls to its minimum and rises from there. 1 + erf loses relative accuracy near -1: the error is absolute in
    // x.
    constexpr double lowest = -0.7517915246935645;
    double left = gelu(x.low), right = gelu(x.high);
    double slack = 0x1p-18 * std::max(std::fabs(x.low), std::fabs(x.high)) + tiny;
    double low = x.low <= lowest && x.high >= lowest ? -0.16997120747 : std::min(left, right);
    return Interval::of(low - slack, std::max(left, right) + slack);
  }
  }
  llvm_unreachable("all kinds");
}

namespace {

/// One row of x / sqrt(mean(x^2) + 1e-5) * scale, with the bounds of x in place.
void normalize(MutableArrayRef<double> low, MutableArrayRef<double> high, ArrayRef<double> scale) {
  double n = double(low.size()), least = 0, most = 0;
  for (auto [l, h] : llvm::zip(low, high)) {
    double a = l <= 0 && h >= 0 ? 0 : std::min(std::fabs(l), std::fabs(h)), b = std::max(-l, h);
    least += a * a;
    most += b * b;
  }
  // The squares' sum is off by gamma_n of itself, since it has one sign; then six more roundings.
  double relative = gammaOf(n + 16), flushed = 2 * n * tiny;
  double smallest = std::sqrt(std::max(0.0, least / n * (1 - relative) - flushed) + nn::normEpsilon * (1 - 0x1p-20));
  double greatest = std::sqrt(most / n * (1 + relative) + flushed + nn::normEpsilon * (1 + 0x1p-20));
  for (size_t i = 0; i < low.size(); ++i) {
    // Whatever else x holds, x_i^2 is in the mean.
    double cap = std::sqrt(n) * (1 + relative);
    double l = low[i] < 0 ? std::max(low[i] / smallest * (1 + relative), -cap) : low[i] / greatest * (1 - relative);
    double h = high[i] > 0 ? std::min(high[i] / smallest * (1 + relative), cap) : high[i] / greatest * (1 - relative);
    Interval y = ranges::multiply(Interval::of(l - tiny, h + tiny), Interval::point(scale[i]));
    low[i] = y.low - tiny;
    high[i] = y.high + tiny;
  }
}

} // namespace

/// Subnormal numbers may be read as zero.
static void includeFlushed(MutableArrayRef<double> low, MutableArrayRef<double> high) {
  for (auto [l, h] : llvm::zip(low, high)) {
    l = l > 0 && l < 2 * tiny ? 0 : l;
    h = h < 0 && h > -2 * tiny ? 0 : h;
  }
}

void BoundPropagation::propagate(Operation &op, llvm::DenseMap<Value, Box> &boxes, int64_t rows,
                                 std::vector<char> &known) const {
  int64_t n = sizeOf(op.getResult(0));
  Box result;
  result.low.resize(rows * n);
  result.high.resize(rows * n);
  bool linear = isLinear(op);
  if (linear)
    result.slack.assign(rows * n, 2 * tiny);
  if (auto dense = dyn_cast<nn::DenseOp>(op)) {
    const Box &x = boxes.find(dense.getInput())->second;
    const Layer &layer = layers.find(&op)->second;
    int64_t in = sizeOf(dense.getInput());
    double gamma = gammaOf(double(in) + 4), flushed = double(4 * in + 4) * tiny;
    std::vector<double> sums(3 * n);
    for (int64_t r = 0; r < rows; ++r) {
      double *__restrict middle = sums.data(), *__restrict radius = middle + n, *__restrict magnitude = radius + n;
      std::fill(sums.begin(), sums.end(), 0);
      for (int64_t i = 0; i < in; ++i) {
        double l = x.low[r * in + i], h = x.high[r * in + i], m = 0.5 * (l + h), d = 0.5 * (h - l),
               g = std::max(std::fabs(l), std::fabs(h));
        if (g == 0)
          continue;
        const double *__restrict w = &layer.weight[i * n], *__restrict a = &layer.magnitude[i * n];
        for (int64_t u = 0; u < n; ++u) {
          middle[u] += m * w[u];
          radius[u] += d * a[u];
          magnitude[u] += g * a[u];
        }
      }
      for (int64_t u = 0; u < n; ++u) {
        double whole = magnitude[u] + std::fabs(layer.bias[u]), slack = gamma * whole + flushed;
        result.slack[r * n + u] = slack;
        result.low[r * n + u] = middle[u] + layer.bias[u] - radius[u] - slack;
        result.high[r * n + u] = middle[u] + layer.bias[u] + radius[u] + slack;
        // Partial sums, too.
        known[r] &= whole < largest;
      }
    }
  } else if (isa<nn::NoiseOp, nn::DropoutOp>(op)) {
    const Box &x = boxes.find(op.getOperand(0))->second;
    result.low = x.low;
    result.high = x.high;
  } else if (isa<nn::ConcatOp>(op)) {
    int64_t begin = 0;
    for (Value operand : op.getOperands()) {
      const Box &x = boxes.find(operand)->second;
      int64_t m = sizeOf(operand);
      for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(&x.low[r * m], m, &result.low[r * n + begin]);
        std::copy_n(&x.high[r * m], m, &result.high[r * n + begin]);
      }
      begin += m;
    }
  } else if (auto activation = dyn_cast<nn::ActivationOp>(op)) {
    const Box &x = boxes.find(activation.getInput())->second;
    for (int64_t i = 0; i < rows * n; ++i) {
      Interval y = activate(activation.getKind(), Interval::of(x.low[i], x.high[i]));
      result.low[i] = y.low;
      result.high[i] = y.high;
    }
  } else if (isa<nn::LayerNormOp, nn::RmsNormOp>(op)) {
    const Layer &layer = layers.find(&op)->second;
    const Box &x = boxes.find(op.getOperand(0))->second;
    result.low = x.low;
    result.high = x.high;
    for (int64_t r = 0; r < rows; ++r) {
      MutableArrayRef<double> low(&result.low[r * n], n), high(&result.high[r * n], n);
      if (isa<nn::LayerNormOp>(op)) {
        // x_i - mean = (1 - 1/n) x_i - sum of the others / n.
        double sumLow = 0, sumHigh = 0, magnitude = 0, share = 1 / double(n);
        for (int64_t i = 0; i < n; ++i) {
          sumLow += low[i];
          sumHigh += high[i];
          magnitude += std::max(std::fabs(low[i]), std::fabs(high[i]));
        }
        double slack = gammaOf(double(n) + 8) * magnitude * share * 2 + 4 * tiny;
        for (int64_t i = 0; i < n; ++i) {
          double l = low[i], h = high[i], own = slack + 4 * unit * std::max(std::fabs(l), std::fabs(h));
          low[i] = l * (1 - share) - (sumHigh - h) * share - own;
          high[i] = h * (1 - share) - (sumLow - l) * share + own;
        }
      }
      normalize(low, high, layer.weight);
      if (isa<nn::LayerNormOp>(op))
        for (int64_t i = 0; i < n; ++i) {
          Interval y = ranges::add(Interval::of(low[i], high[i]), Interval::point(layer.bias[i]));
          low[i] = y.low - tiny;
          high[i] = y.high + tiny;
        }
    }
  } else if (isa<arith::ConstantOp>(op)) {
    std::vector<double> values = *constantOf(op.getResult(0));
    for (int64_t i = 0; i < rows * n; ++i)
      result.low[i] = result.high[i] = values[values.size() == 1 ? 0 : i % n];
  } else {
    // By the rules of RangeOpInterface.
    bool elementwise = OpTrait::hasElementwiseMappableTraits(&op);
    auto square = dyn_cast<arith::MulFOp>(op);
    bool isSquare = square && square.getLhs() == square.getRhs();
    SmallVector<const Box *> x;
    for (Value operand : op.getOperands())
      x.push_back(&boxes.find(operand)->second);
    SmallVector<Interval> operands, results;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < (elementwise ? n : 1); ++i) {
        operands.clear();
        results.clear();
        for (auto [operand, box] : llvm::zip(op.getOperands(), x)) {
          int64_t m = sizeOf(operand);
          Interval joined = elementwise && m > 1 ? Interval::of(box->low[r * m + i], box->high[r * m + i])
                                                 : Interval::of(box->low[r * m], box->high[r * m]);
          for (int64_t j = 1; !elementwise && j < m; ++j)
            joined = joined.join(Interval::of(box->low[r * m + j], box->high[r * m + j]));
          operands.push_back(isSquare ? ranges::absolute(joined) : joined);
        }
        cast<RangeOpInterface>(op).inferRanges(operands, results);
        const Interval &y = results[0];
        known[r] &= !y.mayBeNaN && !mayBeUndefined(&op, operands);
        for (int64_t j = elementwise ? i : 0, end = elementwise ? i + 1 : n; j < end; ++j) {
          result.low[r * n + j] = y.low;
          result.high[r * n + j] = y.high;
        }
        // A sum may be far smaller than what it is of.
        for (size_t j = 0; linear && j < operands.size(); ++j)
          result.slack[r * n + i] += 0x1p-36 * std::max(std::fabs(operands[j].low), std::fabs(operands[j].high));
      }
  }
  includeFlushed(result.low, result.high);
  // Rounding of the op, and of what is done with its operands' coefficients.
  if (linear && !isa<nn::DenseOp>(op))
    for (int64_t i = 0; i < rows * n; ++i)
      result.slack[i] += (isa<nn::ConcatOp, nn::NoiseOp, nn::DropoutOp, arith::NegFOp>(op) ? 0x1p-36 : 2 * unit) *
                         std::max(std::fabs(result.low[i]), std::fabs(result.high[i]));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = r * n; i < (r + 1) * n; ++i)
      known[r] &= result.low[i] <= result.high[i] && result.low[i] > -largest && result.high[i] < largest;
  boxes[op.getResult(0)] = std::move(result);
}

//===----------------------------------------------------------------------===//
// Backward
//===----------------------------------------------------------------------===//

double BoundPropagation::margin(const llvm::DenseMap<Value, Box> &boxes, int64_t row, int64_t label, bool relax) const {
  int64_t K = numClasses;
  // Coefficients by value, size x K: column k is of y_label - y_k. Each step replaces a value by what it is computed
  // from, and takes from `least` what that may be off by: for a linear op its slack, which covers the rounding of the
  // coefficients here, too (see the header).
  llvm::DenseMap<Value, std::vector<double>> open;
  std::vector<double> least(K, 0);
  auto of = [&](Value v) -> std::vector<double> & {
    std::vector<double> &a = open[v];
    a.resize(sizeOf(v) * K);
    return a;
  };
  auto concretize = [&](const std::vector<double> &a, Value v) {
    int64_t n = sizeOf(v);
    const Box &box = boxes.find(v)->second;
    for (int64_t i = 0; i < n; ++i) {
      double low = box.low[row * n + i], high = box.high[row * n + i];
      double off = std::max(std::fabs(low), std::fabs(high)) * 0x1p-36;
      for (int64_t k = 0; k < K; ++k)
        least[k] += std::min(a[i * K + k] * low, a[i * K + k] * high) - std::fabs(a[i * K + k]) * off;
    }
  };
  std::vector<double> &scores = of(block->getTerminator()->getOperand(0));
  for (int64_t k = 0; k < K; ++k) {
    scores[label * K + k] += 1;
    scores[k * K + k] -= 1;
  }
  for (Operation &op : llvm::reverse(block->without_terminator())) {
    auto it = op.getNumResults() == 1 ? open.find(op.getResult(0)) : open.end();
    if (it == open.end())
      continue;
    std::vector<double> a = std::move(it->second);
    open.erase(it);
    int64_t n = sizeOf(op.getResult(0));
    auto activation = dyn_cast<nn::ActivationOp>(op);
    if (relax && activation && activation.getKind() == nn::Activation::Relu) {
      // Zhang et al. 2018: a line above relu, through its ends, and one below it, of slope 0 or 1.
      const Box &x = boxes.find(activation.getInput())->second;
      std::vector<double> &to = of(activation.getInput());
      for (int64_t j = 0; j < n; ++j) {
        double low = x.low[row * n + j], high = x.high[row * n + j];
        if (high <= 0)
          continue;
        bool on = low >= 0;
        double above = on ? 1 : high / (high - low), below = on || high > -low ? 1 : 0;
        double shift = on ? 0 : above * low, off = on ? 0 : std::max(-low, high) * 0x1p-36;
        for (int64_t k = 0; k < K; ++k) {
          double c = a[j * K + k];
          to[j * K + k] += c * (c > 0 ? below : above);
          least[k] -= (c > 0 ? 0 : c * shift) + std::fabs(c) * off;
        }
      }
      continue;
    }
    if (!isLinear(op)) {
      concretize(a, op.getResult(0));
      continue;
    }
    const Box &box = boxes.find(op.getResult(0))->second;
    for (int64_t j = 0; j < n; ++j)
      for (int64_t k = 0; k < K; ++k)
        least[k] -= std::fabs(a[j * K + k]) * box.slack[row * n + j];
    if (auto dense = dyn_cast<nn::DenseOp>(op)) {
      const Layer &layer = layers.find(&op)->second;
      int64_t in = sizeOf(dense.getInput());
      std::vector<double> &to = of(dense.getInput());
      for (int64_t j = 0; j < n; ++j) {
        const double *__restrict from = &a[j * K];
        // What a relu has cut off.
        if (std::all_of(from, from + K, [](double c) { return c == 0; }))
          continue;
        for (int64_t k = 0; k < K; ++k)
          least[k] += from[k] * layer.bias[j];
        for (int64_t i = 0; i < in; ++i) {
          double w = layer.weight[i * n + j];
          double *__restrict at = &to[i * K];
          for (int64_t k = 0; k < K; ++k)
            at[k] += w * from[k];
        }
      }
      continue;
    }
    int64_t begin = 0;
    int constantAt = isa<arith::MulFOp>(op) ? (constantOf(op.getOperand(0)) ? 0 : 1) : -1;
    std::vector<double> factor = constantAt < 0 ? std::vector<double>(1, 1) : *constantOf(op.getOperand(constantAt));
    for (auto [number, x] : llvm::enumerate(op.getOperands())) {
      if (int(number) == constantAt)
        continue;
      int64_t m = sizeOf(x);
      double sign = isa<arith::NegFOp>(op) || (isa<arith::SubFOp>(op) && number == 1) ? -1 : 1;
      std::vector<double> &to = of(x);
      for (int64_t j = 0; j < m; ++j)
        for (int64_t k = 0; k < K; ++k)
          to[j * K + k] += sign * factor[factor.size() == 1 ? 0 : j] * a[(begin + j) * K + k];
      begin += isa<nn::ConcatOp>(op) ? m : 0;
    }
  }
  if (auto it = open.find(block->getArgument(0)); it != open.end())
    concretize(it->second, block->getArgument(0));
  double worst = std::numeric_limits<double>::infinity();
  for (int64_t k = 0; k < K; ++k)
    worst = k == label ? worst : std::min(worst, least[k]);
  return worst;
}

ScoreBounds BoundPropagation::bounds(ArrayRef<float> features, int64_t count, double radius,
                                     ArrayRef<int32_t> labels) const {
  ScoreBounds out;
  int64_t K = numClasses;
  out.classes = K;
  out.low.resize(count * K);
  out.high.resize(count * K);
  double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  out.margin.assign(count, nan);
  Value scores = block->getTerminator()->getOperand(0), argument = block->getArgument(0);
  int64_t n = sizeOf(argument);
  // So many that their values stay in the cache.
  constexpr int64_t slice = 64;
  for (int64_t begin = 0; begin < count; begin += slice) {
    int64_t rows = std::min(slice, count - begin);
    std::vector<char> known(rows, 1);
    llvm::DenseMap<Value, Box> boxes;
    Box x;
    for (int64_t i = begin * n; i < (begin + rows) * n; ++i) {
      double v = features[i];
      x.low.push_back(radius == 0 ? v : std::nextafter(v - radius, -inf));
      x.high.push_back(radius == 0 ? v : std::nextafter(v + radius, inf));
      known[i / n - begin] &= std::fabs(v) + radius < largest;
    }
    includeFlushed(x.low, x.high);
    boxes[argument] = std::move(x);
    for (Operation &op : block->without_terminator())
      propagate(op, boxes, rows, known);
    const Box &y = boxes.find(scores)->second;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < K; ++k) {
        out.low[(begin + r) * K + k] = known[r] ? y.low[r * K + k] : -inf;
        out.high[(begin + r) * K + k] = known[r] ? y.high[r * K + k] : inf;
      }
      int64_t label = labels.empty() ? -1 : labels[begin + r];
      if (!known[r] || label < 0 || label >= K)
        continue;
      double margin = this->margin(boxes, r, label, false);
      // Neither bound is always the better one.
      if (!(margin > 0) && radius > 0)
        margin = std::max(margin, this->margin(boxes, r, label, true));
      out.margin[begin + r] = margin;
    }
  }
  return out;
}
