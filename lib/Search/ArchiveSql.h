//===- ArchiveSql.h - A prepared statement ------------------------ -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_ARCHIVESQL_H
#define SELFOPT_LIB_SEARCH_ARCHIVESQL_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <sqlite3.h>
#include <string>
#include <utility>

namespace selfopt {

/// A prepared statement. `step` gives a row (true), the end (false) or an error.
class Statement {
public:
  Statement(sqlite3 *database, llvm::StringRef path, llvm::StringRef sql) : database(database), path(path) {
    code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;
  ~Statement() { sqlite3_finalize(statement); }

  Statement &bind(int64_t value) { return note(sqlite3_bind_int64(statement, ++bound, value)); }
  Statement &bind(double value) { return note(sqlite3_bind_double(statement, ++bound, value)); }
  Statement &bind(llvm::StringRef value) {
    // A null pointer would bind NULL.
    return note(sqlite3_bind_text64(statement, ++bound, value.empty() ? "" : value.data(), value.size(),
                                    SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  Statement &bindId(int64_t value) { return value < 0 ? note(sqlite3_bind_null(statement, ++bound)) : bind(value); }
  Statement &bind(const std::optional<double> &value) {
    return value ? bind(*value) : note(sqlite3_bind_null(statement, ++bound));
  }

  llvm::Expected<bool> step() {
    if (code == SQLITE_OK) {
      code = sqlite3_step(statement);
      if (code == SQLITE_ROW || code == SQLITE_DONE)
        return std::exchange(code, SQLITE_OK) == SQLITE_ROW;
    }
    return llvm::createStringError(path + ": " + sqlite3_errmsg(database));
  }

  int64_t integer(int column) const { return sqlite3_column_int64(statement, column); }
  double real(int column) const { return sqlite3_column_double(statement, column); }
  bool null(int column) const { return sqlite3_column_type(statement, column) == SQLITE_NULL; }
  std::string text(int column) const {
    const auto *data = reinterpret_cast<const char *>(sqlite3_column_text(statement, column));
    return data ? std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement, column))) : std::string();
  }

private:
  Statement &note(int result) {
    if (code == SQLITE_OK)
      code = result;
    return *this;
  }

  sqlite3 *database;
  std::string path;
  sqlite3_stmt *statement = nullptr;
  int code = SQLITE_OK;
  int bound = 0;
};
} // namespace selfopt

#endif // SELFOPT_LIB_SEARCH_ARCHIVESQL_H
