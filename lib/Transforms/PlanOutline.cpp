//===- PlanOutline.cpp - S3: groups become kernels and launches ---------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outliner.h"
#include "SelfOpt/Codegen/KernelCompiler.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

MemRefType plan::dynamicType(MemRefType type, unsigned rank) {
  return MemRefType::get(SmallVector<int64_t>(rank, ShapedType::kDynamic), type.getElementType());
}

static MemRefType flatView(MemRefType type) { return MemRefType::get({type.getNumElements()}, type.getElementType()); }

static bool isZeroOrOne(TypedAttr attr) {
  if (auto f = dyn_cast<FloatAttr>(attr))
    return f.getValue().isZero() || f.getValue().isExactlyValue(1.0) || !f.getValue().isFinite();
  // -1 too, which needs one bit.
  return cast<IntegerAttr>(attr).getValue().getSignificantBits() <= 2;
}


int Planner::makeBuffer(Type type, const Twine &name, bool persistent) {
  Buffer buffer;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    buffer.type = MemRefType::get(tensor.getShape(), tensor.getElementType());
  else
    buffer.type = MemRefType::get({}, type);
  buffer.name = name.str();
  buffer.persistent = persistent;
  buffers.push_back(buffer);
  return buffers.size() - 1;
}

int64_t Buffer::bytes() const {
  int64_t width = type.getElementTypeBitWidth() < 8 ? 1 : type.getElementTypeBitWidth() / 8;
  return type.getNumElements() * width;
}

int Outliner::bufferOf(Value v) {
  auto [it, inserted] = bufferMap.try_emplace(v, -1);
  if (!inserted)
    return it->second;
  // A reshape is another view of the same bytes.
  if (auto def = v.getDefiningOp(); isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(def))
    return bufferMap[v] = bufferOf(def->getOperand(0));
  int buffer = planner.makeBuffer(v.getType(), "t" + Twine(planner.buffers.size()), false);
  if (auto constant = v.getDefiningOp<arith::ConstantOp>()) {
    auto elements = dyn_cast<ElementsAttr>(constant.getValue());
    if (!elements) // a scalar, behind a tensor.from_elements that is gone by now
      elements = DenseElementsAttr::get(RankedTensorType::get({}, v.getType()), Attribute(constant.getValue()));
    planner.buffers[buffer].literal = elements;
    planner.buffers[buffer].persistent = true;
  }
  return bufferMap[v] = buffer;
}

