//===- Autodiff.cpp - Reverse mode over straight-line functions ----------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace selfopt;

void CotangentMap::accumulate(OpBuilder &b, Value v, Value cotangent) {
  Value &entry = map[v];
  entry = entry ? Value(arith::AddFOp::create(b, cotangent.getLoc(), entry, cotangent)) : cotangent;
}

LogicalResult selfopt::pullBlock(OpBuilder &b, ArrayRef<Operation *> ops, CotangentMap &cotangents,
                                 function_ref<bool(Value)> isActive) {
  SmallVector<Value> incoming, outgoing;
  for (Operation *op : llvm::reverse(ops)) {
    incoming.clear();
    for (Value result : op->getResults())
      incoming.push_back(cotangents.lookup(result));
    if (llvm::none_of(incoming, [](Value v) { return bool(v); }) || llvm::none_of(op->getOperands(), isActive))
      continue;
    if (isa<StopGradientOp>(op))
      continue;
    auto rule = dyn_cast<PullbackOpInterface>(op);
    if (!rule) {
      InFlightDiagnostic d = op->emitOpError("has no derivative rule");
      d.attachNote() << "expected an op that implements PullbackOpInterface, since its result reaches the value to be "
                        "differentiated";
      return d;
    }
    outgoing.clear();
    if (failed(rule.pullback(b, incoming, outgoing)))
      return failure();
    for (auto [operand, cotangent] : llvm::zip(op->getOperands(), outgoing))
      if (cotangent && isActive(operand))
        cotangents.accumulate(b, operand, cotangent);
  }
  return success();
}

/// No function on the way from `function` calls one that is on the way already.
static LogicalResult checkRecursion(func::FuncOp function, SmallVectorImpl<Operation *> &path,
                                    llvm::DenseSet<Operation *> &known) {
  if (known.contains(function))
    return success();
  path.push_back(function);
  WalkResult result = function.walk([&](func::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (!callee)
      return WalkResult::advance(); // said when it is inlined
    if (llvm::is_contained(path, callee.getOperation())) {
      call.emitOpError("is recursive");
      return WalkResult::interrupt();
    }
    return failed(checkRecursion(callee, path, known)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  path.pop_back();
  known.insert(function);
  return failure(result.wasInterrupted());
}

LogicalResult selfopt::inlineCalls(func::FuncOp function) {
  SmallVector<Operation *> path;
  llvm::DenseSet<Operation *> known;
  if (failed(checkRecursion(function, path, known)))
    return failure();
  while (true) {
    func::CallOp call;
    function.walk([&](func::CallOp c) {
      call = c;
      return WalkResult::interrupt();
    });
    if (!call)
      return success();
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock())
      return call.emitOpError("expects a callee with one block");
    OpBuilder b(call);
    IRMapping map;
    map.map(callee.getArguments(), call.getOperands());
    for (Operation &op : callee.getBody().front().without_terminator())
      b.clone(op, map);
    for (auto [result, value] : llvm::zip(call.getResults(), callee.getBody().front().getTerminator()->getOperands()))
      result.replaceAllUsesWith(map.lookupOrDefault(value));
    call.erase();
  }
}

static bool isFloat(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }

FailureOr<func::FuncOp> selfopt::buildGradientFunction(func::FuncOp function, unsigned count) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitOpError("expects one block to be differentiated"), failure();
  if (function.getNumResults() < 1 || !isa<FloatType>(getElementTypeOrSelf(function.getResultTypes()[0])) ||
      (isa<ShapedType>(function.getResultTypes()[0]) &&
       cast<ShapedType>(function.getResultTypes()[0]).getRank() != 0))
    return function.emitOpError("expects a first result that is one float, to be differentiated"), failure();
  for (Type type : function.getArgumentTypes().take_front(count))
    if (!isa<FloatType>(getElementTypeOrSelf(type)))
      return function.emitOpError("expects float operands to differentiate by, found ") << type, failure();

  OpBuilder b(function->getContext());
  b.setInsertionPointAfter(function);
  auto gradient = cast<func::FuncOp>(b.clone(*function));
  gradient.setSymName((function.getSymName() + ".gradient").str());
  if (failed(inlineCalls(gradient))) {
    gradient.erase();
    return failure();
  }
  Block &block = gradient.getBody().front();
  // One rule, for linalg.generic, serves all structured ops.
  IRRewriter rewriter(function->getContext());
  for (auto op : llvm::make_early_inc_range(block.getOps<linalg::LinalgOp>()))
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation())) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return op.emitOpError("can't be generalised"), failure();
    }

  // Active: depends on an operand that is differentiated by.
  llvm::DenseSet<Value> active;
  for (BlockArgument a : block.getArguments().take_front(count))
    active.insert(a);
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator()) {
    ops.push_back(&op);
    if (isa<StopGradientOp>(op) || llvm::none_of(op.getOperands(), [&](Value v) { return active.contains(v); }))
      continue;
    for (Value result : op.getResults())
      if (isFloat(result))
        active.insert(result);
  }
  Operation *terminator = block.getTerminator();
  b.setInsertionPoint(terminator);
  CotangentMap cotangents;
  Value output = terminator->getOperand(0);
  cotangents.accumulate(b, output, constantLike(b, terminator->getLoc(), output.getType(), 1.0));
  if (failed(pullBlock(b, ops, cotangents, [&](Value v) { return active.contains(v); })))
    return failure();
  SmallVector<Value> results(terminator->getOperands());
  SmallVector<Type> resultTypes(function.getResultTypes());
  for (BlockArgument a : block.getArguments().take_front(count)) {
    Value ct = cotangents.lookup(a);
    results.push_back(ct ? ct : constantLike(b, terminator->getLoc(), a.getType(), 0.0));
    resultTypes.push_back(a.getType());
  }
  terminator->setOperands(results);
  gradient.setFunctionType(b.getFunctionType(function.getArgumentTypes(), resultTypes));
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
  return gradient;
}
