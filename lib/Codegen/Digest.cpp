//===- Digest.cpp - The content address of a kernel -------------------------===//
//
// The canonical text is an encoding of our own rather than the printed form: the printer computes names for all values
// first, which costs more than the rest. Every op is written as its name, its operands as numbers of values, its
// inherent attributes, its result types and its regions. Types and attributes are printed once and numbered.
//
//===----------------------------------------------------------------------===//
#include "SelfOpt/Codegen/KernelCompiler.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace selfopt::codegen {
namespace {

class Encoder {
public:
  Encoder(AsmState &state, llvm::DenseMap<const void *, std::string> &texts) : state(state), texts(texts) {}

  std::string encode(func::FuncOp func) {
    region(func.getBody());
    return std::move(text);
  }

private:
  void number(size_t n) {
    out << n;
    out << ' ';
  }

  template <typename T> void printed(T value, llvm::DenseMap<const void *, unsigned> &known, char tag) {
    auto [it, isNew] = known.try_emplace(value.getAsOpaquePointer(), known.size());
    out << tag;
    number(it->second);
    if (!isNew)
      return;
    std::string &print = texts[value.getAsOpaquePointer()];
    if (print.empty()) {
      llvm::raw_string_ostream os(print);
      value.print(os, state);
    }
    // The length in front makes the encoding unambiguous whatever the text holds.
    number(print.size());
    out << print;
  }
  void type(Type t) { printed(t, types, 't'); }
  void attribute(Attribute a) { printed(a, attributes, 'a'); }

  void value(Value v) { values.try_emplace(v.getAsOpaquePointer(), values.size()); }

  void operation(Operation &op) {
    out << op.getName().getStringRef() << '(';
    for (Value operand : op.getOperands()) {
      auto it = values.find(operand.getAsOpaquePointer());
      number(it == values.end() ? ~size_t(0) : it->second);
    }
    out << ')';
    for (StringAttr name : op.getName().getAttributeNames())
      if (std::optional<Attribute> attr = op.getInherentAttr(name); attr && *attr) {
        out << name.getValue() << '=';
        attribute(*attr);
      }
    // Ops of unregistered dialects keep everything in the dictionary.
    if (!op.isRegistered())
      attribute(op.getAttrDictionary());
    for (Value result : op.getResults()) {
      value(result);
      type(result.getType());
    }
    for (Block *successor : op.getSuccessors())
      number(blocks.try_emplace(successor, blocks.size()).first->second);
    for (Region &inner : op.getRegions())
      region(inner);
    out << '\n';
  }

  void region(Region &r) {
    out << '{';
    for (Block &block : r) {
      out << '^';
      number(blocks.try_emplace(&block, blocks.size()).first->second);
      for (BlockArgument arg : block.getArguments()) {
        value(arg);
        type(arg.getType());
      }
      for (Operation &op : block)
        operation(op);
    }
    out << '}';
  }

  AsmState &state;
  llvm::DenseMap<const void *, std::string> &texts;
  std::string text;
  llvm::raw_string_ostream out{text};
  llvm::DenseMap<const void *, unsigned> types, attributes, values, blocks;
};

} // namespace

std::string kernelDigest(func::FuncOp kernel) { return KernelDigester(kernel.getContext()).digest(kernel); }

std::string KernelDigester::digest(func::FuncOp kernel) {
  std::string text = Encoder(state, texts).encode(kernel);
  auto hash = llvm::BLAKE3::hash(ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::toHex(hash, /*LowerCase=*/true);
}

} // namespace selfopt::codegen