TypedAttr Outliner::splatOf(Value v) {
  if (auto fill = v.getDefiningOp<linalg::FillOp>()) {
    auto constant = fill.getInputs()[0].getDefiningOp<arith::ConstantOp>();
    return constant ? cast<TypedAttr>(constant.getValue()) : TypedAttr();
  }
  if (auto constant = v.getDefiningOp<arith::ConstantOp>())
    if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
      return cast<TypedAttr>(splat.getSplatValue<Attribute>());
  return {};
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void Outliner::begin() {
  kernel = Kernel();
  b.setInsertionPointToEnd(planner.kernelModule.getBody());
  kernel.function = func::FuncOp::create(b, b.getUnknownLoc(), "kernel", b.getFunctionType({}, {}));
  b.setInsertionPointToStart(kernel.function.addEntryBlock());
}

Value Outliner::addInput(Operand operand, Type argumentType) {
  kernel.launch.operands.push_back(operand);
  return kernel.function.getBody().front().addArgument(argumentType, b.getUnknownLoc());
}

Value Outliner::addBuffer(Value v, bool flat) {
  // The value's own shape: behind a reshape it is not the buffer's.
  int buffer = bufferOf(v);
  auto tensor = cast<RankedTensorType>(v.getType());
  MemRefType type = MemRefType::get(tensor.getShape(), tensor.getElementType());
  // Rank 0 stays: it is read at every element.
  bool collapse = flat && type.getRank() > 0;
  MemRefType view = collapse ? flatView(type) : type;
  return addInput({buffer, view, {}}, dynamicType(type, collapse ? 1 : type.getRank()));
}

Value Outliner::addConstant(TypedAttr value) { return addInput({-1, {}, value}, value.getType()); }

void Outliner::addOutput(int buffer, bool flat) {
  MemRefType type = planner.buffers[buffer].type;
  bool collapse = flat && type.getRank() > 0;
  kernel.outputs.push_back({buffer, collapse ? flatView(type) : type, {}});
  kernel.outputTypes.push_back(dynamicType(type, collapse ? 1 : type.getRank()));
}

void Outliner::collectConstants(Block &body, SmallVectorImpl<Operation *> &hoisted) {
  auto add = [&](arith::ConstantOp c) {
    if (c && c.getType().isIntOrFloat() && !isZeroOrOne(cast<TypedAttr>(c.getValue())) &&
        !llvm::is_contained(hoisted, c.getOperation()))
      hoisted.push_back(c);
  };
  for (Operation &op : body) {
    add(dyn_cast<arith::ConstantOp>(op));
    for (Value v : op.getOperands())
      if (v.getParentBlock() != &body)
        add(v.getDefiningOp<arith::ConstantOp>());
  }
}

linalg::GenericOp Outliner::buildGeneric(linalg::GenericOp like, ValueRange ins, ArrayRef<AffineMap> inMaps,
                                         ValueRange outs, ArrayRef<AffineMap> outMaps,
                                         ArrayRef<utils::IteratorType> iterators,
                                         ArrayRef<Operation *> hoisted, bool yieldFirstInput) {
  SmallVector<AffineMap> maps(inMaps);
  llvm::append_range(maps, outMaps);
  unsigned own = like.getNumDpsInputs();
  Block &body = *like.getBlock();
  return linalg::GenericOp::create(
      b, b.getUnknownLoc(), TypeRange{}, ins, outs, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange elements) {
        IRMapping map;
        for (unsigned i = 0; i < own; ++i)
          map.map(body.getArgument(i), elements[i]);
        for (size_t i = 0; i < hoisted.size(); ++i)
          map.map(hoisted[i]->getResult(0), elements[own + i]);
        for (unsigned i = 0; i < like.getNumDpsInits(); ++i)
          map.map(body.getArgument(own + i), elements[ins.size() + i]);
        for (Operation &op : body.without_terminator()) {
          if (isa<arith::ConstantOp>(op) && map.contains(op.getResult(0)))
            continue;
          // Constants from outside the body move in.
          for (Value v : op.getOperands())
            if (!map.contains(v) && v.getDefiningOp<arith::ConstantOp>() && v.getParentBlock() != &body)
              map.map(v, inner.clone(*v.getDefiningOp(), map)->getResult(0));
          inner.clone(op, map)->setLoc(loc);
        }
        SmallVector<Value> yields;
        for (Value v : body.getTerminator()->getOperands()) {
          if (!map.contains(v) && v.getDefiningOp<arith::ConstantOp>())
            map.map(v, inner.clone(*v.getDefiningOp())->getResult(0));
          yields.push_back(map.lookup(v));
        }
        if (yieldFirstInput)
          yields.push_back(elements[0]);
        linalg::YieldOp::create(inner, loc, yields);
      });
}

