//===- LowerElementwise.cpp - Elementwise kernels and reductions ------------===//
//
// Loops, outermost first: parallel dimensions, the vector dimension if it is parallel, reduction dimensions, the vector
// dimension if it is a reduction. Accumulators live in registers; light reductions use four independent chains, since
// one chain of additions waits four cycles for each.
//
// Operands that are contiguous along another dimension than the vector's are gathered, except that elementwise kernels
// take whole squares of them through registers, which is several times faster.
//
//===----------------------------------------------------------------------===//
#include "KernelSpace.h"
#include "VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace selfopt::codegen {
namespace {

class ElementwiseLowering {
public:
  ElementwiseLowering(OpBuilder &b, KernelForm &form, unsigned lanes)
      : b(b), form(form), op(form.main), loc(op.getLoc()), ks(buildSpace(b, form, /*collapse=*/true)),
        main(b, op, ks.space, ks.mainDims, ks.mainAccesses) {
    if (form.epilogue)
      epilogue.emplace(b, form.epilogue, ks.space, ks.epilogueDims, ks.epilogueAccesses);
    collectOutputs();
    ks.space.vectorDim = chooseVectorDim(ks, op.getNumDpsInputs(), /*parallelOnly=*/!allRecognised);
    accLanes = ks.space.vectorDim ? lanes : 1;
    for (auto [dim, kind] : llvm::enumerate(ks.space.kinds))
      if (dim != ks.space.vectorDim)
        (kind == utils::IteratorType::parallel ? outer : reductions).push_back(dim);
    vectorIsReduction = ks.space.vectorDim && ks.space.kinds[*ks.space.vectorDim] == utils::IteratorType::reduction;
    if (vectorIsReduction)
      reductions.push_back(*ks.space.vectorDim);
    findTransposedInputs();
  }

  void run() {
    Scope top;
    parallel(0, top);
  }

private:
  struct Reduced {
    unsigned number;
    std::optional<Combiner> combiner;
  };

  BlockArgument outArg(unsigned number) { return op.getBody()->getArgument(op.getNumDpsInputs() + number); }

  void collectOutputs() {
    unsigned loops = ks.space.sizes.size();
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
      if (ks.mainAccesses[op.getNumDpsInputs() + i].dims.size() == loops) {
        stored.push_back(i);
        main.setDims(outArg(i), kBound | ks.space.all());
        continue;
      }
      std::optional<Combiner> combiner = matchCombiner(op, i);
      if (combiner) {
        main.skip(combiner->op);
      } else {
        allRecognised = false;
        main.setDims(outArg(i), kBound | ks.space.all());
      }
      reduced.push_back({i, combiner});
    }
    if (epilogue)
      for (OpOperand &operand : form.epilogue->getOpOperands())
        if (form.locals.contains(operand.get()) || form.epilogue.isDpsInit(&operand))
          epilogue->setDims(form.epilogue.getMatchingBlockArgument(&operand), kBound | parallelDims());
  }

  /// Inputs whose rows run along `squareDim`, a parallel dimension that becomes the innermost of the outer loops.
  void findTransposedInputs() {
    if (!ks.space.vectorDim || epilogue || !reduced.empty() || !reductions.empty())
      return;
    for (unsigned i = 0; i < op.getNumDpsInputs(); ++i) {
      const Access &access = ks.mainAccesses[i];
      BlockArgument arg = op.getBody()->getArgument(i);
      bool gathered = access.flat && !arg.use_empty() && (access.dimSet() >> *ks.space.vectorDim & 1) &&
                      !access.isContiguousIn(*ks.space.vectorDim);
      // A bool is narrower in memory than its lanes.
      if (!gathered || access.element.isInteger(1) || (squareDim && *squareDim != access.dims.back()))
        continue;
      squareDim = access.dims.back();
      transposed.push_back(i);
    }
    if (!squareDim)
      return;
    llvm::erase(outer, *squareDim);
    outer.push_back(*squareDim);
  }

