//===- Certify.cpp - selfopt-run certify ------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Search/Search.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand certifyCommand("certify", "replays a candidate's lineage from the spec, checks the policy, and writes its "
                                         "certificate");
} // namespace selfopt::run

static cl::opt<std::string> startFile(cl::Positional, cl::desc("SPEC"), cl::Required, cl::sub(certifyCommand));
static cl::opt<std::string> candidateFile(cl::Positional, cl::desc("CANDIDATE"), cl::Required, cl::sub(certifyCommand));
static cl::opt<std::string> certificateFile("out", cl::desc("where it goes (default: beside the candidate, .cert)"),
                                            cl::value_desc("FILE"), cl::sub(certifyCommand));
static cl::opt<std::string> weightsFile("weights", cl::desc("the trained weights (safetensors), for what the policy "
                                                            "requires of them"),
                                        cl::value_desc("FILE"), cl::sub(certifyCommand));

int run::certifyMain() {
  auto fail = [](llvm::Error error) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return refused;
  };
  auto spec = loadSpec(startFile);
  if (!spec)
    return refused;
  auto text = readFile(candidateFile);
  if (!text)
    return fail(text.takeError());
  // Its data is where the spec's is.
  OwningOpRef<ModuleOp> candidate =
      parseSourceString<ModuleOp>(*text, ParserConfig(spec->context.get()), startFile);
  if (!candidate)
    return refused;
  std::optional<TrainedWeights> weights;
  if (!weightsFile.empty()) {
    auto read = TrainedWeights::read(weightsFile);
    if (!read)
      return fail(read.takeError());
    weights = std::move(*read);
  }
  auto certificate = certifyCandidate(*spec->module, *candidate, weights ? &*weights : nullptr);
  if (!certificate)
    return fail(certificate.takeError());
  auto printed = printCertificate(*certificate);
  if (!printed)
    return fail(printed.takeError());
  std::string digest = llvm::cantFail(digestOf(*certificate)); // it was printed
  SmallString<128> path(certificateFile);
  if (path.empty()) {
    path = candidateFile;
    llvm::sys::path::replace_extension(path, "cert");
  }
  if (auto error = writeFileAtomically(path, *printed))
    return fail(std::move(error));
  auto named = (*candidate)->getAttrOfType<StringAttr>(safety::certificateAttr);
  if (named && named.getValue() != digest)
    llvm::errs() << "warning: " << candidateFile << " names another certificate, " << named.getValue() << "\n";
  if (json)
    printJson(llvm::json::Object{{"event", "done"},
                                 {"certificate", digest},
                                 {"candidate", certificate->candidate},
                                 {"spec", certificate->spec},
                                 {"checks", int64_t(certificate->checks.size())},
                                 {"mutations", int64_t(certificate->lineage.size())}});
  else
    llvm::outs() << "certificate " << digest << " of candidate " << certificate->candidate << ": "
                 << certificate->checks.size() << " constraints, " << certificate->lineage.size() << " mutations; "
                 << path << "\n";
  return done;
}
