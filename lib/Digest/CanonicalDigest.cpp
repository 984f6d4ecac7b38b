//===- CanonicalDigest.cpp - When are two specs the same? -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is pure, so it is the expression that it returns. Every value gets a digest of what computes it:
//
//   digest(argument i) = H(i, type)        digest(result of op) = H(name, attributes, types, digests of the operands)
//
// and a program is the digests of the values that it returns. Dead code, common code, the order of independent ops and
// names of values never enter. What is left is to fold, on a copy, and to sort commutative operands by their digests.
//
// An op that owns parameters is more than its expression: two dense layers of one input have two weights. Each takes
// its number among the layers into its digest, which is also what its initial values depend on. So does one that nothing
// reads: it is trained and counted, and the others draw their numbers behind it.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Digest/CanonicalDigest.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Support/Digest.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/BLAKE3.h"

using namespace mlir;
using namespace selfopt;

namespace {

using Hash = SymbolDigest;

/// Bytes from which IR can be told apart. Every variable part is preceded by its length.
class Encoder {
public:
  SmallVector<char, 1024> bytes;

  void add(uint64_t value) {
    for (int i = 0; i < 8; ++i)
      bytes.push_back(char(value >> (8 * i)));
  }
  void add(StringRef text) {
    add(uint64_t(text.size()));
    bytes.append(text.begin(), text.end());
  }
  void add(const Hash &hash) { bytes.append(hash.begin(), hash.end()); }
  void add(const APInt &value) {
    add(uint64_t(value.getBitWidth()));
    for (unsigned i = 0; i < value.getNumWords(); ++i)
      add(value.getRawData()[i]);
  }
  void add(Type type) { addPrinted(type); }
  void add(TypeRange types) {
    add(uint64_t(types.size()));
    for (Type type : types)
      add(type);
  }
  void add(Attribute attribute);
  /// As add(op->getAttrDictionary()), without making a dictionary of what is stored as properties. All but `except`.
  void addAttributes(Operation *op, Attribute except = {}) {
    SmallVector<NamedAttribute, 8> attributes = sortedAttributes(op);
    llvm::erase_if(attributes, [&](NamedAttribute a) { return except && a.getValue() == except; });
    addEntries(attributes);
  }

  Hash take() {
    Hash hash;
    auto digest =
        llvm::BLAKE3::hash<32>(ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
    std::copy(digest.begin(), digest.end(), hash.begin());
    bytes.clear();
    return hash;
  }

private:
  void addEntries(ArrayRef<NamedAttribute> entries) {
    bytes.push_back('{');
    add(uint64_t(entries.size()));
    for (NamedAttribute entry : entries) {
      add(entry.getName().getValue());
      add(entry.getValue());
    }
  }
  /// Printing is slow, and a spec has few different types.
  template <typename T> void addPrinted(T x) {
    std::string &text = printed[x.getAsOpaquePointer()];
    if (text.empty()) {
      llvm::raw_string_ostream os(text);
      x.print(os);
    }
    add(StringRef(text));
  }
  PrintedTypes &printed;

public:
  explicit Encoder(PrintedTypes &printed) : printed(printed) {}
};

void Encoder::add(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute)) {
    bytes.push_back('s');
    add(text.getValue());
  } else if (auto number = dyn_cast<FloatAttr>(attribute)) {
    bytes.push_back('f');
    add(number.getType());
    add(number.getValue().bitcastToAPInt());
  } else if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    bytes.push_back('i');
    add(number.getType());
    add(number.getValue());
  } else if (auto type = dyn_cast<TypeAttr>(attribute)) {
    bytes.push_back('t');
    add(type.getValue());
  } else if (auto symbol = dyn_cast<SymbolRefAttr>(attribute)) {
    bytes.push_back('@');
    add(uint64_t(symbol.getNestedReferences().size()));
    add(symbol.getRootReference().getValue());
    for (FlatSymbolRefAttr nested : symbol.getNestedReferences())
      add(nested.getValue());
  } else if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    bytes.push_back('[');
    add(uint64_t(array.size()));
    for (Attribute element : array)
      add(element);
  } else if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    addEntries(dictionary.getValue());
  } else if (auto array = dyn_cast<DenseArrayAttr>(attribute)) {
    bytes.push_back('a');
    add(array.getElementType());
    add(StringRef(array.getRawData().data(), array.getRawData().size()));
  } else if (auto elements = dyn_cast<DenseIntOrFPElementsAttr>(attribute)) {
    bytes.push_back('d');
    bytes.push_back(elements.isSplat());
    add(elements.getType());
    add(StringRef(elements.getRawData().data(), elements.getRawData().size()));
  } else {
    bytes.push_back('p');
    addPrinted(attribute);
  }
}

} // namespace

