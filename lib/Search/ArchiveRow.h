//===- ArchiveRow.h - The columns of a candidate ------------------ -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_ARCHIVEROW_H
#define SELFOPT_LIB_SEARCH_ARCHIVEROW_H

#include "SelfOpt/Search/Archive.h"
#include "SelfOpt/Support/Digest.h"

struct sqlite3;

namespace selfopt {
class Statement;

namespace archive {

/// Raised with every change of the tables; an archive of another version is refused rather than misread.
/// docs/Archive.md says what each version holds.
inline constexpr int schemaVersion = 3;
/// The oldest version that is read as it is, and brought up to date when a search resumes.
inline constexpr int oldestVersion = 2;
extern const char schema[], columns[], insertion[];
/// What an archive of a version has of `columns`; NULL stands for the others.
std::string columnsOf(int version);
/// Makes the tables of the oldest version those of this one.
extern const char migration[];

/// SQLite stores NaN as NULL and -0.0 as the integer 0: what the chain covers has to be what comes back.
void canonicalise(std::optional<double> &value);
/// Every deterministic column, in the order of the table, lengths before texts. A donor comes last, and only where there
/// is one, so that rows of version 2 keep their digests.
void encode(Digester &digester, const CandidateRow &row);
/// chain(i), from chain(i - 1) and row i.
std::string link(llvm::StringRef previous, const CandidateRow &row);
/// The row at which a statement over `columns` stands.
llvm::Expected<CandidateRow> read(Statement &statement, llvm::StringRef path);
llvm::Error insert(sqlite3 *database, llvm::StringRef path, const CandidateRow &row);

} // namespace archive
} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_ARCHIVEROW_H