void Outliner::finish(bool flat) {
  // Arguments are in place by now; what remains is the name, which is the digest, and the launch.
  func::ReturnOp::create(b, b.getUnknownLoc());
  func::FuncOp f = kernel.function;
  f.setFunctionType(b.getFunctionType(f.getBody().front().getArgumentTypes(), {}));
  Launch &launch = kernel.launch;
  launch.outputs = kernel.outputs.size();
  launch.flat = flat;
  launch.operands.append(kernel.outputs.begin(), kernel.outputs.end());
  std::string digest = planner.digester.digest(f);
  auto [it, inserted] = planner.kernels.try_emplace(digest, f);
  if (inserted) {
    f.setSymName("k_" + digest.substr(0, 16));
    f->setAttr("plan.digest", b.getStringAttr(digest));
    f.setPrivate();
  } else {
    f.erase();
  }
  launch.kernel = it->second.getSymName().str();
  plan.launches.push_back(std::move(launch));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult Outliner::emitFill(Value v, TypedAttr value) {
  begin();
  Value constant = addConstant(value);
  addOutput(bufferOf(v), /*flat=*/true);
  bool scalar = cast<RankedTensorType>(v.getType()).getRank() == 0;
  Value out = kernel.function.getBody().front().addArgument(kernel.outputTypes[0], b.getUnknownLoc());
  unsigned loops = scalar ? 0 : 1;
  MLIRContext *context = b.getContext();
  SmallVector<AffineMap> maps{AffineMap::get(loops, 0, context), AffineMap::getMultiDimIdentityMap(loops, context)};
  SmallVector<utils::IteratorType> iterators(loops, utils::IteratorType::parallel);
  linalg::GenericOp::create(b, b.getUnknownLoc(), TypeRange{}, ValueRange{constant}, ValueRange{out}, maps, iterators,
                            [](OpBuilder &inner, Location loc, ValueRange e) {
                              linalg::YieldOp::create(inner, loc, e[0]);
                            });
  finish(/*flat=*/true);
  return success();
}

LogicalResult Outliner::emitGeneric(linalg::GenericOp op) {
  unsigned loops = op.getNumLoops();
  bool usesIndex = llvm::any_of(*op.getBlock(), [](Operation &o) { return isa<linalg::IndexOp>(o); });
  bool flat = loops > 0 && op.getNumParallelLoops() == loops && !usesIndex;
  for (AffineMap map : op.getIndexingMapsArray())
    flat &= map.isIdentity() || map.getNumResults() == 0;
  // A reduction that doesn't start at a constant starts at a copy of its start.
  SmallVector<TypedAttr> starts;
  for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
    TypedAttr start;
    Value init = op.getDpsInitOperand(i)->get();
    if (!op.getMatchingBlockArgument(op.getDpsInitOperand(i)).use_empty()) {
      start = splatOf(init);
      if (!start) {
        Launch copy;
        int from = bufferOf(init), to = bufferOf(op.getResult(i));
        copy.operands = {{from, planner.buffers[from].type, {}}, {to, planner.buffers[to].type, {}}};
        copy.outputs = 1;
        plan.launches.push_back(copy);
      }
    }
    starts.push_back(start);
  }
  begin();
  MLIRContext *context = b.getContext();
  unsigned newLoops = flat ? 1 : loops;
  auto mapOf = [&](AffineMap map) {
    if (!flat)
      return map;
    return map.getNumResults() == 0 ? AffineMap::get(1, 0, context) : AffineMap::getMultiDimIdentityMap(1, context);
  };
  SmallVector<Value> ins, outs;
  SmallVector<AffineMap> inMaps, outMaps;
  for (OpOperand *in : op.getDpsInputOperands()) {
    Value v = in->get();
    if (auto constant = v.getDefiningOp<arith::ConstantOp>(); constant && v.getType().isIntOrFloat())
      ins.push_back(addConstant(cast<TypedAttr>(constant.getValue())));
    else if (isa<RankedTensorType>(v.getType()))
      ins.push_back(addBuffer(v, flat));
    else
      return op.emitOpError("has an operand that is neither a tensor nor a constant");
    inMaps.push_back(mapOf(op.getMatchingIndexingMap(in)));
  }
  SmallVector<Operation *> hoisted;
  collectConstants(*op.getBlock(), hoisted);
  for (Operation *c : hoisted) {
    ins.push_back(addConstant(cast<TypedAttr>(cast<arith::ConstantOp>(c).getValue())));
    inMaps.push_back(AffineMap::get(newLoops, 0, context));
  }
  for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
    addOutput(bufferOf(op.getResult(i)), flat);
    outs.push_back(kernel.function.getBody().front().addArgument(kernel.outputTypes[i], b.getUnknownLoc()));
    outMaps.push_back(mapOf(op.getMatchingIndexingMap(op.getDpsInitOperand(i))));
    if (starts[i]) {
      Value start = arith::ConstantOp::create(b, b.getUnknownLoc(), starts[i]);
      linalg::FillOp::create(b, b.getUnknownLoc(), ValueRange{start}, ValueRange{outs.back()});
    }
  }
  SmallVector<utils::IteratorType> iterators =
      flat ? SmallVector<utils::IteratorType>{utils::IteratorType::parallel} : op.getIteratorTypesArray();
  buildGeneric(op, ins, inMaps, outs, outMaps, iterators, hoisted, false);
  finish(flat);
  return success();
}

