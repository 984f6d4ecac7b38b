//===- PlanContraction.cpp - S3: products of matrices, and what stands behind them --------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outliner.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

linalg::GenericOp Outliner::findEpilogue(linalg::GenericOp contraction) {
  if (plain.contains(contraction))
    return {};
  Operation *first = nullptr;
  for (Operation *user : contraction.getResult(0).getUsers())
    if (!first || user->isBeforeInBlock(first))
      first = user;
  auto epilogue = dyn_cast_or_null<linalg::GenericOp>(first);
  if (!epilogue || epilogue->getBlock() != contraction->getBlock() || epilogue.getNumLoops() != 2 ||
      epilogue.getNumParallelLoops() != 2 || done.contains(epilogue))
    return {};
  for (Operation &op : *epilogue.getBlock())
    if (isa<linalg::IndexOp>(op))
      return {};
  // Not the update rule: as a flat kernel of its own it runs over all parameters at once and in place, and an edit of it
  // compiles one small kernel.
  for (OpOperand *in : epilogue.getDpsInputOperands())
    if (isa<BlockArgument>(in->get()) && epilogue.getMatchingIndexingMap(in).getNumResults() == 2)
      return {};
  for (OpOperand &use : epilogue->getOpOperands())
    if (use.get() == contraction.getResult(0) &&
        (!epilogue.isDpsInput(&use) || !epilogue.getMatchingIndexingMap(&use).isIdentity()))
      return {};
  for (OpOperand &init : epilogue.getDpsInitsMutable())
    if (!epilogue.getMatchingIndexingMap(&init).isIdentity() ||
        !epilogue.getMatchingBlockArgument(&init).use_empty())
      return {};
  return epilogue;
}

/// A copy of a matrix with its dimensions exchanged.
Value Outliner::transposed(linalg::GenericOp op, Value operand) {
  OpBuilder ob(op);
  auto type = cast<RankedTensorType>(operand.getType());
  auto turned = RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)}, type.getElementType());
  Value empty = tensor::EmptyOp::create(ob, op.getLoc(), turned.getShape(), turned.getElementType());
  MLIRContext *context = b.getContext();
  SmallVector<AffineMap> maps{AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, context),
                              AffineMap::getMultiDimIdentityMap(2, context)};
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  auto copy = linalg::GenericOp::create(ob, op.getLoc(), TypeRange{turned}, ValueRange{operand}, ValueRange{empty}, maps,
                                        iterators, [](OpBuilder &inner, Location loc, ValueRange e) {
                                          linalg::YieldOp::create(inner, loc, e[0]);
                                        });
  done.insert(copy);
  if (failed(emitGeneric(copy)))
    return {};
  return copy.getResult(0);
}