/// One pass is enough: the operands of an op are folded before it.
void selfopt::foldProgram(Block &block) {
  OpBuilder builder(block.getParentOp()->getContext());
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    if (!isCorrectlyRounded(&op) &&
        llvm::all_of(op.getOperands(), [](Value v) { return matchPattern(v, m_Constant()); }))
      continue;
    builder.setInsertionPoint(&op);
    SmallVector<Value, 2> results;
    // A fold in place may make another one possible; the bound is against folders that undo each other.
    for (int i = 0; i < 4 && results.empty(); ++i)
      if (failed(builder.tryFold(&op, results)))
        break;
    if (results.empty())
      continue;
    op.replaceAllUsesWith(results);
    op.erase();
  }
}

namespace {

class SpecDigest {
public:
  /// The digest of an op of the module's body.
  Hash symbol(Operation *op) {
    encoder.add(op->getName().getStringRef());
    encoder.addAttributes(op);
    if (!isExpression(op)) {
      regions(op);
      numbers.clear();
      return encoder.take();
    }
    Hash head = encoder.take();
    Operation *copy = cloneStructure(op);
    Block &block = copy->getRegion(0).front();
    foldProgram(block);
    for (Operation &dead : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&dead) && !draws(&dead))
        dead.erase();
    expression(block);
    encoder.bytes.push_back('e');
    encoder.add(head);
    for (Operation &unread : block.without_terminator())
      if (unread.use_empty())
        encoder.add(values[unread.getResult(0)]);
    encoder.add(TypeRange(block.getArgumentTypes()));
    for (Value v : block.getTerminator()->getOperands())
      encoder.add(values[v]);
    values.clear();
    copy->destroy();
    return encoder.take();
  }

private:
  /// Whether the op is a program that its returned values say everything about.
  static bool isExpression(Operation *op) {
    if (!isa<ProgramOpInterface>(op) || op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock() ||
        !op->getRegion(0).front().mightHaveTerminator())
      return false;
    return llvm::all_of(op->getRegion(0).front().without_terminator(),
                        [](Operation &o) { return o.getNumRegions() == 0 && isMemoryEffectFree(&o); });
  }

  /// Whether the op has numbers of its own: parameters, or the noise of a training.
  static bool draws(Operation *op) {
    SmallVector<ParameterSpec> parameters;
    if (auto layer = dyn_cast<LayerOpInterface>(op))
      layer.getParameters(parameters);
    return !parameters.empty() || isa<StochasticLayerOpInterface>(op);
  }