void Outliner::emitRowCopy(Value source, Value target, RowCopy part) {
  int from = bufferOf(source), to = bufferOf(target);
  Launch copy;
  copy.operands = {{from, planner.buffers[from].type, {}}, {to, planner.buffers[to].type, {}}};
  copy.outputs = 1;
  copy.part = part;
  plan.launches.push_back(copy);
}

/// The elements of a shape in the dimensions [begin, end).
static int64_t product(ArrayRef<int64_t> shape, size_t begin, size_t end) {
  int64_t n = 1;
  for (int64_t size : shape.slice(begin, end - begin))
    n *= size;
  return n;
}

LogicalResult Outliner::emitConcat(tensor::ConcatOp op) {
  ArrayRef<int64_t> shape = op.getResultType().getShape();
  size_t dim = op.getDim();
  int64_t at = 0, whole = product(shape, dim, shape.size());
  for (Value input : op.getInputs()) {
    ArrayRef<int64_t> own = cast<RankedTensorType>(input.getType()).getShape();
    int64_t count = product(own, dim, own.size());
    emitRowCopy(input, op.getResult(), {product(shape, 0, dim), count, 0, count, at, whole});
    at += count;
  }
  return success();
}

LogicalResult Outliner::emitExtractSlice(tensor::ExtractSliceOp op) {
  ArrayRef<int64_t> whole = op.getSourceType().getShape(), own = op.getStaticSizes();
  std::optional<size_t> cut;
  bool rows = op.hasUnitStride() && !ShapedType::isDynamicShape(own) &&
              !ShapedType::isDynamicShape(op.getStaticOffsets());
  for (size_t d = 0; rows && d < whole.size(); ++d)
    if (own[d] != whole[d]) {
      rows &= !cut;
      cut = d;
    }
  if (!rows) {
    InFlightDiagnostic d = op.emitOpError("can't be planned");
    d.attachNote() << "expected a slice with static sizes and unit strides that cuts one dimension";
    return d;
  }
  size_t dim = cut.value_or(0);
  int64_t inner = product(whole, dim + (whole.empty() ? 0 : 1), whole.size());
  int64_t count = product(own, dim, own.size()), stride = product(whole, dim, whole.size());
  int64_t from = whole.empty() ? 0 : op.getStaticOffsets()[dim] * inner;
  emitRowCopy(op.getSource(), op.getResult(), {product(own, 0, dim), count, from, stride, 0, count});
  return success();
}

LogicalResult Outliner::emitOp(Operation &op) {
  if (done.contains(&op) || isa<tensor::EmptyOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op))
    return success();
  if (isa<arith::ConstantOp>(op) || isa<linalg::FillOp>(op)) {
    // Constants live in bodies; as a buffer they are needed only where a launch reads them whole.
    if (op.getNumResults() != 1 || !isa<RankedTensorType>(op.getResult(0).getType()))
      return success();
    bool read = llvm::any_of(op.getResult(0).getUses(), [](OpOperand &use) {
      auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
      return !isa<linalg::FillOp>(use.getOwner()) && (!generic || generic.isDpsInput(&use));
    });
    TypedAttr splat = splatOf(op.getResult(0));
    if (read && splat)
      return emitFill(op.getResult(0), splat);
    if (read && isa<linalg::FillOp>(op))
      return op.emitOpError("fills with a value that is not a constant");
    return success();
  }
  auto generic = dyn_cast<linalg::GenericOp>(op);
  bool slices = isa<tensor::ConcatOp, tensor::ExtractSliceOp>(op);
  if (!slices && (!generic || !generic.hasPureTensorSemantics())) {
    InFlightDiagnostic d = op.emitOpError("can't be planned");
    d.attachNote() << "expected elementwise arith and math, linalg on tensors, concatenations, slices and reshapes";
    return d;
  }
  for (Type type : op.getResultTypes())
    if (!cast<RankedTensorType>(type).hasStaticShape())
      return op.emitOpError("can't be planned: its shape is dynamic, found ") << type;
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return emitConcat(concat);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return emitExtractSlice(slice);
  for (AffineMap map : generic.getIndexingMapsArray())
    if (!map.isProjectedPermutation())
      return op.emitOpError("can't be planned: expected projected permutations as indexing maps, found ")
             << AffineMapAttr::get(map);
  if (isMatrixProduct(generic)) {
    // With an epilogue the launch happens where the epilogue stands: its other operands exist there.
    if (linalg::GenericOp epilogue = findEpilogue(generic); epilogue && epilogue->getPrevNode() != generic) {
      bool movable = true;
      for (Operation *o = generic->getNextNode(); o != epilogue; o = o->getNextNode()) {
        movable &= llvm::none_of(o->getOperands(), [&](Value v) { return v == generic.getResult(0); });
        // Of two products that meet in one op, the later one takes it: the other stands in memory by then.
        auto later = dyn_cast<linalg::GenericOp>(o);
        if (later && isMatrixProduct(later) && findEpilogue(later) == epilogue) {
          plain.insert(generic);
          return emitContraction(generic);
        }
      }
      if (movable) {
        generic->moveBefore(epilogue);
        return success(); // reached again, in front of its epilogue
      }
    }
    return emitContraction(generic);
  }
  return emitGeneric(generic);
}