  /// For whole blocks of squareDim: a square of each transposed input is loaded by rows and transposed, then the body
  /// runs once for each index of the block. Returns where the blocks end.
  Value squares(Scope &scope) {
    Value whole = roundDown(ks.space.sizes[*squareDim], accLanes);
    emitFor(b, zero(), whole, accLanes, {}, [&](Value block, ArrayRef<Value>) -> Accumulators {
      vectorLoop(*ks.space.vectorDim, {}, [&](Value index, Value mask, ArrayRef<Value>) -> Accumulators {
        SmallVector<SmallVector<Value>> columns;
        for (unsigned number : transposed) {
          columns.push_back(loadRows(scope, ks.mainAccesses[number], block, index));
          transposeSquare(b, columns.back());
        }
        for (unsigned q = 0; q < accLanes; ++q) {
          Value offset = indexConstant(b, loc, q);
          Value at = addIndex(b, block, offset);
          Scope line(scope, *squareDim, at, 1, {});
          main.evaluate(line);
          Scope inner(line, *ks.space.vectorDim, index, accLanes, mask);
          for (auto [number, values] : llvm::zip_equal(transposed, columns))
            inner.values[op.getBody()->getArgument(number)] = values[q];
          point(inner);
        }
        return {};
      });
      return {};
    });
    return whole;
  }

  /// Rows index, index + 1, ... of an input, from element `block` on. Rows past the end repeat the last one.
  SmallVector<Value> loadRows(Scope &scope, const Access &access, Value block, Value index) {
    Value size = ks.space.sizes[*ks.space.vectorDim], one = indexConstant(b, loc, 1), rowStride;
    Value last = subIndex(b, size, one), base = block;
    for (auto [dim, stride] : llvm::zip_equal(access.dims, access.strides)) {
      if (dim == ks.space.vectorDim) {
        rowStride = stride;
      } else if (dim != *squareDim) {
        Value term = mulIndex(b, scope.index(dim), stride);
        base = addIndex(b, base, term);
      }
    }
    auto type = cast<VectorType>(widen(access.element, accLanes));
    SmallVector<Value> rows;
    for (unsigned r = 0; r < accLanes; ++r) {
      Value offset = indexConstant(b, loc, r);
      Value row = minIndex(b, addIndex(b, index, offset), last);
      Value start = mulIndex(b, row, rowStride);
      Value at = addIndex(b, start, base);
      rows.push_back(vector::LoadOp::create(b, loc, type, access.flat, at));
    }
    return rows;
  }

  DimSet parallelDims() {
    DimSet set = 0;
    for (auto [dim, kind] : llvm::enumerate(ks.space.kinds))
      if (kind == utils::IteratorType::parallel)
        set |= DimSet(1) << dim;
    return set;
  }

  void evaluateBoth(Scope &scope) {
    main.evaluate(scope);
    if (epilogue)
      epilogue->evaluate(scope);
  }

  Value zero() { return indexConstant(b, loc, 0); }

  void parallel(unsigned level, Scope &scope) {
    evaluateBoth(scope);
    if (level < outer.size()) {
      Value low = zero();
      if (outer[level] == squareDim)
        low = squares(scope);
      emitFor(b, low, ks.space.sizes[outer[level]], 1, {}, [&](Value index, ArrayRef<Value>) -> Accumulators {
        Scope inner(scope, outer[level], index, 1, {});
        parallel(level + 1, inner);
        return {};
      });
    } else if (ks.space.vectorDim && !vectorIsReduction) {
      vectorLoop(*ks.space.vectorDim, {}, [&](Value index, Value mask, ArrayRef<Value>) -> Accumulators {
        Scope inner(scope, *ks.space.vectorDim, index, accLanes, mask);
        evaluateBoth(inner);
        point(inner);
        return {};
      });
    } else {
      point(scope);
    }
  }

  using VectorBody = llvm::function_ref<Accumulators(Value index, Value mask, ArrayRef<Value> carried)>;

