//===- Report.cpp - selfopt-run report --------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Report/ReportData.h"
#include "SelfOpt/Support/File.h"

using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand reportCommand("report", "writes a page (HTML) about a search or a study");
} // namespace selfopt::run

static cl::opt<std::string> reportDir(cl::Positional, cl::desc("DIR"), cl::Required, cl::sub(reportCommand));
static cl::opt<std::string> reportFile("out",
                                       cl::desc("where it goes (default: DIR/report.html; - for standard output)"),
                                       cl::value_desc("FILE"), cl::sub(reportCommand));
static cl::opt<bool> markdown("markdown", cl::desc("print a summary in Markdown instead"), cl::sub(reportCommand));
static cl::opt<unsigned>
    reportSeeds("seeds", cl::desc("train start and winner again on so many fresh seeds (default: what is kept)"),
                cl::init(0), cl::sub(reportCommand));

bool run::writeReport(llvm::StringRef directory, llvm::StringRef source, unsigned seeds) {
  auto context = makeContext();
  auto data = report::gatherReport(directory, *context, source, seeds);
  llvm::Error error =
      data ? writeFileAtomically((directory + "/report.html").str(), report::renderHtml(*data)) : data.takeError();
  if (!error)
    return true;
  llvm::errs() << "warning: no report.html: " << llvm::toString(std::move(error)) << "\n";
  return false;
}

int run::reportMain() {
  auto context = makeContext();
  auto data = report::gatherReport(reportDir, *context, sourceSpec, reportSeeds);
  if (!data) {
    llvm::errs() << "error: " << llvm::toString(data.takeError()) << "\n";
    return refused;
  }
  std::string text = markdown ? report::renderMarkdown(*data) : report::renderHtml(*data);
  std::string file = !reportFile.empty() ? reportFile.getValue() : markdown ? "-" : reportDir + "/report.html";
  if (file == "-") {
    llvm::outs() << text;
    return done;
  }
  if (auto error = writeFileAtomically(file, text)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return refused;
  }
  llvm::errs() << "the page: " << file << "\n";
  return done;
}
