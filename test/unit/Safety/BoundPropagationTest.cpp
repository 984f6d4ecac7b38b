//===- BoundPropagationTest.cpp - Attacks on what was certified ---------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever is certified is attacked: by random points and corners of the ball, by projected gradients, and by running
// the interpreter and the compiled program there. The attack itself is attacked: with bounds that are ten per cent too
// small it must find something.
//
//===----------------------------------------------------------------------===//

#include "TrainedHarness.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;
using namespace selfopt::test;

namespace {

BoundPropagation boundsOf(Twin &twin, const TrainedWeights &weights, BoundEngine engine = BoundCompiler()) {
  return llvm::cantFail(BoundPropagation::create(*twin.spec->getOps<ModelOp>().begin(), weights, engine));
}
using Margins = std::vector<float>;
Margins marginsOf(BoundPropagation &propagation, const Split &split, double radius) {
  return llvm::cantFail(propagation.margins(split.features, split.count, radius, split.labels));
}

//===--- Every rule, against executions -------------------------------------===//

/// The points of test/Inputs, with another model and a metric that tells the largest score.
std::unique_ptr<Twin> pointsWith(StringRef body) {
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/test/Inputs/points.mlir");
  std::string text =
      replacedProgram((*buffer)->getBuffer().str(), "selfopt.model @net",
                      "selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {\n" + body.str() + "\n  }");
  text = replacedProgram(text, "selfopt.metric @accuracy",
                         "selfopt.metric @accuracy(%s: tensor<2xf32>, %label: i32) -> f32 {\n"
                         "    %m = nn.reduce max %s : f32\n    selfopt.return %m : f32\n  }");
  return Twin::make(
      parseSourceString<ModuleOp>(text, ParserConfig(&context()), SELFOPT_SOURCE_DIR "/test/Inputs/points.mlir"));
}

constexpr const char *hidden = "    %h = nn.dense %x units(5) : tensor<5xf32>\n";
constexpr const char *last = "    %y = nn.dense %a units(2) : tensor<2xf32>\n    selfopt.return %y : tensor<2xf32>";

struct Model {
  const char *name, *body; ///< From %h to %a, or from %x to the end.
  bool whole = false;
};
const Model models[] = {
    {"dense", "%y = nn.dense %x units(2) : tensor<2xf32>\n selfopt.return %y : tensor<2xf32>", true},
    {"dense_dense", "%a = nn.dense %h units(3) : tensor<3xf32>\n"},
    {"relu", "%a = nn.activation relu %h : tensor<5xf32>\n"},
    {"tanh", "%a = nn.activation tanh %h : tensor<5xf32>\n"},
    {"gelu", "%a = nn.activation gelu %h : tensor<5xf32>\n"},
    {"sigmoid", "%a = nn.activation sigmoid %h : tensor<5xf32>\n"},
    {"layer_norm", "%a = nn.layer_norm %h : tensor<5xf32>\n"},
    {"rms_norm", "%a = nn.rms_norm %h : tensor<5xf32>\n"},
    {"concat", "%r = nn.activation relu %h : tensor<5xf32>\n %a = nn.concat %r, %x : tensor<7xf32>\n"},
    {"skip", "%r = nn.activation relu %h : tensor<5xf32>\n %a = arith.addf %r, %h : tensor<5xf32>\n"},
    {"gate", "%r = nn.activation sigmoid %h : tensor<5xf32>\n %a = arith.mulf %r, %h : tensor<5xf32>\n"},
    {"square", "%a = arith.mulf %h, %h : tensor<5xf32>\n"},
    {"scale", "%c = arith.constant dense<[0.5, -2.0, 3.0, 0.0, 1.0]> : tensor<5xf32>\n"
              " %a = arith.mulf %c, %h : tensor<5xf32>\n"},
    {"minus", "%c = arith.constant dense<0.25> : tensor<5xf32>\n %n = arith.negf %h : tensor<5xf32>\n"
              " %a = arith.subf %c, %n : tensor<5xf32>\n"},
    {"clamp", "%c = arith.constant dense<0.25> : tensor<5xf32>\n %m = arith.minimumf %h, %c : tensor<5xf32>\n"
              " %e = math.exp %m : tensor<5xf32>\n %a = arith.divf %m, %e : tensor<5xf32>\n"},
    {"select", "%c = arith.constant dense<0.1> : tensor<5xf32>\n %o = arith.cmpf ogt, %h, %c : tensor<5xf32>\n"
               " %a = arith.select %o, %h, %c : tensor<5xi1>, tensor<5xf32>\n"},
    {"roots", "%s = math.absf %h : tensor<5xf32>\n %a = math.sqrt %s : tensor<5xf32>\n"},
    // Unknown where the argument may be negative.
    {"logs", "%a = math.log %h : tensor<5xf32>\n"},
    {"quotient", "%c = arith.constant dense<1.0> : tensor<5xf32>\n %a = arith.divf %c, %h : tensor<5xf32>\n"},
    {"functions", "%t = math.tanh %h : tensor<5xf32>\n %e = math.erf %h : tensor<5xf32>\n"
                  " %s = math.fma %e, %t, %h : tensor<5xf32>\n %a = arith.minnumf %s, %e : tensor<5xf32>\n"},
    // A number that is none decides a comparison without being seen.
    {"hidden_nan", "%q = math.sqrt %h : tensor<5xf32>\n %c = arith.constant dense<100.0> : tensor<5xf32>\n"
                   " %o = arith.cmpf olt, %q, %c : tensor<5xf32>\n %n = arith.negf %h : tensor<5xf32>\n"
                   " %a = arith.select %o, %h, %n : tensor<5xi1>, tensor<5xf32>\n"},
    {"dead", "%d = nn.dense %h units(3) : tensor<3xf32>\n %a = nn.activation relu %h : tensor<5xf32>\n"},
    {"log_softmax", "%a = nn.log_softmax %h : tensor<5xf32>\n"},
    {"noise", "%n = nn.noise %h scale(0.5) : tensor<5xf32>\n %a = nn.dropout %n rate(0.5) : tensor<5xf32>\n"},
    {"softmax", "%a = nn.softmax %h : tensor<5xf32>\n"},
    {"shared",
     "%g = nn.dense %h units(5) param(\"core\") : tensor<5xf32>\n %r = nn.activation relu %g : tensor<5xf32>\n"
     " %a = nn.dense %r units(5) param(\"core\") : tensor<5xf32>\n"},
    {"linear_end",
     "%r = nn.activation relu %h : tensor<5xf32>\n %s = nn.dense %r units(2) : tensor<2xf32>\n"
     " %c = arith.constant dense<1.5> : tensor<2xf32>\n %p = arith.mulf %s, %c : tensor<2xf32>\n"
     " %y = arith.addf %p, %x : tensor<2xf32>\n selfopt.return %y : tensor<2xf32>",
     true},
};

TEST(BoundPropagation, HoldsEveryExecution) {
  std::mt19937 engine(7);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(-1, 1);
  int64_t outside = 0, executions = 0, narrow = 0, known = 0;
  for (const Model &m : models) {
    std::string body =
        m.whole && StringRef(m.name) == "dense" ? m.body : hidden + std::string(m.body) + (m.whole ? "" : last);
    auto twin = pointsWith(body);
    ASSERT_TRUE(twin) << m.name;
    auto model = *twin->spec->getOps<ModelOp>().begin();
    for (int trial = 0; trial < 6; ++trial) {
      for (int64_t i = 0; i < twin->parameters; ++i) {
        Tensor w = readBuffer(*twin->executable, twin->names[i]);
        for (double &v : w.floats)
          v = float(normal(engine) * (trial % 2 ? 1 : 3));
        writeBuffer(*twin->executable, twin->names[i], w);
      }
      TrainedWeights weights = weightsOf(*twin);
      // The program that bounds is itself run in two ways.
      BoundPropagation interpreted = boundsOf(*twin, weights, interpretBounds), compiled = boundsOf(*twin, weights);
      std::map<Precision, std::unique_ptr<Interpreter>> interpreters;
      for (Precision precision : {Precision::AsTyped, Precision::Double}) {
        auto &interpreter = interpreters[precision] = std::make_unique<Interpreter>(precision);
        for (const ProgramParameters::Range &range : ProgramParameters::of(model.getBody().front()).layers) {
          SmallVector<Tensor> values;
          for (size_t i = 0; i < range.count; ++i)
            values.push_back(readBuffer(*twin->executable, twin->names[range.first + i]));
          interpreter->setParameters(range.layer, values);
        }
      }
      for (double radius : {0.0, 1e-3, 0.1, 1.0}) {
        float x[] = {float(uniform(engine)), float(uniform(engine))};
        int32_t label = int32_t(engine() % 2);
        std::vector<ScoreBounds> bounds;
        std::vector<float> margins;
        // The interpreter takes its time.
        for (BoundPropagation *propagation : {trial < 2 ? &interpreted : &compiled, &compiled}) {
          bounds.push_back(llvm::cantFail(propagation->bounds(x, 1, radius)));
          margins.push_back(llvm::cantFail(propagation->margins(x, 1, radius, label))[0]);
        }
        const ScoreBounds &b = bounds[0];
        narrow += radius == 0 && b.high[0] - b.low[0] < 1e-3 * (1 + std::fabs(b.low[0]));
        known += !std::isnan(margins[0]);
        // They differ by what they round.
        EXPECT_EQ(std::isnan(margins[0]), std::isnan(margins[1])) << m.name << " radius " << radius;
        if (!std::isnan(margins[0]))
          EXPECT_NEAR(margins[0], margins[1], 1e-3 * (1 + b.high[0] - b.low[0] + std::fabs(margins[0])))
              << m.name << " radius " << radius;
        for (int point = 0; point < 40; ++point) {
          Tensor at = Tensor::zeros({2}, true);
          Split split;
          split.count = 1;
          split.labels = {label};
          for (int i = 0; i < 2; ++i) {
            double d = point < 8 ? (engine() % 2 ? radius : -radius) : radius * uniform(engine);
            float v = float(x[i] + d);
            // Rounding may leave the ball.
            while (std::fabs(double(v) - x[i]) > radius)
              v = std::nextafter(v, x[i]);
            at.floats[i] = v;
            split.features.push_back(v);
          }
          auto inside = [&](double v, double low, double high) {
            ++executions;
            // A value that is no number is where nothing is known.
            bool holds = std::isnan(v) ? low == -INFINITY && high == INFINITY : v >= low && v <= high;
            outside += !holds;
            EXPECT_TRUE(holds) << m.name << " radius " << radius << ": " << v << " not in [" << low << ", " << high << "]";
          };
          for (auto &[precision, interpreter] : interpreters) {
            Tensors y;
            ASSERT_TRUE(succeeded(interpreter->call(model, {at}, y)));
            for (auto [of, margin] : llvm::zip(bounds, margins)) {
              for (int k = 0; k < 2; ++k)
                inside(y[0].floats[k], of.low[k], of.high[k]);
              if (!std::isnan(margin))
                inside(y[0].floats[label] - y[0].floats[1 - label], margin, INFINITY);
            }
          }
          double found = twin->executable->score(split).metrics[0];
          for (const ScoreBounds &of : bounds)
            inside(found, std::max(of.low[0], of.low[1]), std::max(of.high[0], of.high[1]));
        }
        if (outside)
          return;
      }
    }
  }
  EXPECT_GT(executions, 50000);
  // The bounds say something: around a point they are narrow.
  EXPECT_GT(narrow, 80);
  EXPECT_GT(known, 450);
}

//===--- Attacks ------------------------------------------------------------===//

/// Scores of one or two dense layers with a relu between them, and their derivatives, in f64.
struct Net {
  struct Dense {
    int64_t in, out;
    const std::vector<float> *weight, *bias;
  };
  std::vector<Dense> layers;

