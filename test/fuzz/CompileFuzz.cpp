//===- CompileFuzz.cpp - Mutants, compiled and interpreted --------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// compile-stress [N] [seed] draws N mutants of the examples by chains of one to six mutations, shrinks their batch, and
// takes two training steps of each, compiled and in the reference interpreter, from the same weights.
//
// Two engines add in different orders, so what may differ is measured: the interpreter runs again in f64, with inputs
// that are off by a few units in the last place, and with functions that are; a difference is a failure only where it is
// much larger than what those runs differ by. A mutant is ill-conditioned where they differ by more than the values themselves.
//
//===----------------------------------------------------------------------===//

#include "../unit/Runtime/Harness.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

struct Totals {
  int64_t mutants = 0, failures = 0, large = 0, illConditioned = 0, notFinite = 0, compared = 0;
};

/// Values outside of the range in which both engines keep their relative precision.
bool extreme(const Tensor &t) {
  for (double x : t.floats)
    if (std::isfinite(x) && x != 0 && (std::fabs(x) > 1e30 || std::fabs(x) < 1e-30))
      return true;
  return false;
}

/// `t` with every element off by a few units in the last place.
Tensor perturbed(Tensor t, std::mt19937 &engine) {
  std::uniform_real_distribution<double> dist(-1, 1);
  for (double &x : t.floats)
    x = double(float(x * (1 + 3e-7 * dist(engine))));
  return t;
}

/// `module` with the result of every function (exp, tanh, ...) off by up to three units in the last place.
OwningOpRef<ModuleOp> withNoisyFunctions(ModuleOp module, std::mt19937 &engine) {
  OwningOpRef<ModuleOp> copy(module.clone());
  SmallVector<Operation *> functions;
  copy->walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect()) && isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType())))
      functions.push_back(op);
  });
  for (Operation *op : functions) {
    OpBuilder b(op);
    b.setInsertionPointAfter(op);
    Type type = op->getResult(0).getType();
    Attribute factor = FloatAttr::get(getElementTypeOrSelf(type), 1 + (int(engine() % 7) - 3) * 0x1p-23);
    TypedAttr value = isa<ShapedType>(type) ? TypedAttr(DenseElementsAttr::get(cast<ShapedType>(type), factor))
                                            : cast<TypedAttr>(factor);
    Value c = arith::ConstantOp::create(b, op->getLoc(), value);
    auto off = arith::MulFOp::create(b, op->getLoc(), op->getResult(0), c);
    op->getResult(0).replaceAllUsesExcept(off, off);
  }
  return copy;
}

/// One step by both engines; false when there is nothing more to learn from this mutant.
bool compareStep(Twin &twin, std::mt19937 &engine, Totals &totals, std::string &complaint) {
  std::vector<int32_t> rows = someRows(twin.batch, twin.planned.trainRows, engine);
  StepInput in = twin.inputFor(rows);
  twin.step(in, rows);
  auto expected = twin.interpret(in);
  if (failed(expected)) {
    complaint = "the interpreter fails";
    return false;
  }
  SmallVector<Tensors> others;
  if (auto exact = twin.interpret(in, Precision::Double); succeeded(exact))
    others.push_back(*exact);
  for (int k = 0; k < 2; ++k) {
    StepInput off = in;
    for (Tensor &t : off.parameters)
      t = perturbed(t, engine);
    off.x = perturbed(in.x, engine);
    if (auto near = twin.interpret(off); succeeded(near))
      others.push_back(*near);
    OwningOpRef<ModuleOp> noisy = withNoisyFunctions(*twin.lowered, engine);
    std::swap(noisy, twin.lowered);
    auto near = twin.interpret(in);
    std::swap(noisy, twin.lowered);
    if (succeeded(near))
      others.push_back(*near);
  }
  std::vector<std::string> names(twin.names);
  names.push_back("loss");
  for (auto [i, name] : llvm::enumerate(names)) {
    const Tensor &want = (*expected)[i];
    Tensor found = readBuffer(*twin.executable, name);
    double spread = 0;
    for (const Tensors &other : others)
      spread = std::max(spread, distance(want, other[i]));
    if (!std::isfinite(spread) || (spread > 0.1 * magnitude(want) && magnitude(want) > 0)) {
      ++totals.illConditioned;
      return false;
    }
    double apart = distance(found, want);
    if (apart > 1e-4 * magnitude(want) + 20 * spread) {
      if (extreme(want) || extreme(found)) {
        ++totals.notFinite;
        return false;
      }
      llvm::raw_string_ostream os(complaint);
      os << name << " differs by " << apart << ", of values up to " << magnitude(want)
         << ", which rounding changes by up to " << spread << "; step " << in.number;
      for (int64_t k = 0; k < want.size(); ++k)
        if (!(std::fabs(found.floats[k] - want.floats[k]) <= 0.5 * apart) &&
            !(std::isnan(found.floats[k]) && std::isnan(want.floats[k]))) {
          os << "; at " << k << " compiled " << found.floats[k] << ", interpreted " << want.floats[k];
          break;
        }
      return false;
    }
    if (extreme(want))
      return true; // compared, but the next step would leave the range
  }
  ++totals.compared;
  return true;
}

