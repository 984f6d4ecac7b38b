//===- PlanSimplify.cpp - S3: everything structured and fused ------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Transforms/Planner.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

/// Few ops, none of them slow: computing it twice costs less than storing it. What is read across its rows costs more
/// than it seems.
static bool isCheap(linalg::GenericOp op) {
  for (OpOperand *input : op.getDpsInputOperands())
    if (AffineMap map = op.getMatchingIndexingMap(input); map.isPermutation() && !map.isIdentity())
      return false;
  unsigned count = 0;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (isa<arith::ConstantOp, linalg::IndexOp>(inner))
      continue;
    if (isa<arith::DivFOp>(inner) || isa<math::MathDialect>(inner.getDialect()))
      return false;
    ++count;
  }
  return count <= 4;
}

static bool isAllParallel(linalg::GenericOp op) { return op.getNumParallelLoops() == op.getNumLoops(); }

/// Of one whose results have as many dimensions: only then may it become the epilogue.
static bool readsContraction(linalg::GenericOp op) {
  return llvm::any_of(op.getDpsInputs(), [&](Value v) {
    auto def = v.getDefiningOp<linalg::GenericOp>();
    return def && linalg::isaContractionOpInterface(def) && def.getNumParallelLoops() == op.getNumLoops();
  });
}

/// A producer with one use, in its consumer's iteration space.
static bool isChain(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return producer && consumer && isAllParallel(producer) && isAllParallel(consumer) && producer->hasOneUse() &&
         producer.getStaticLoopRanges() == consumer.getStaticLoopRanges();
}

/// Whether the producer of an operand is computed inside its consumer.
static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || !isAllParallel(producer) || linalg::isaContractionOpInterface(consumer))
    return false;
  bool single = producer->hasOneUse();
  bool sameSpace = producer.getStaticLoopRanges() == consumer.getStaticLoopRanges();
  // What stands behind a contraction is its epilogue; only the same space may join it there.
  if (readsContraction(producer))
    return single && sameSpace && isAllParallel(consumer);
  if (single && sameSpace)
    return true;
  return isCheap(producer);
}

namespace {
/// Scalar arithmetic, of functions whose arguments are scalars, on tensors of rank 0.
LogicalResult scalarsToTensors(func::FuncOp function) {
  Block &block = function.getBody().front();
  auto lift = [](Type type) -> Type {
    return type.isIntOrFloat() ? RankedTensorType::get({}, type) : type;
  };
  SmallVector<Type> inputs, results;
  for (BlockArgument a : block.getArguments()) {
    a.setType(lift(a.getType()));
    inputs.push_back(a.getType());
  }
  OpBuilder b(function.getContext());
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      // Other users (fills, bodies) keep the scalar.
      if (!constant.getType().isIntOrFloat())
        continue;
      bool lifted = llvm::any_of(op.getUsers(), [&](Operation *user) {
        return user->getBlock() == &block && (OpTrait::hasElementwiseMappableTraits(user) || isa<func::ReturnOp>(user));
      });
      if (!lifted)
        continue;
      b.setInsertionPointAfter(&op);
      auto type = RankedTensorType::get({}, constant.getType());
      Value tensor = arith::ConstantOp::create(b, op.getLoc(),
                                               DenseElementsAttr::get(type, Attribute(constant.getValue())));
      constant->replaceUsesWithIf(ValueRange{tensor}, [&](OpOperand &use) {
        Operation *user = use.getOwner();
        return user->getBlock() == &block && (OpTrait::hasElementwiseMappableTraits(user) || isa<func::ReturnOp>(user));
      });
      continue;
    }
    if (OpTrait::hasElementwiseMappableTraits(&op)) {
      for (Value r : op.getResults())
        r.setType(lift(r.getType()));
      continue;
    }
    if (isa<tensor::ExtractOp>(op) && cast<tensor::ExtractOp>(op).getTensor().getType().getRank() == 0) {
      op.getResult(0).replaceAllUsesWith(op.getOperand(0));
      op.erase();
      continue;
    }
    if (auto from = dyn_cast<tensor::FromElementsOp>(op); from && from.getType().getRank() == 0) {
      op.getResult(0).replaceAllUsesWith(op.getOperand(0));
      op.erase();
      continue;
    }
  }
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(v.getType());
  function.setFunctionType(b.getFunctionType(inputs, results));
  return success();
}
} // namespace

namespace {
/// The pattern sets of the planner; making them costs more than planning a small function, so a context makes them once.
struct Patterns {
  FrozenRewritePatternSet cleanup;

  explicit Patterns(MLIRContext *context) {
    RewritePatternSet patterns(context);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    linalg::populateElementwiseToLinalgConversionPatterns(patterns);
    // Of the fusion patterns only those that move constants into bodies; which ops are fused is decided below.
    linalg::populateElementwiseOpsFusionPatterns(patterns, [](OpOperand *) { return false; });
    cleanup = FrozenRewritePatternSet(std::move(patterns));
  }

  static const Patterns &get(MLIRContext *context) {
    auto *dialect = context->getOrLoadDialect<PlanDialect>();
    if (!dialect->planner)
      dialect->planner = std::make_shared<Patterns>(context);
    return *static_cast<Patterns *>(dialect->planner.get());
  }
};
} // namespace