  explicit Net(const TrainedWeights &w) {
    for (size_t i = 0; i < w.parameters.size(); i += 2) {
      int64_t out = int64_t(w.parameters[i + 1].size());
      layers.push_back({int64_t(w.parameters[i].size()) / out, out, &w.parameters[i], &w.parameters[i + 1]});
    }
  }
  /// Values in front of and behind every layer.
  std::vector<std::vector<double>> run(std::vector<double> x) const {
    std::vector<std::vector<double>> values{x};
    for (size_t l = 0; l < layers.size(); ++l) {
      const Dense &d = layers[l];
      std::vector<double> y(d.bias->begin(), d.bias->end());
      for (int64_t i = 0; i < d.in; ++i)
        for (int64_t u = 0; u < d.out; ++u)
          y[u] += values.back()[i] * (*d.weight)[i * d.out + u];
      for (double &v : y)
        v = l + 1 < layers.size() ? std::max(v, 0.0) : v;
      values.push_back(y);
    }
    return values;
  }
  /// How far the right class is ahead, and the class that is next.
  static std::pair<double, int64_t> margin(const std::vector<double> &scores, int64_t label) {
    int64_t next = -1;
    for (int64_t k = 0; k < int64_t(scores.size()); ++k)
      if (k != label && (next < 0 || scores[k] > scores[next]))
        next = k;
    return {scores[label] - scores[next], next};
  }
  /// The derivative of that margin.
  std::vector<double> gradient(const std::vector<std::vector<double>> &values, int64_t label, int64_t next) const {
    std::vector<double> g(values.back().size());
    g[label] = 1;
    g[next] = -1;
    for (size_t l = layers.size(); l-- > 0;) {
      const Dense &d = layers[l];
      std::vector<double> below(d.in);
      for (int64_t i = 0; i < d.in; ++i) {
        for (int64_t u = 0; u < d.out; ++u)
          below[i] += g[u] * (*d.weight)[i * d.out + u];
        if (l > 0 && values[l][i] <= 0)
          below[i] = 0;
      }
      g = below;
    }
    return g;
  }
};

/// Projected gradient descent (Madry et al. 2018) on the margin, from `restarts` random points; the worst point found.
std::vector<float> attack(const Net &net, ArrayRef<float> x, int64_t label, double radius, std::mt19937 &engine,
                          int restarts = 10, int steps = 100) {
  std::uniform_real_distribution<double> uniform(-radius, radius);
  std::vector<float> worst(x.begin(), x.end());
  double least = INFINITY;
  for (int restart = 0; restart < restarts; ++restart) {
    std::vector<double> at(x.begin(), x.end());
    for (double &v : at)
      v += uniform(engine);
    for (int step = 0; step <= steps; ++step) {
      // As f32 has it, inside the ball.
      for (size_t i = 0; i < at.size(); ++i) {
        float v = float(std::clamp(at[i], x[i] - radius, x[i] + radius));
        while (std::fabs(double(v) - x[i]) > radius)
          v = std::nextafter(v, x[i]);
        at[i] = v;
      }
      auto values = net.run(at);
      auto [margin, next] = Net::margin(values.back(), label);
      if (margin < least) {
        least = margin;
        worst.assign(at.begin(), at.end());
      }
      auto g = net.gradient(values, label, next);
      for (size_t i = 0; i < at.size(); ++i)
        at[i] -= radius / 10 * (g[i] > 0 ? 1 : g[i] < 0 ? -1 : 0);
    }
  }
  return worst;
}

/// Of the rows that `claim` says are certified: how many are not, by an attack in the whole ball. What was tried goes
/// to `tried`.
int64_t refuted(const Net &net, const Split &split, const Margins &claim, double radius, Split &tried) {
  std::mt19937 engine(1);
  int64_t n = int64_t(split.features.size()) / split.count, found = 0;
  for (int64_t r = 0; r < split.count; ++r) {
    if (!(claim[r] > 0))
      continue;
    ArrayRef<float> x(&split.features[r * n], n);
    std::vector<float> at = attack(net, x, split.labels[r], radius, engine);
    tried.features.insert(tried.features.end(), at.begin(), at.end());
    tried.labels.push_back(split.labels[r]);
    ++tried.count;
    bool broken = Net::margin(net.run({at.begin(), at.end()}).back(), split.labels[r]).first <= 0;
    // Brute force: random points, and random corners.
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (int point = 0; point < 40; ++point) {
      std::vector<double> y(x.begin(), x.end());
      for (double &v : y) {
        double d = uniform(engine);
        v += radius * (point % 2 ? d : d > 0 ? 1 : -1);
      }
      broken |= Net::margin(net.run(y).back(), split.labels[r]).first <= 0;
    }
    found += broken;
  }
  return found;
}

int64_t certified(const Margins &margins) {
  return llvm::count_if(margins, [](float m) { return m > 0; });
}

TEST(BoundPropagation, NoAttackOnTheFlagshipSucceeds) {
  auto twin = trainedTwin(digits());
  ASSERT_TRUE(twin);
  TrainedWeights weights = weightsOf(*twin);
  BoundPropagation propagation = boundsOf(*twin, weights);
  Net net(weights);
  const Split &split = twin->planned.data->validation;
  for (double radius : {0.25, 0.5, 1.0}) {
    Margins b = marginsOf(propagation, split, radius);
    // What the checker finds, which interprets the same program, is off by its roundings at most.
    BoundPropagation interpreted = boundsOf(*twin, weights, interpretBounds);
    EXPECT_NEAR(certified(marginsOf(interpreted, split, radius)), certified(b), 2);
    Split tried;
    EXPECT_EQ(refuted(net, split, b, radius, tried), 0) << radius;
    std::cout << "radius " << radius << ": " << certified(b) << " of " << split.count << " certified in "
              << propagation.calls() << " calls, none of them refuted\n";
    EXPECT_GT(certified(b), 0);
    // As it is compiled.
    EXPECT_EQ(twin->executable->score(tried).metrics[0], 1) << radius;
  }
}

//===--- Phases -------------------------------------------------------------===//

/// What is found of a class: by the first program where that decides, or by the better of both.
struct Rival {
  float margin;
  bool isOpen;
};
/// Of every example and class, one by one.
std::vector<std::vector<Rival>> everyRival(ModelOp model, const TrainedWeights &weights, BoundEngine engine,
                                           const Split &split, double radius, int64_t classes) {
  constexpr int64_t slice = BoundPropagation::slice;
  auto margins = llvm::cantFail(engine(model, BoundProgram::Margins, weights));
  auto relaxed = llvm::cantFail(engine(model, BoundProgram::Relaxed, weights));
  int64_t n = int64_t(split.features.size()) / split.count;
  std::vector<std::vector<Rival>> rivals(split.count, std::vector<Rival>(classes));
  for (int64_t begin = 0; begin < split.count; begin += slice) {
    int64_t count = std::min(slice, split.count - begin);
    auto set = [&](BoundFunction &f) {
      std::fill_n(static_cast<float *>(f.argument(0)), slice * n, 0.0f);
      std::copy_n(&split.features[begin * n], count * n, static_cast<float *>(f.argument(0)));
      std::fill_n(static_cast<float *>(f.argument(1)), slice, float(radius));
      std::fill_n(static_cast<int32_t *>(f.argument(2)), slice, 0);
      std::copy_n(&split.labels[begin], count, static_cast<int32_t *>(f.argument(2)));
    };
    set(*margins);
    EXPECT_TRUE(succeeded(margins->run()));
    for (int32_t k = 0; k < classes; ++k) {
      set(*relaxed);
      std::fill_n(static_cast<int32_t *>(relaxed->argument(3)), rivalsAtOnce * slice, k);
      EXPECT_TRUE(succeeded(relaxed->run()));
      for (int64_t i = 0; i < count; ++i) {
        float first = margins->result(0)[k * slice + i];
        rivals[begin + i][k] = {first > 0 ? first : std::fmax(first, relaxed->result(0)[i]), !(first > 0)};
        EXPECT_TRUE(std::isnan(relaxed->result(0)[i]) || relaxed->result(0)[i] == relaxed->result(0)[slice + i]);
      }
    }
  }
  return rivals;
}

TEST(BoundPropagation, PhasesDecideWhatAllRivalsTogetherDo) {
  auto twin = trainedTwin(digits());
  ASSERT_TRUE(twin);
  TrainedWeights weights = weightsOf(*twin);
  ModelOp model = *twin->spec->getOps<ModelOp>().begin();
  Split split = twin->planned.data->validation;
  const int64_t n = int64_t(split.features.size()) / split.count, classes = 10;
  for (auto [row, label] : {std::pair(3, -1), {70, 10}, {100, INT32_MAX}, {358, INT32_MIN}})
    split.labels[row] = label;
  split.features[5 * n] = NAN;
  split.features[6 * n + 63] = INFINITY;
  split.features[300 * n + 7] = 1e30f;
  int64_t several = 0, decided[2] = {};
  for (double radius : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    for (bool compiled : {true, false}) {
      // The interpreter takes its time.
      Split part = split;
      if (!compiled) {
        part.count = 80;
        part.features.resize(part.count * n);
        part.labels.resize(part.count);
      }
      BoundEngine engine = compiled ? BoundEngine(BoundCompiler()) : BoundEngine(interpretBounds);
      BoundPropagation propagation = boundsOf(*twin, weights, engine);
      Margins margins = marginsOf(propagation, part, radius);
      auto rivals = everyRival(model, weights, engine, part, radius, classes);
      for (int64_t row = 0; row < part.count; ++row) {
        int32_t label = part.labels[row];
        if (label < 0 || label >= classes) {
          EXPECT_TRUE(std::isnan(margins[row])) << row;
          continue;
        }
        bool wins = true, isOneOfThem = false;
        int64_t open = 0;
        float least = INFINITY;
        for (int32_t k = 0; k < classes; ++k) {
          auto [margin, isOpen] = rivals[row][k];
          wins &= k == label || margin > 0;
          open += k != label && isOpen;
          least = k != label ? std::min(least, margin) : least;
          isOneOfThem |= k != label && !(margin > 0) && (margin == margins[row] || std::isnan(margin));
        }
        EXPECT_EQ(margins[row] > 0, wins) << "row " << row << " radius " << radius << " compiled " << compiled;
        EXPECT_TRUE(wins ? margins[row] == least : isOneOfThem) << row;
        several += wins && open > rivalsAtOnce;
        ++decided[wins];
      }
      for (int64_t row : {5, 6})
        EXPECT_TRUE(std::isnan(margins[row])) << row;
    }
  }
  // There are some that are certified in more than one turn.
  EXPECT_GT(several, 100);
  EXPECT_GT(decided[false], 100);
}

//===--- What the attack is worth -------------------------------------------===//

TEST(BoundPropagation, TheAttackFindsBoundsThatAreTooSmall) {
  // One dense layer: its bounds are exact, so that all beyond them is wrong somewhere.
  std::string text = replacedProgram(digits(), "selfopt.model @net",
                                     "selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {\n"
                                     "    %y = nn.dense %x units(10) : tensor<10xf32>\n"
                                     "    selfopt.return %y : tensor<10xf32>\n  }");
  auto twin = trainedTwin(text);
  ASSERT_TRUE(twin);
  TrainedWeights weights = weightsOf(*twin);
  BoundPropagation propagation = boundsOf(*twin, weights);
  Net net(weights);
  const Split &split = twin->planned.data->validation;
  double radius = 1;
  Margins right = marginsOf(propagation, split, radius), shrunk = marginsOf(propagation, split, 0.9 * radius);
  ASSERT_GT(certified(shrunk), certified(right));
  Split tried;
  EXPECT_EQ(refuted(net, split, right, radius, tried), 0);
  // All but those that are wrong in a corner that the attack happens to miss.
  EXPECT_GE(10 * refuted(net, split, shrunk, radius, tried), 9 * (certified(shrunk) - certified(right)));
}

} // namespace