  void expression(Block &block) {
    for (BlockArgument argument : block.getArguments()) {
      encoder.add(uint64_t(argument.getArgNumber()));
      encoder.add(argument.getType());
      values[argument] = encoder.take();
    }
    uint64_t layers = 0;
    // Layers that share parameters: the name says nothing, the number of the first of them does.
    llvm::DenseMap<StringAttr, uint64_t> shared;
    SmallVector<Hash, 4> operands;
    for (Operation &op : block.without_terminator()) {
      operands.clear();
      for (Value operand : op.getOperands())
        operands.push_back(values[operand]);
      if (op.hasTrait<OpTrait::IsCommutative>())
        llvm::sort(operands);
      auto layer = dyn_cast<LayerOpInterface>(op);
      StringAttr name = layer ? layer.getSharedName() : StringAttr();
      encoder.add(op.getName().getStringRef());
      encoder.addAttributes(&op, name);
      encoder.add(TypeRange(op.getResultTypes()));
      encoder.add(uint64_t(operands.size()));
      for (const Hash &operand : operands)
        encoder.add(operand);
      if (layer) {
        SmallVector<ParameterSpec> parameters;
        layer.getParameters(parameters);
        auto [first, fresh] = name ? shared.try_emplace(name, layers) : std::make_pair(shared.end(), true);
        if (!parameters.empty())
          encoder.add(fresh ? layers++ : first->second);
      }
      Hash hash = encoder.take();
      for (OpResult result : op.getResults()) {
        if (op.getNumResults() > 1) {
          encoder.add(hash);
          encoder.add(uint64_t(result.getResultNumber()));
          values[result] = encoder.take();
        } else {
          values[result] = hash;
        }
      }
    }
  }

  uint64_t number(const void *x) { return numbers.try_emplace(x, numbers.size()).first->second; }

  /// Anything else (a policy, or what a later version adds): the ops as they stand, values and blocks numbered as they
  /// are met.
  void regions(Operation *op) {
    encoder.add(uint64_t(op->getNumRegions()));
    for (Region &region : op->getRegions()) {
      encoder.add(uint64_t(std::distance(region.begin(), region.end())));
      for (Block &block : region) {
        encoder.add(number(&block));
        encoder.add(TypeRange(block.getArgumentTypes()));
        for (BlockArgument argument : block.getArguments())
          encoder.add(number(argument.getAsOpaquePointer()));
        encoder.add(uint64_t(std::distance(block.begin(), block.end())));
        for (Operation &inner : block) {
          encoder.add(inner.getName().getStringRef());
          encoder.addAttributes(&inner);
          encoder.add(uint64_t(inner.getNumOperands()));
          for (Value operand : inner.getOperands())
            encoder.add(number(operand.getAsOpaquePointer()));
          encoder.add(TypeRange(inner.getResultTypes()));
          for (Value result : inner.getResults())
            encoder.add(number(result.getAsOpaquePointer()));
          encoder.add(uint64_t(inner.getNumSuccessors()));
          for (Block *successor : inner.getSuccessors())
            encoder.add(number(successor));
          regions(&inner);
        }
      }
    }
  }

  Encoder encoder;

public:
  explicit SpecDigest(PrintedTypes &printed) : encoder(printed) {}

private:
  llvm::DenseMap<Value, Hash> values;
  llvm::DenseMap<const void *, uint64_t> numbers;
};

} // namespace

std::string selfopt::canonicalDigest(ModuleOp spec, SymbolMemo memo, PrintedTypes *known) {
  PrintedTypes own, &printed = known ? *known : own;
  SpecDigest digest(printed);
  auto compute = [&](Operation *op) { return digest.symbol(op); };
  SmallVector<Hash> symbols;
  for (Operation &op : *spec.getBody())
    if (!isa<evolve::LineageOp>(op))
      symbols.push_back(memo ? memo(&op, compute) : compute(&op));
  // The name of a symbol is in its digest, so this is an order of names as good as any.
  llvm::sort(symbols);
  Encoder all(printed);
  all.add(StringRef("selfopt spec 1"));
  // A certificate names the digest, so the digest can't name the certificate.
  NamedAttrList attributes(spec->getDiscardableAttrDictionary());
  attributes.erase(safety::certificateAttr);
  all.add(Attribute(attributes.getDictionary(spec.getContext())));
  all.add(uint64_t(symbols.size()));
  for (const Hash &symbol : symbols)
    all.add(symbol);
  return digestHex(StringRef(all.bytes.data(), all.bytes.size()));
}
