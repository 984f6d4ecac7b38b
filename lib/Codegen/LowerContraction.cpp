//===- LowerContraction.cpp - Matrix products with an epilogue --------------===//
//
// A panel of 2 vectors of columns is the outermost loop; inside, 8 rows at a time (6 where registers are few), the
// accumulators live in registers through the loop over k, and the epilogue works on them before the one store. The last
// block of rows overlaps the one before instead of having code of its own, where that is sound: recomputing a row must
// not read what was stored. Rows that no block covers go one by one. The sum over k is in order, so the result of an
// element does not depend on which tile computed it.
//
//===----------------------------------------------------------------------===//
#include "KernelSpace.h"
#include "VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace selfopt::codegen {
namespace {

class ContractionLowering {
public:
  ContractionLowering(OpBuilder &b, KernelForm &form, const ContractionForm &shape, unsigned lanes)
      : b(b), form(form), shape(shape), op(form.main), loc(op.getLoc()), lanes(lanes), tileRows(lanes == 16 ? 8 : 6),
        ks(buildSpace(b, form, /*collapse=*/false)), main(b, op, ks.space, ks.mainDims, ks.mainAccesses) {
    ks.space.vectorDim = shape.n;
    if (!form.epilogue)
      return;
    epilogue.emplace(b, form.epilogue, ks.space, ks.epilogueDims, ks.epilogueAccesses);
    for (OpOperand &operand : form.epilogue->getOpOperands()) {
      bool isLocal = form.locals.contains(operand.get());
      BlockArgument arg = form.epilogue.getMatchingBlockArgument(&operand);
      if (isLocal)
        accumulatorArg = arg;
      if (isLocal || form.epilogue.isDpsInit(&operand))
        epilogue->setDims(arg, kBound | DimSet(1) << shape.m | DimSet(1) << shape.n);
    }
  }

  void run() {
    if (epilogue)
      epilogue->evaluate(top);
    Value m = size(shape.m), n = size(shape.n), zero = constant(0);
    blocksEnd = coveredRows(m);
    emitFor(b, zero, n, kVectors * lanes, {}, [&](Value j, ArrayRef<Value>) -> Accumulators {
      Value rest = subIndex(b, n, j), one = constant(lanes);
      Value narrow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, rest, one);
      auto choose = scf::IfOp::create(b, loc, narrow, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choose.thenBlock());
      panel(j, rest, 1);
      b.setInsertionPointToStart(choose.elseBlock());
      panel(j, rest, kVectors);
      return {};
    });
  }

private:
  Value constant(int64_t v) { return indexConstant(b, loc, v); }
  Value size(unsigned dim) { return ks.space.sizes[dim]; }