/// Fuses producers into consumers wherever `control` says so, once through the block: by the time an op is reached its
/// producers are what they will be.
static LogicalResult fuse(func::FuncOp function, RewriterBase &rewriter, bool (*control)(OpOperand *)) {
  Block &block = function.getBody().front();
  for (Operation *at = &block.front(), *next; at; at = next) {
    next = at->getNextNode();
    auto op = dyn_cast<linalg::GenericOp>(at);
    for (bool changed = bool(op); changed;) {
      changed = false;
      for (OpOperand *input : op.getDpsInputOperands()) {
        if (!control(input) || !linalg::areElementwiseOpsFusable(input))
          continue;
        Operation *producer = input->get().getDefiningOp();
        rewriter.setInsertionPoint(op);
        auto result = linalg::fuseElementwiseOps(rewriter, input);
        if (failed(result))
          return failure();
        for (auto [from, to] : result->replacements)
          rewriter.replaceUsesWithIf(from, to, [&](OpOperand &use) { return use.get().getDefiningOp() != producer; });
        rewriter.eraseOp(op);
        op = cast<linalg::GenericOp>(result->fusedOp);
        // Fusion maps indices by affine.apply; with projected permutations each is one of its operands.
        for (auto apply : llvm::make_early_inc_range(op.getBlock()->getOps<affine::AffineApplyOp>()))
          if (auto dim = dyn_cast<AffineDimExpr>(apply.getAffineMap().getResult(0)))
            rewriter.replaceOp(apply, apply.getMapOperands()[dim.getPosition()]);
        // An operand that both had is one operand; a result of the producer that nobody else wants is none.
        auto clean = linalg::deduplicateOperandsAndRemoveDeadResults(rewriter, op, /*removeOutputs=*/true);
        if (succeeded(clean))
          op = *clean;
        if (isOpTriviallyDead(producer))
          rewriter.eraseOp(producer);
        changed = true;
        break;
      }
    }
  }
  return success();
}

LogicalResult plan::simplifyForPlanning(func::FuncOp function) {
  if (failed(inlineCalls(function)))
    return failure();
  function.walk([](StopGradientOp op) {
    op.replaceAllUsesWith(op.getInput());
    op.erase();
  });
  // Kernels see their operands and constants, nothing else.
  Block &block = function.getBody().front();
  WalkResult closed = block.walk([&](Operation *op) {
    if (op->getBlock() == &block || op->hasTrait<OpTrait::IsIsolatedFromAbove>())
      return WalkResult::advance();
    for (Value v : op->getOperands())
      if (v.getParentBlock() == &block && !v.getDefiningOp<arith::ConstantOp>()) {
        InFlightDiagnostic d = op->emitOpError("can't be planned: it reads a value from outside of the body it is in");
        d.attachNote(v.getLoc()) << "expected a constant, or an operand of the op that has the body";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  if (closed.wasInterrupted())
    return failure();
  IRRewriter rewriter(function.getContext());
  // A fill with a value of the run is an elementwise op like any other.
  for (auto fill : llvm::make_early_inc_range(block.getOps<linalg::FillOp>()))
    if (!fill.getInputs()[0].getDefiningOp<arith::ConstantOp>()) {
      rewriter.setInsertionPoint(fill);
      if (failed(linalg::generalizeNamedOp(rewriter, fill)))
        return fill.emitOpError("can't be generalised");
    }
  if (failed(scalarsToTensors(function)))
    return failure();
  const Patterns &patterns = Patterns::get(function.getContext());
  // The function is one block of structured ops: there are no regions to simplify, and CSE comes by itself below.
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled).enableConstantCSE(false);
  DominanceInfo dominance(function);
  // Fills stay: they say where a reduction starts.
  for (auto op : llvm::make_early_inc_range(function.getBody().front().getOps<linalg::LinalgOp>()))
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation())) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return op.emitOpError("can't be generalised");
    }
  if (failed(applyPatternsGreedily(function, patterns.cleanup, config)))
    return function.emitOpError("could not be simplified");
  // The conversion to linalg takes operands as destinations; what is never read must not count as a use.
  function.walk([&](linalg::GenericOp op) {
    for (OpOperand &init : op.getDpsInitsMutable()) {
      auto type = dyn_cast<RankedTensorType>(init.get().getType());
      if (!type || !type.hasStaticShape() || init.get().getDefiningOp<tensor::EmptyOp>() ||
          !op.getMatchingBlockArgument(&init).use_empty())
        continue;
      rewriter.setInsertionPoint(op);
      init.set(tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), type.getElementType()));
    }
  });
  eliminateCommonSubExpressions(rewriter, dominance, function);
  // First chains of elementwise ops, so that what stands behind a contraction is one op before anyone decides whether to
  // compute it twice.
  if (failed(fuse(function, rewriter, isChain)) || failed(fuse(function, rewriter, shouldFuse)))
    return function.emitOpError("could not be fused");
  eliminateCommonSubExpressions(rewriter, dominance, function);
  return success();
}