LogicalResult Outliner::run(func::FuncOp function, ArrayRef<int> given) {
  Block &block = function.getBody().front();
  for (auto [i, argument] : llvm::enumerate(block.getArguments())) {
    if (!isa<RankedTensorType>(argument.getType()) ||
        !cast<RankedTensorType>(argument.getType()).hasStaticShape())
      return function.emitOpError("can't be planned: expected arguments that are scalars or static tensors, found ")
             << argument.getType();
    int buffer = i < given.size() ? given[i] : -1;
    if (buffer < 0)
      buffer = planner.makeBuffer(argument.getType(), function.getSymName() + ".arg" + Twine(i), false);
    bufferMap[argument] = buffer;
    plan.arguments.push_back(buffer);
  }
  for (Operation *op = &block.front(), *next; op != block.getTerminator(); op = next) {
    next = op->getNextNode();
    if (failed(emitOp(*op)))
      return failure();
  }
  // A result that is an argument, or two results that are one value, still get bytes of their own.
  llvm::DenseSet<int> taken(plan.arguments.begin(), plan.arguments.end());
  for (Value v : block.getTerminator()->getOperands()) {
    int buffer = bufferOf(v);
    if (planner.buffers[buffer].literal || !taken.insert(buffer).second) {
      int own = planner.makeBuffer(v.getType(), "r" + Twine(planner.buffers.size()), false);
      Launch copy;
      copy.operands = {{buffer, planner.buffers[buffer].type, {}}, {own, planner.buffers[own].type, {}}};
      copy.outputs = 1;
      plan.launches.push_back(copy);
      buffer = own;
    }
    plan.results.push_back(buffer);
  }
  return success();
}

FailureOr<FunctionPlan> Planner::plan(func::FuncOp function, ArrayRef<int> arguments,
                                      ArrayRef<std::pair<unsigned, int>> bound) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitOpError("can't be planned: expected one block"), failure();
  if (failed(simplifyForPlanning(function)))
    return failure();
  FunctionPlan plan;
  if (failed(Outliner(*this, plan, function.getContext()).run(function, arguments)))
    return failure();
  // A result may be made where it belongs when nothing reads what stood there afterwards; the launch that makes it may
  // read it only element by element.
  for (auto [result, to] : bound) {
    int from = plan.results[result], producer = -1, lastTouch = -1;
    if (from == to)
      continue;
    for (auto [i, launch] : llvm::enumerate(plan.launches))
      for (auto [j, operand] : llvm::enumerate(launch.operands)) {
        // The first one: the parts of a concatenation are made one by one.
        if (producer < 0 && operand.buffer == from && j + launch.outputs >= launch.operands.size())
          producer = i;
        if (operand.buffer == to)
          lastTouch = i;
      }
    bool inPlace = producer >= 0 && !buffers[from].persistent && !llvm::is_contained(plan.arguments, from) &&
                   (lastTouch < producer || (lastTouch == producer && plan.launches[producer].flat));
    if (inPlace) {
      for (Launch &launch : plan.launches)
        for (Operand &operand : launch.operands)
          if (operand.buffer == from)
            operand.buffer = to;
    } else {
      Launch copy;
      copy.operands = {{from, buffers[from].type, {}}, {to, buffers[to].type, {}}};
      copy.outputs = 1;
      plan.launches.push_back(copy);
    }
    plan.results[result] = to;
  }
  coalesce(plan);
  return plan;
}