LogicalResult Outliner::emitContraction(linalg::GenericOp op) {
  // Which operand is A[m, k] (strides are free) and which is B[k, n] (rows must be contiguous)?
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned n = outMap.getDimPosition(1), m = outMap.getDimPosition(0);
  OpOperand *a = op.getDpsInputOperand(0), *bb = op.getDpsInputOperand(1);
  if (op.getMatchingIndexingMap(a).isFunctionOfDim(n))
    std::swap(a, bb);
  AffineMap aMap = op.getMatchingIndexingMap(a), bMap = op.getMatchingIndexingMap(bb);
  unsigned k = 3 - n - m;
  Value bValue = bb->get();
  if (bMap.getDimPosition(0) == n) {
    bValue = transposed(op, bValue);
    if (!bValue)
      return failure();
    bMap = AffineMap::getMultiDimMapWithTargets(3, {k, n}, b.getContext());
  }
  linalg::GenericOp epilogue = findEpilogue(op);
  bool saved = true;
  if (epilogue) {
    saved = false;
    for (Operation *user : op.getResult(0).getUsers())
      saved |= user != epilogue;
  }
  begin();
  MLIRContext *context = b.getContext();
  Location loc = b.getUnknownLoc();
  SmallVector<Value> factors{addBuffer(a->get(), false), addBuffer(bValue, false)};
  SmallVector<Value> ins, outs;
  SmallVector<AffineMap> inMaps, outMaps;
  SmallVector<Operation *> hoisted;
  if (epilogue) {
    for (OpOperand *in : epilogue.getDpsInputOperands()) {
      inMaps.push_back(epilogue.getMatchingIndexingMap(in));
      Value v = in->get();
      if (v == op.getResult(0))
        ins.push_back({});
      else if (auto constant = v.getDefiningOp<arith::ConstantOp>(); constant && v.getType().isIntOrFloat())
        ins.push_back(addConstant(cast<TypedAttr>(constant.getValue())));
      else
        ins.push_back(addBuffer(v, false));
    }
    collectConstants(*epilogue.getBlock(), hoisted);
    for (Operation *c : hoisted) {
      ins.push_back(addConstant(cast<TypedAttr>(cast<arith::ConstantOp>(c).getValue())));
      inMaps.push_back(AffineMap::get(2, 0, context));
    }
    for (Value result : epilogue.getResults())
      addOutput(bufferOf(result), false);
  }
  if (saved)
    addOutput(bufferOf(op.getResult(0)), false);
  for (Type type : kernel.outputTypes)
    outs.push_back(kernel.function.getBody().front().addArgument(type, loc));
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value target = outs.back();
  if (epilogue) {
    // The accumulators: a local that the code generator keeps in registers.
    SmallVector<Value> sizes;
    for (int64_t d = 0; d < 2; ++d) {
      Value index = arith::ConstantIndexOp::create(b, loc, d);
      sizes.push_back(memref::DimOp::create(b, loc, outs[0], index));
    }
    target = memref::AllocaOp::create(b, loc, dynamicType(MemRefType::get({1, 1}, b.getF32Type()), 2), sizes);
  }
  linalg::FillOp::create(b, loc, ValueRange{zero}, ValueRange{target});
  SmallVector<AffineMap> maps{aMap, bMap, outMap};
  linalg::GenericOp::create(b, loc, TypeRange{}, factors, ValueRange{target}, maps, op.getIteratorTypesArray(),
                            [](OpBuilder &inner, Location l, ValueRange e) {
                              Value product = arith::MulFOp::create(inner, l, e[0], e[1]);
                              Value sum = arith::AddFOp::create(inner, l, e[2], product);
                              linalg::YieldOp::create(inner, l, sum);
                            });
  if (epilogue) {
    for (Value &in : ins)
      if (!in)
        in = target;
    outMaps.assign(outs.size(), AffineMap::getMultiDimIdentityMap(2, context));
    // The product itself is one more result where someone else reads it.
    unsigned product = llvm::find(ins, target) - ins.begin();
    SmallVector<AffineMap> all(inMaps);
    llvm::append_range(all, outMaps);
    unsigned own = epilogue.getNumDpsInputs();
    Block &body = *epilogue.getBlock();
    SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
    linalg::GenericOp::create(b, loc, TypeRange{}, ins, outs, all, iterators,
                              [&](OpBuilder &inner, Location l, ValueRange e) {
                                IRMapping map;
                                for (unsigned i = 0; i < own; ++i)
                                  map.map(body.getArgument(i), e[i]);
                                for (size_t i = 0; i < hoisted.size(); ++i)
                                  map.map(hoisted[i]->getResult(0), e[own + i]);
                                SmallVector<Value> yields;
                                for (Operation &o : body.without_terminator()) {
                                  if (isa<arith::ConstantOp>(o) && map.contains(o.getResult(0)))
                                    continue;
                                  for (Value v : o.getOperands())
                                    if (!map.contains(v) && v.getParentBlock() != &body)
                                      map.map(v, inner.clone(*v.getDefiningOp())->getResult(0));
                                  inner.clone(o, map)->setLoc(l);
                                }
                                for (Value v : body.getTerminator()->getOperands())
                                  yields.push_back(map.lookup(v));
                                if (saved)
                                  yields.push_back(e[product]);
                                linalg::YieldOp::create(inner, l, yields);
                              });
    done.insert(epilogue);
  }
  finish(/*flat=*/false);
  return success();
}

/// A product of two matrices: one reduction, two operands of rank 2, f32.
bool plan::isMatrixProduct(linalg::GenericOp op) {
  if (!linalg::isaContractionOpInterface(op) || op.getNumLoops() != 3 || op.getNumReductionLoops() != 1)
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type || type.getRank() != 2 || !type.getElementType().isF32() ||
        !op.getMatchingIndexingMap(&operand).isProjectedPermutation())
      return false;
  }
  auto zero = op.getDpsInitOperand(0)->get().getDefiningOp<linalg::FillOp>();
  return zero && matchPattern(zero.getInputs()[0], m_AnyZeroFloat());
}