void runMutant(const std::string &text, uint64_t seed, Totals &totals) {
  OwningOpRef<ModuleOp> spec = parse(text);
  MutationScope scope = MutationScope::of(*spec);
  OwningOpRef<ModuleOp> holder = ModuleOp::create(UnknownLoc::get(&context()));
  OpBuilder b = OpBuilder::atBlockEnd(holder->getBody());
  auto lineage = evolve::LineageOp::create(b, b.getUnknownLoc(), canonicalDigest(*spec));
  Block &list = lineage.getBody().emplaceBlock();
  Philox random(seed);
  uint64_t steps = 1 + random.below(6);
  for (uint64_t i = 0; i < steps; ++i)
    mutate(*spec, scope, random, list);
  auto train = spec->lookupSymbol<TrainOp>("fit");
  train.setBatch(1 + int64_t(random.below(4)));
  train.setEpochs(3);
  auto cost = programCost(*spec, "fit", 100);
  if (!cost || cost->parameters > 4000) {
    ++totals.large;
    return;
  }
  ++totals.mutants;
  std::string mutant = printSpec(*spec), complaint;
  Listener listener;
  auto fail = [&](StringRef what) {
    ++totals.failures;
    llvm::outs() << "FAILURE of seed " << seed << ": " << what << "\n" << listener.text << mutant << printSpec(*holder);
  };
  // The interpreter has no monitors: nobody is to end a step whose values leave their domain.
  spec->walk([](safety::RequireOp op) { op.erase(); });
  auto twin = Twin::make(std::move(spec));
  if (!twin)
    return fail("a stage refuses a mutant that verifies");
  twin->executable->initialize(seed);
  std::mt19937 engine(seed);
  for (int step = 0; step < 2; ++step)
    if (!compareStep(*twin, engine, totals, complaint))
      break;
  if (!complaint.empty())
    fail(complaint);
}

} // namespace

int main(int argc, char **argv) {
  int64_t wanted = 200;
  uint64_t first = 0;
  if (argc > 3 || (argc > 1 && StringRef(argv[1]).getAsInteger(10, wanted)) ||
      (argc > 2 && StringRef(argv[2]).getAsInteger(10, first))) {
    llvm::errs() << "usage: compile-stress [number of mutants] [first seed]\n";
    return 2;
  }
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  // A third of them with an optimizer that does not divide, so that a wrong gradient can't hide behind Adam's scaling.
  std::string digits = replaced(readExample("digits.mlir"), "units(32)", "units(8)");
  for (size_t at; (at = digits.find("tensor<32xf32>")) != std::string::npos;)
    digits.replace(at, 14, "tensor<8xf32>");
  std::string texts[] = {digits, readExample("diabetes.mlir"),
                         replacedProgram(digits, "selfopt.optimizer @adam", R"(selfopt.optimizer @adam(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
    %move = arith.mulf %lr, %g : f32
    %w1 = arith.subf %w, %move : f32
    %g1 = arith.addf %g, %m : f32
    %n = arith.addf %v, %step : f32
    selfopt.return %w1, %g1, %n : f32, f32, f32
  })")};
  Totals totals;
  for (uint64_t seed = first; totals.mutants < wanted && totals.failures < 10; ++seed)
    runMutant(texts[seed % 3], seed, totals);
  llvm::outs() << totals.mutants << " mutants, " << totals.failures << " failures, " << totals.compared
               << " steps compared, " << totals.illConditioned << " ill-conditioned, " << totals.notFinite
               << " out of range, " << totals.large << " too large\n";
  return totals.failures != 0;
}
