//===- LinalgPullbacks.cpp - Derivative rules of linalg --------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One rule serves every structured op: for out[m(d)] += f(in_1[m_1(d)], ...) over the iteration space d, the cotangent of
// in_i is ct_i[m_i(d)] += (df/d in_i)(...) ct[m(d)] over the same space, where the dims that m_i doesn't name are
// summed. The scalar factor comes from the body's own ops through PullbackOpInterface, so a product of matrices, a bias,
// a row sum and any fused elementwise body are the same case.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace selfopt;

namespace {

/// How a result element depends on what its iterations compute.
enum class Fold { None, Sum, Max, Min };

struct Output {
  Fold fold = Fold::None;
  Value element;     ///< In the body: what is folded (or yielded).
  Operation *folder; ///< In the body: the op that folds, not part of the element.
};

/// Recognises `yield combine(out, element)`.
FailureOr<Output> classify(linalg::GenericOp op, unsigned index) {
  Block &body = *op.getBlock();
  Value yielded = body.getTerminator()->getOperand(index);
  BlockArgument out = body.getArgument(op.getNumDpsInputs() + index);
  Output result{Fold::None, yielded, nullptr};
  if (out.use_empty())
    return result;
  Operation *folder = yielded.getDefiningOp();
  if (!folder || !out.hasOneUse() || *out.user_begin() != folder || folder->getNumOperands() != 2 ||
      !yielded.hasOneUse())
    return failure();
  if (isa<arith::AddFOp>(folder))
    result.fold = Fold::Sum;
  else if (isa<arith::MaximumFOp, arith::MaxNumFOp>(folder))
    result.fold = Fold::Max;
  else if (isa<arith::MinimumFOp, arith::MinNumFOp>(folder))
    result.fold = Fold::Min;
  else
    return failure();
  result.element = folder->getOperand(folder->getOperand(0) == out ? 1 : 0);
  result.folder = folder;
  return result;
}

struct GenericPullback : PullbackOpInterface::ExternalModel<GenericPullback, linalg::GenericOp> {
  LogicalResult pullback(Operation *operation, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto op = cast<linalg::GenericOp>(operation);
    SmallVector<Output> outputs;
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
      auto output = classify(op, i);
      if (failed(output)) {
        InFlightDiagnostic d = op.emitOpError("has no derivative rule for its result ") << i;
        d.attachNote() << "expected a body that ignores the previous value, or adds to it, or takes a maximum or minimum";
        return d;
      }
      outputs.push_back(*output);
    }
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto ct = pullInput(op, b, cts, outputs, input);
      if (failed(ct))
        return failure();
      out.push_back(*ct);
    }
    // A sum hands its cotangent on to the value it starts from; the start of a maximum is taken as a constant.
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i)
      out.push_back(outputs[i].fold == Fold::Sum ? cts[i] : Value());
    return success();
  }

