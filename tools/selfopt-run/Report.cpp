//===- Report.cpp - selfopt-run report --------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"

using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand reportCommand("report", "writes a page about a search or a study");
} // namespace selfopt::run

bool run::writeReport(llvm::StringRef directory, llvm::StringRef source, unsigned seeds) { return false; }
int run::reportMain() { return done; }