  /// The rows [0, end) that blocks of tileRows compute.
  Value coveredRows(Value m) {
    Value rows = constant(tileRows);
    Value rest = arith::RemUIOp::create(b, loc, m, rows);
    Value whole = subIndex(b, m, rest);
    Value enough = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, m, rows);
    Value separate = outputsAreNotRead();
    if (!separate)
      return whole;
    Value overlap = arith::AndIOp::create(b, loc, enough, separate);
    return arith::SelectOp::create(b, loc, overlap, m, whole);
  }

  /// Whether computing a row twice is harmless: false (null) if an output is also read, else a run-time comparison of
  /// the base addresses, since two arguments may be one buffer.
  Value outputsAreNotRead() {
    linalg::GenericOp last = form.epilogue ? form.epilogue : form.main;
    Value separate = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
    unsigned inputs = last.getNumDpsInputs();
    for (unsigned i = 0; i < last.getNumDpsInits(); ++i)
      if (form.epilogue ? !last.getBody()->getArgument(inputs + i).use_empty()
                        : !form.fills.contains(last.getOutputs()[i]))
        return {};
    if (!form.epilogue)
      return separate;
    for (unsigned i = 0; i < inputs; ++i) {
      Value in = last.getInputs()[i];
      if (!epilogue->accesses()[i].flat || last.getBody()->getArgument(i).use_empty())
        continue;
      Value inAddress = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, in);
      for (Value out : last.getOutputs()) {
        Value outAddress = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, out);
        Value differ = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, inAddress, outAddress);
        separate = arith::AndIOp::create(b, loc, separate, differ);
      }
    }
    return separate;
  }

  void panel(Value j, Value rest, unsigned vectors) {
    SmallVector<Scope> columns;
    for (unsigned v = 0; v < vectors; ++v) {
      Value at = j, mask;
      if (v > 0) {
        Value offset = constant(v * lanes);
        at = addIndex(b, j, offset);
        Value left = subIndex(b, rest, offset);
        mask = maskBelow(b, left, lanes);
      } else if (vectors == 1) {
        mask = maskBelow(b, rest, lanes); // the first of two vectors is always whole
      }
      columns.push_back(Scope(top, shape.n, at, lanes, mask));
      if (epilogue)
        epilogue->evaluate(columns.back());
    }
    Value m = size(shape.m), rows = constant(tileRows);
    Value lastBlock = subIndex(b, m, rows);
    emitFor(b, constant(0), blocksEnd, tileRows, {}, [&](Value i, ArrayRef<Value>) -> Accumulators {
      Value start = minIndex(b, i, lastBlock);
      tile(start, tileRows, columns);
      return {};
    });
    emitFor(b, blocksEnd, m, 1, {}, [&](Value i, ArrayRef<Value>) -> Accumulators {
      tile(i, 1, columns);
      return {};
    });
  }

  /// Flat position of (outer, inner) in an operand; the parts that do not change with k are emitted before the k loop.
  Value strided(Value index, const Access &access, unsigned dim) {
    Value stride = access.strides[access.dims[0] == dim ? 0 : 1];
    return stride ? mulIndex(b, index, stride) : index;
  }

  Value loadVector(const Access &access, Value at, Value mask) {
    auto type = cast<VectorType>(widen(b.getF32Type(), lanes));
    if (!mask)
      return vector::LoadOp::create(b, loc, type, access.flat, at);
    Value zero = zeroOf(b, loc, type);
    return vector::MaskedLoadOp::create(b, loc, type, access.flat, at, mask, zero);
  }

  void tile(Value start, unsigned numRows, ArrayRef<Scope> columns) {
    unsigned vectors = columns.size();
    const Access &a = ks.mainAccesses[shape.a], &bAccess = ks.mainAccesses[shape.b];
    SmallVector<Scope> rows;
    SmallVector<Value> rowStarts;
    for (unsigned r = 0; r < numRows; ++r) {
      Value offset = constant(r);
      Value i = r == 0 ? start : addIndex(b, start, offset);
      rows.push_back(Scope(top, shape.m, i, 1, {}));
      if (epilogue)
        epilogue->evaluate(rows.back());
      rowStarts.push_back(strided(i, a, shape.m));
    }
    Accumulators init;
    for (unsigned r = 0; r < numRows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        init.push_back(initial(rows[r], columns[v]));

    Accumulators sums = emitFor(b, constant(0), size(shape.k), 1, init, [&](Value k, ArrayRef<Value> in) {
      Value bRow = strided(k, bAccess, shape.k), aColumn = strided(k, a, shape.k);
      SmallVector<Value> bs;
      for (const Scope &column : columns) {
        Value at = addIndex(b, bRow, column.index(shape.n));
        bs.push_back(loadVector(bAccess, at, column.mask));
      }
      Accumulators out;
      for (unsigned r = 0; r < numRows; ++r) {
        Value at = addIndex(b, rowStarts[r], aColumn);
        Value scalar = memref::LoadOp::create(b, loc, a.flat, at);
        Value wide = splat(b, scalar, lanes);
        for (unsigned v = 0; v < vectors; ++v)
          out.push_back(vector::FMAOp::create(b, loc, wide, bs[v], in[r * vectors + v]));
      }
      return out;
    });

    for (unsigned r = 0; r < numRows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        finish(rows[r], columns[v], sums[r * vectors + v]);
  }

  Value initial(const Scope &row, const Scope &column) {
    if (Value fill = form.fills.lookup(op.getDpsInits()[0]))
      return splat(b, fill, lanes);
    Scope cell(row, column);
    return main.loadOutput(cell, 0);
  }

  void finish(const Scope &row, const Scope &column, Value sum) {
    Scope cell(row, column);
    if (!epilogue) {
      main.store(cell, 0, sum);
      return;
    }
    cell.dims = ~DimSet(0);
    cell.values[accumulatorArg] = sum;
    unsigned inputs = form.epilogue.getNumDpsInputs();
    for (unsigned i = 0; i < form.epilogue.getNumDpsInits(); ++i) {
      BlockArgument arg = form.epilogue.getBody()->getArgument(inputs + i);
      if (!arg.use_empty())
        cell.values[arg] = epilogue->loadOutput(cell, i);
    }
    epilogue->evaluate(cell);
    SmallVector<Value> results;
    for (Value v : cast<linalg::YieldOp>(form.epilogue.getBody()->getTerminator()).getValues())
      results.push_back(epilogue->wide(cell, v));
    for (auto [i, v] : llvm::enumerate(results))
      epilogue->store(cell, i, v);
  }

  /// Not a dimension: marks values that only the scope of a finished accumulator has.
  static constexpr DimSet kBound = DimSet(1) << 31;
  static constexpr unsigned kVectors = 2;

  OpBuilder &b;
  KernelForm &form;
  ContractionForm shape;
  linalg::GenericOp op;
  Location loc;
  unsigned lanes;
  /// 8 x 2 accumulators need the 32 registers of AVX-512; with 16, 6 x 2 leave room for the operands.
  unsigned tileRows;
  KernelSpace ks;
  BodyEmitter main;
  std::optional<BodyEmitter> epilogue;
  BlockArgument accumulatorArg;
  Scope top;
  Value blocksEnd;
};

} // namespace

void lowerContraction(OpBuilder &b, KernelForm &form, const ContractionForm &contraction, unsigned lanes) {
  ContractionLowering(b, form, contraction, lanes).run();
}

} // namespace selfopt::codegen