private:
  static FailureOr<Value> pullInput(linalg::GenericOp op, OpBuilder &b, ValueRange cts, ArrayRef<Output> outputs,
                                    OpOperand *input) {
    auto type = dyn_cast<RankedTensorType>(input->get().getType());
    Block &body = *op.getBlock();
    BlockArgument argument = body.getArgument(input->getOperandNumber());
    if (!isa<FloatType>(argument.getType()) || argument.use_empty())
      return Value();
    if (!type)
      return op.emitOpError("has a scalar operand; give it as a tensor of rank 0 to differentiate by it"), failure();
    if (!type.hasStaticShape())
      return op.emitOpError("has an operand of dynamic shape, which has no derivative rule"), failure();
    Location loc = op.getLoc();
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isProjectedPermutation())
      return op.emitOpError("has an indexing map without a derivative rule: expected a projected permutation, found ")
                 << AffineMapAttr::get(map),
             failure();

    // Which dims are summed over.
    SmallVector<utils::IteratorType> iterators(op.getNumLoops(), utils::IteratorType::reduction);
    for (AffineExpr e : map.getResults())
      iterators[cast<AffineDimExpr>(e).getPosition()] = utils::IteratorType::parallel;
    bool sums = llvm::is_contained(iterators, utils::IteratorType::reduction);

    // Reads: the op's own inputs, then for each result its cotangent and, for a maximum, the result itself.
    SmallVector<Value> ins(op.getDpsInputs());
    SmallVector<AffineMap> maps;
    for (OpOperand *in : op.getDpsInputOperands())
      maps.push_back(op.getMatchingIndexingMap(in));
    SmallVector<int> ctPosition(outputs.size(), -1), resultPosition(outputs.size(), -1);
    for (auto [i, output] : llvm::enumerate(outputs)) {
      if (!cts[i])
        continue;
      AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(i));
      ctPosition[i] = ins.size();
      ins.push_back(cts[i]);
      maps.push_back(outMap);
      if (output.fold == Fold::Max || output.fold == Fold::Min) {
        resultPosition[i] = ins.size();
        ins.push_back(op.getResult(i));
        maps.push_back(outMap);
      }
    }
    Value init = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
    if (sums) {
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
      init = linalg::FillOp::create(b, loc, ValueRange{zero}, ValueRange{init}).getResult(0);
    }
    maps.push_back(map);

    bool reached = true, failed = false;
    auto build = [&](OpBuilder &inner, Location, ValueRange elements) {
      IRMapping mapping;
      for (unsigned i = 0; i < op.getNumDpsInputs(); ++i)
        mapping.map(body.getArgument(i), elements[i]);
      llvm::DenseSet<Operation *> folders;
      for (const Output &output : outputs)
        folders.insert(output.folder);
      SmallVector<Operation *> clones;
      for (Operation &inside : body.without_terminator())
        if (!folders.contains(&inside))
          clones.push_back(inner.clone(inside, mapping));
      llvm::DenseSet<Value> active{elements[input->getOperandNumber()]};
      for (Operation *clone : clones)
        if (llvm::any_of(clone->getOperands(), [&](Value v) { return active.contains(v); }))
          for (Value r : clone->getResults())
            if (isa<FloatType>(r.getType()))
              active.insert(r);
      CotangentMap cotangents;
      for (auto [i, output] : llvm::enumerate(outputs)) {
        if (ctPosition[i] < 0)
          continue;
        Value element = mapping.lookupOrDefault(output.element), ct = elements[ctPosition[i]];
        if (resultPosition[i] >= 0) {
          // Every element that equals the extremum takes the cotangent.
          Value zero = constantLike(inner, loc, ct.getType(), 0);
          Value hit = arith::CmpFOp::create(inner, loc, arith::CmpFPredicate::OEQ, element,
                                            elements[resultPosition[i]]);
          ct = arith::SelectOp::create(inner, loc, hit, ct, zero);
        }
        cotangents.accumulate(inner, element, ct);
      }
      failed = mlir::failed(
          pullBlock(inner, clones, cotangents, [&](Value v) { return active.contains(v); }));
      Value ct = cotangents.lookup(elements[input->getOperandNumber()]);
      reached = bool(ct);
      if (!ct)
        ct = constantLike(inner, loc, type.getElementType(), 0);
      if (sums)
        ct = arith::AddFOp::create(inner, loc, elements.back(), ct);
      linalg::YieldOp::create(inner, loc, ct);
    };
    auto result = linalg::GenericOp::create(b, loc, TypeRange{type}, ins, ValueRange{init}, maps, iterators, build);
    if (failed)
      return failure();
    if (!reached) {
      result.erase();
      return Value();
    }
    return result.getResult(0);
  }
};

/// A fill passes the sum of its cotangent to the scalar; scalars that are constants take none.
struct FillPullback : PullbackOpInterface::ExternalModel<FillPullback, linalg::FillOp> {
  LogicalResult pullback(Operation *op, OpBuilder &, ValueRange, SmallVectorImpl<Value> &out) const {
    if (!op->getOperand(0).getDefiningOp<arith::ConstantOp>())
      return op->emitOpError("has no derivative rule for a value that is not a constant");
    out.assign(op->getNumOperands(), Value());
    return success();
  }
};

} // namespace

void selfopt::registerLinalgPullbacks(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    linalg::GenericOp::attachInterface<GenericPullback>(*context);
    linalg::FillOp::attachInterface<FillPullback>(*context);
  });
}
