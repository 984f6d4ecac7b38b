//===- selfopt-tblgen.cpp - From derivative rules to C++ -------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// -gen-pullbacks: one external model of PullbackOpInterface per `Pullback` record, and one registration function per
// dialect, `register<Dialect>Pullbacks`.
//
//===----------------------------------------------------------------------===//

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/TableGen/Error.h"
#include "llvm/TableGen/Main.h"
#include "llvm/TableGen/Record.h"
#include "llvm/TableGen/TableGenBackend.h"

using namespace llvm;

namespace {
/// Emits the C++ of one rule; every created op is a statement of its own, so that the order of ops is fixed.
class RuleEmitter {
public:
  RuleEmitter(const Record &rule, raw_ostream &os) : rule(rule), os(os) {}

  void emit() {
    const DagInit *names = rule.getValueAsDag("names");
    StringRef name = rule.getValueAsString("op"), dialect = rule.getValueAsString("dialect");
    os << "struct " << name << "Pullback : public ::selfopt::PullbackOpInterface::ExternalModel<" << name
       << "Pullback, ::mlir::" << dialect << "::" << name << "> {\n"
       << "  ::llvm::LogicalResult pullback(::mlir::Operation *op, ::mlir::OpBuilder &b, ::mlir::ValueRange cts,\n"
       << "      ::llvm::SmallVectorImpl<::mlir::Value> &out) const {\n"
       << "    ::mlir::Location loc = op->getLoc();\n    ::mlir::Value ct = cts[0], res = op->getResult(0);\n"
       << "    (void)loc; (void)res;\n";
    SmallVector<const DagInit *> rules;
    for (const Init *init : rule.getValueAsListInit("cotangents")->getElements())
      rules.push_back(cast<DagInit>(init));
    if (rules.size() != names->getNumArgs())
      PrintFatalError(&rule, "expected one cotangent for each operand");
    os << "    if (!ct) { out.assign(" << rules.size() << ", ::mlir::Value()); return ::llvm::success(); }\n";
    for (unsigned i = 0; i < rules.size(); ++i)
      os << "    ::mlir::Value o_" << names->getArgNameStr(i) << " = op->getOperand(" << i << "); (void)o_"
         << names->getArgNameStr(i) << ";\n";
    for (const DagInit *d : rules) {
      std::string cotangent = value(d);
      os << "    out.push_back(" << cotangent << ");\n";
    }
    os << "    return ::llvm::success();\n  }\n};\n";
  }

private:
  std::string leaf(StringRef name) {
    if (name == "ct" || name == "res")
      return name.str();
    return ("o_" + name).str();
  }

  /// Emits what `d` needs and returns the expression that names its value.
  std::string value(const DagInit *d) {
    const Record *op = d->getOperatorAsDef(rule.getLoc());
    if (op->getName() == "none")
      return "::mlir::Value()";
    std::string result = "v" + std::to_string(count++);
    if (op->getName() == "constant") {
      os << "    ::mlir::Value " << result << " = ::selfopt::constantLike(b, loc, ct.getType(), "
         << cast<StringInit>(d->getArg(0))->getValue() << ");\n";
      return result;
    }
    SmallVector<std::string> arguments;
    for (unsigned i = 0; i < d->getNumArgs(); ++i)
      arguments.push_back(isa<DagInit>(d->getArg(i)) ? value(cast<DagInit>(d->getArg(i))) : leaf(d->getArgNameStr(i)));
    // An op of one argument where two are wanted is the identity: (addf $ct).
    if (op->getName() == "addf" && arguments.size() == 1)
      return arguments[0];
    std::string predicate = op->getValueAsString("predicate").str();
    if (!predicate.empty())
      predicate = "::mlir::arith::CmpFPredicate::" + predicate + ", ";
    os << "    ::mlir::Value " << result << " = " << op->getValueAsString("op") << "::create(b, loc, " << predicate
       << join(arguments, ", ") << ");\n";
    return result;
  }

  const Record &rule;
  raw_ostream &os;
  unsigned count = 0;
};
} // namespace

static bool emitPullbacks(raw_ostream &os, const RecordKeeper &records) {
  emitSourceFileHeader("Derivative rules", os);
  MapVector<StringRef, std::vector<StringRef>> dialects;
  os << "namespace {\n";
  for (const Record *rule : records.getAllDerivedDefinitions("Pullback")) {
    RuleEmitter(*rule, os).emit();
    dialects[rule->getValueAsString("dialect")].push_back(rule->getValueAsString("op"));
  }
  os << "} // namespace\n";
  for (auto &[dialect, ops] : dialects) {
    std::string name = convertToCamelFromSnakeCase(dialect, /*capitalizeFirst=*/true);
    os << "void selfopt::register" << name << "Pullbacks(::mlir::DialectRegistry &registry) {\n"
       << "  registry.addExtension(+[](::mlir::MLIRContext *context, ::mlir::" << dialect << "::" << name
       << "Dialect *) {\n";
    for (StringRef op : ops)
      os << "    ::mlir::" << dialect << "::" << op << "::attachInterface<" << op << "Pullback>(*context);\n";
    os << "  });\n}\n";
  }
  return false;
}

static cl::opt<bool> genPullbacks("gen-pullbacks", cl::desc("generate derivative rules"));

int main(int argc, char **argv) {
  InitLLVM y(argc, argv);
  cl::ParseCommandLineOptions(argc, argv);
  return TableGenMain(argv[0], [](raw_ostream &os, const RecordKeeper &records) { return emitPullbacks(os, records); });
}
