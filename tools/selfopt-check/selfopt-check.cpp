//===- selfopt-check.cpp - The independent verdict ------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   selfopt-check SPEC CANDIDATE CERTIFICATE [--weights FILE] [--json]
//
// Exit status 0: the certificate holds. 1: it does not, with every reason on a line of stderr. 2: usage.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Reference/Register.h"
#include "SelfOpt/Safety/Certificate.h"
#include "SelfOpt/Safety/CostModels.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include <chrono>

using namespace mlir;
using namespace selfopt;
namespace cl = llvm::cl;

enum Status { yes = 0, no = 1, usage = 2 };

static cl::OptionCategory category("selfopt-check");
static cl::opt<std::string> specFile(cl::Positional, cl::desc("SPEC"), cl::Required, cl::cat(category));
static cl::opt<std::string> candidateFile(cl::Positional, cl::desc("CANDIDATE"), cl::Required, cl::cat(category));
static cl::opt<std::string> certificateFile(cl::Positional, cl::desc("CERTIFICATE"), cl::Required, cl::cat(category));
static cl::opt<std::string> weightsFile("weights", cl::desc("the trained weights (best.safetensors), for what the policy "
                                                            "requires of them"),
                                        cl::value_desc("FILE"), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("print the verdict as a line of JSON"), cl::cat(category));

namespace {

/// A spec of a file, verified; errors are reasons against it.
OwningOpRef<ModuleOp> readSpec(MLIRContext &context, StringRef file, std::vector<std::string> &reasons) {
  auto text = readFile(file);
  if (!text) {
    reasons.push_back(llvm::toString(text.takeError()));
    return {};
  }
  ScopedDiagnosticHandler collect(&context, [&](Diagnostic &d) {
    if (d.getSeverity() != DiagnosticSeverity::Error)
      return success();
    std::string line;
    llvm::raw_string_ostream(line) << file << ": " << d.getLocation() << ": " << d;
    reasons.push_back(std::move(line));
    return success();
  });
  // Files that a dataset names are beside the spec, also where the candidate lies elsewhere.
  return parseSourceString<ModuleOp>(*text, ParserConfig(&context), specFile);
}

/// All reasons against it; and where there are none, what the verdict rests on beside what was checked here.
std::vector<std::string> check(std::vector<std::string> &rests) {
  DialectRegistry registry;
  registry.insert<SelfOptDialect, nn::NNDialect, safety::SafetyDialect, evolve::EvolveDialect, arith::ArithDialect,
                  func::FuncDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  registerReferenceModels(registry); // the table of a task is what the interpreter computes
  registerRangeModels(registry);
  registerCostModels(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  std::vector<std::string> reasons;
  OwningOpRef<ModuleOp> spec = readSpec(context, specFile, reasons);
  OwningOpRef<ModuleOp> candidate = readSpec(context, candidateFile, reasons);
  // As it lies there: a compressed certificate is not the canonical form.
  auto certificate = readRawFile(certificateFile);
  if (!certificate)
    reasons.push_back(llvm::toString(certificate.takeError()));
  std::optional<TrainedWeights> weights;
  if (!weightsFile.empty()) {
    auto read = TrainedWeights::read(weightsFile);
    if (read)
      weights = std::move(*read);
    else
      reasons.push_back(llvm::toString(read.takeError()));
  }
  if (spec && candidate && certificate)
    llvm::append_range(reasons, checkCertificate(*spec, *candidate, *certificate, weights ? &*weights : nullptr));
  // What does not parse said why.
  if ((!spec || !candidate) && reasons.empty())
    reasons.push_back("spec or candidate: expected a spec that parses, found none");
  if (reasons.empty()) // so it was read
    for (const CertifiedCheck &c : llvm::cantFail(parseCertificate(*certificate)).checks)
      if (c.status != "proved")
        rests.push_back(c.status + ": " + c.constraint + " (" + c.detail + ")");
  return reasons;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  cl::HideUnrelatedOptions(category);
  std::string message;
  llvm::raw_string_ostream errors(message);
  if (!cl::ParseCommandLineOptions(argc, argv,
                                   "selfopt-check: whether a certificate holds for a spec and a candidate\n", &errors)) {
    llvm::errs() << errors.str();
    return usage;
  }
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::string> rests, reasons = check(rests);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const std::string &reason : reasons)
    llvm::errs() << reason << "\n";
  if (json)
    llvm::outs() << llvm::json::Value(llvm::json::Object{{"event", "done"},
                                                         {"holds", reasons.empty()},
                                                         {"seconds", seconds},
                                                         {"reasons", llvm::json::Array(reasons)},
                                                         {"rests_on", llvm::json::Array(rests)}})
                 << "\n";
  else {
    llvm::outs() << (reasons.empty() ? "yes" : "no") << llvm::formatv(" ({0:f2} s)\n", seconds);
    for (const std::string &line : rests)
      llvm::outs() << "rests on what was " << line << "\n";
  }
  return reasons.empty() ? yes : no;
}
