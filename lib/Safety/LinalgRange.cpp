//===- LinalgRange.cpp - Ranges of linalg -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of a structured op is evaluated on intervals. An output that the body doesn't read is what one evaluation
// yields; a sum over n points is bounded at once; any other running value is iterated, until it stops growing or as
// many times as there are points.
//
//===----------------------------------------------------------------------===//

#include "RangeModel.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

constexpr int64_t maxIterations = 64;

/// The element that `yield addf(out, element)` adds, in whichever order; null for another body.
Value addedElement(Block &body, BlockArgument out, Value yielded) {
  auto add = yielded.getDefiningOp<arith::AddFOp>();
  if (!add || add->getBlock() != &body || !out.hasOneUse() || *out.user_begin() != add || !yielded.hasOneUse())
    return {};
  return add.getLhs() == out ? add.getRhs() : add.getLhs();
}

void inferStructured(linalg::LinalgOp op, ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  unsigned inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  auto giveUp = [&] {
    for (Type type : op->getResultTypes())
      results.push_back(rangeOfType(type));
  };
  if (!op.hasPureTensorSemantics() || op->getNumResults() != outputs || !llvm::all_of(op->getOperandTypes(), isPrecise))
    return giveUp();
  Block &body = *op.getBlock();
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool isStatic = llvm::none_of(extents, ShapedType::isDynamic);
  if (isStatic && llvm::is_contained(extents, 0)) {
    results.append(operands.begin() + inputs, operands.end());
    return;
  }
  bool hasOutputArguments = body.getNumArguments() == inputs + outputs;
  SmallVector<Interval> arguments;
  for (const Interval &x : operands.take_front(body.getNumArguments()))
    arguments.push_back(clean(x));
  Operation *yield = body.getTerminator();

  // How often an output element is written; -1 where that isn't known.
  SmallVector<int64_t> counts(outputs, isStatic ? 1 : -1);
  bool writesAll = isStatic;
  for (unsigned i = 0; i < outputs; ++i) {
    AffineMap map = maps[inputs + i];
    if (!map.isProjectedPermutation()) {
      counts[i] = -1;
      writesAll = false;
      continue;
    }
    llvm::SmallBitVector kept(extents.size());
    for (AffineExpr e : map.getResults())
      kept.set(cast<AffineDimExpr>(e).getPosition());
    for (auto [d, extent] : llvm::enumerate(extents))
      if (!kept.test(d) && counts[i] >= 0 && __builtin_mul_overflow(counts[i], extent, &counts[i]))
        counts[i] = -1;
  }

  bool anyRead = false, onlySums = true;
  SmallVector<Value> added(outputs);
  for (unsigned i = 0; hasOutputArguments && i < outputs; ++i) {
    BlockArgument out = body.getArgument(inputs + i);
    if (out.use_empty())
      continue;
    anyRead = true;
    added[i] = addedElement(body, out, yield->getOperand(i));
    onlySums &= bool(added[i]) && counts[i] >= 0;
  }
  auto evaluate = [&](SmallVectorImpl<Interval> &yielded, DenseMap<Value, Interval> &ranges) {
    (void)inferBlockRanges(body, arguments, ranges);
    yielded.clear();
    for (Value v : yield->getOperands())
      yielded.push_back(lookupRange(ranges, v));
  };
  SmallVector<Interval> yielded;
  DenseMap<Value, Interval> ranges;
  if (!anyRead || onlySums) {
    evaluate(yielded, ranges);
    for (unsigned i = 0; i < outputs; ++i)
      if (added[i])
        yielded[i] = sum(clean(operands[inputs + i]), clean(lookupRange(ranges, added[i])), counts[i]);
  } else {
    // One output: after `step` writes its elements lie in `running`. With several that may read each other, a point can
    // meet them after different numbers of writes; only bounds that no write leaves will do then.
    int64_t most = outputs == 1 ? counts[0] : -1;
    bool settled = false;
    for (int64_t step = 0; !settled && step < maxIterations && (most < 0 || step < most); ++step) {
      ranges.clear();
      evaluate(yielded, ranges);
      settled = step > 0;
      for (unsigned i = 0; i < outputs; ++i) {
        Interval &running = arguments[inputs + i];
        Interval next = step == 0 && most > 0 ? clean(yielded[i]) : running.join(clean(yielded[i]));
        settled &= running.contains(next);
        running = next;
      }
      settled |= step + 1 == most;
    }
    if (!settled)
      return giveUp();
    yielded.assign(arguments.begin() + inputs, arguments.end());
  }
  for (unsigned i = 0; i < outputs; ++i)
    results.push_back(writesAll ? yielded[i] : clean(operands[inputs + i]).join(clean(yielded[i])));
}

template <typename OpT> struct StructuredModel : RangeOpInterface::ExternalModel<StructuredModel<OpT>, OpT> {
  void inferRanges(Operation *op, ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) const {
    inferStructured(cast<linalg::LinalgOp>(op), operands, results);
  }
};

struct IndexModel : RangeOpInterface::ExternalModel<IndexModel, linalg::IndexOp> {
  void inferRanges(Operation *op, ArrayRef<Interval>, SmallVectorImpl<Interval> &results) const {
    Interval r = Interval::of(0, inf);
    if (auto around = op->getParentOfType<linalg::LinalgOp>()) {
      int64_t extent = around.getStaticLoopRanges()[cast<linalg::IndexOp>(op).getDim()];
      if (!ShapedType::isDynamic(extent) && extent > 0)
        r.high = double(extent - 1);
    }
    results.push_back(r);
  }
};

template <typename... Ops> void attach(MLIRContext &context) {
  (Ops::template attachInterface<StructuredModel<Ops>>(context), ...);
}

} // namespace

void selfopt::registerLinalgRange(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    using namespace linalg;
    attach<GenericOp, FillOp, CopyOp, MapOp, ReduceOp, TransposeOp, BroadcastOp, ElementwiseOp, ContractOp, MatmulOp,
           BatchMatmulOp, MatvecOp, VecmatOp, DotOp, BatchMatvecOp, BatchVecmatOp, AddOp, SubOp, MulOp, DivOp, MaxOp,
           MinOp, ExpOp, LogOp, AbsOp, NegFOp, SqrtOp, RsqrtOp, SquareOp, TanhOp, ErfOp, PowFOp, ReciprocalOp, SelectOp,
           CeilOp, FloorOp, RoundOp, Conv1DOp, Conv2DOp, Conv2DNhwcHwcfOp, PoolingNhwcSumOp, PoolingNhwcMaxOp>(
        *context);
    IndexOp::attachInterface<IndexModel>(*context);
  });
}