  /// Walks the vector dimension in steps of accLanes. Masks are nearly free with 16 lanes (AVX-512) and slow without,
  /// so there whole vectors get a loop of their own.
  Accumulators vectorLoop(unsigned dim, ArrayRef<Value> carried, VectorBody body) {
    Value size = ks.space.sizes[dim], low = zero();
    Accumulators values(carried.begin(), carried.end());
    if (accLanes < 16) {
      Value whole = roundDown(size, accLanes);
      values = emitFor(b, low, whole, accLanes, values,
                       [&](Value index, ArrayRef<Value> in) { return body(index, Value(), in); });
      low = whole;
    }
    return maskedLoop(low, size, values, body);
  }

  Accumulators maskedLoop(Value low, Value size, ArrayRef<Value> carried, VectorBody body) {
    return emitFor(b, low, size, accLanes, carried, [&](Value index, ArrayRef<Value> in) {
      Value rest = subIndex(b, size, index);
      Value mask = maskBelow(b, rest, accLanes);
      return body(index, mask, in);
    });
  }

  Value roundDown(Value size, int64_t powerOfTwo) {
    Value bits = indexConstant(b, loc, -powerOfTwo);
    return arith::AndIOp::create(b, loc, size, bits);
  }

  /// All outputs for one point (or vector) of the parallel dimensions.
  void point(Scope &scope) {
    if (reduced.empty() && reductions.empty()) {
      innermost(scope, {});
      return;
    }
    Accumulators start;
    for (Reduced &r : reduced)
      start.push_back(r.combiner ? r.combiner->neutralValue(b, accLanes) : initial(scope, r.number));
    Accumulators sums = reduce(0, scope, start);
    // By here every dimension that the epilogue may name is known.
    Scope after;
    after.outer.push_back(&scope);
    after.dims = ~DimSet(0);
    after.lanes = scope.lanes;
    after.mask = scope.mask;
    for (auto [r, sum] : llvm::zip_equal(reduced, sums)) {
      if (r.combiner) {
        if (vectorIsReduction)
          sum = r.combiner->horizontal(b, sum);
        Value init = initial(after, r.number);
        sum = r.combiner->combine(b, init, sum);
      }
      if (!epilogue) {
        main.store(after, r.number, sum);
        continue;
      }
      for (OpOperand &operand : form.epilogue->getOpOperands())
        if (operand.get() == op.getDpsInits()[r.number])
          after.values[form.epilogue.getMatchingBlockArgument(&operand)] = sum;
    }
    if (epilogue)
      finish(after);
  }

  void finish(Scope &after) {
    unsigned inputs = form.epilogue.getNumDpsInputs();
    for (unsigned i = 0; i < form.epilogue.getNumDpsInits(); ++i) {
      BlockArgument arg = form.epilogue.getBody()->getArgument(inputs + i);
      if (!arg.use_empty())
        after.values[arg] = epilogue->loadOutput(after, i);
    }
    epilogue->evaluate(after);
    SmallVector<Value> results;
    for (Value v : cast<linalg::YieldOp>(form.epilogue.getBody()->getTerminator()).getValues())
      results.push_back(epilogue->wide(after, v));
    for (auto [i, v] : llvm::enumerate(results))
      epilogue->store(after, i, v);
  }

  /// The fill of an output, or what its memory holds.
  Value initial(Scope &scope, unsigned number) {
    if (Value fill = form.fills.lookup(op.getDpsInits()[number]))
      return splat(b, fill, scope.lanes);
    return main.loadOutput(scope, number);
  }

  Accumulators reduce(unsigned level, Scope &scope, ArrayRef<Value> carried) {
    if (level == reductions.size())
      return innermost(scope, carried);
    unsigned dim = reductions[level];
    bool isVector = ks.space.vectorDim == dim;
    auto body = [&](Value index, Value mask, ArrayRef<Value> in) {
      Scope inner =
          isVector ? Scope(scope, dim, index, accLanes, mask) : Scope(scope, dim, index, scope.lanes, scope.mask);
      main.evaluate(inner);
      return reduce(level + 1, inner, in);
    };
    bool chains = level + 1 == reductions.size() && allRecognised && !reduced.empty() && isLight();
    Value low = zero(), size = ks.space.sizes[dim];
    Accumulators values(carried.begin(), carried.end());
    if (chains) {
      unsigned step = isVector ? accLanes : 1;
      Value whole = roundDown(size, step * kChains);
      values = chainLoop(whole, step, values, body);
      low = whole;
    } else if (isVector) {
      return vectorLoop(dim, values, body);
    }
    if (isVector)
      return maskedLoop(low, size, values, body);
    return emitFor(b, low, size, 1, values, [&](Value index, ArrayRef<Value> in) { return body(index, Value(), in); });
  }

  /// kChains steps per iteration, each with accumulators of its own, combined pairwise afterwards.
  Accumulators chainLoop(Value high, unsigned step, ArrayRef<Value> carried, VectorBody body) {
    unsigned n = carried.size();
    Accumulators start(carried.begin(), carried.end());
    for (unsigned c = 1; c < kChains; ++c)
      for (Reduced &r : reduced)
        start.push_back(r.combiner->neutralValue(b, accLanes));
    Accumulators sums = emitFor(b, zero(), high, step * kChains, start, [&](Value index, ArrayRef<Value> in) {
      Accumulators out;
      for (unsigned c = 0; c < kChains; ++c) {
        Value offset = indexConstant(b, loc, c * step);
        Value at = c == 0 ? index : addIndex(b, index, offset);
        llvm::append_range(out, body(at, Value(), in.slice(c * n, n)));
      }
      return out;
    });
    for (unsigned half = kChains / 2; half >= 1; half /= 2)
      for (unsigned i = 0; i < half * n; ++i)
        sums[i] = reduced[i % n].combiner->combine(b, sums[i], sums[i + half * n]);
    sums.resize(n);
    return sums;
  }

  /// Worth several copies: few ops, none of which becomes a polynomial.
  bool isLight() {
    unsigned count = 0;
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (isa<math::MathDialect>(inner.getDialect()) && !isa<math::AbsFOp, math::FmaOp, math::SqrtOp>(inner))
        return false;
      ++count;
    }
    return count <= 6;
  }

  Accumulators innermost(Scope &scope, ArrayRef<Value> carried) {
    scope.dims |= kBound;
    for (unsigned number : stored)
      if (BlockArgument arg = outArg(number); !arg.use_empty())
        scope.values[arg] = initial(scope, number);
    for (auto [r, value] : llvm::zip_equal(reduced, carried))
      if (!r.combiner)
        scope.values[outArg(r.number)] = value;
    main.evaluate(scope);
    auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
    Accumulators next;
    for (auto [r, value] : llvm::zip_equal(reduced, carried)) {
      if (!r.combiner) {
        next.push_back(main.wide(scope, yield.getValues()[r.number]));
        continue;
      }
      Value x = main.wide(scope, r.combiner->expr);
      if (vectorIsReduction && scope.mask) {
        Value neutral = r.combiner->neutralValue(b, accLanes);
        x = arith::SelectOp::create(b, loc, scope.mask, x, neutral);
      }
      next.push_back(r.combiner->combine(b, value, x));
    }
    // All loads come before the first store: an output may be an input.
    SmallVector<Value> results;
    for (unsigned number : stored)
      results.push_back(main.wide(scope, yield.getValues()[number]));
    for (auto [number, v] : llvm::zip_equal(stored, results))
      main.store(scope, number, v);
    return next;
  }

  /// Not a dimension: marks the scope in which the running value of an output has been bound to its block argument, and
  /// keeps the ops that read it from being emitted before.
  static constexpr DimSet kBound = DimSet(1) << 31;
  static constexpr unsigned kChains = 4;

  OpBuilder &b;
  KernelForm &form;
  linalg::GenericOp op;
  Location loc;
  KernelSpace ks;
  BodyEmitter main;
  std::optional<BodyEmitter> epilogue;
  SmallVector<unsigned> stored, outer, reductions, transposed;
  std::optional<unsigned> squareDim;
  SmallVector<Reduced> reduced;
  bool allRecognised = true, vectorIsReduction = false;
  unsigned accLanes = 1;
};

} // namespace

void lowerElementwise(OpBuilder &b, KernelForm &form, unsigned lanes) { ElementwiseLowering(b, form, lanes).run(); }

} // namespace selfopt::codegen
