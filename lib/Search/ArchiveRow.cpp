//===- ArchiveRow.cpp - The columns of a candidate ----------------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArchiveRow.h"
#include "ArchiveSql.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace selfopt;

const char archive::schema[] = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE candidate (
  id INTEGER PRIMARY KEY,       -- order of proposals, from 0
  digest TEXT NOT NULL,
  parent INTEGER,
  mutation TEXT NOT NULL,       -- the mutation ops that lead from the parent to it
  program TEXT NOT NULL,
  status TEXT NOT NULL,         -- evaluated, reused, rejected or failed
  reason TEXT NOT NULL,
  duplicate_of INTEGER,
  reused_by TEXT NOT NULL,      -- how the duplicate was found: digest or probe
  budget REAL NOT NULL,         -- the fraction of its epochs after which training paused
  continues INTEGER,            -- the candidate whose training it continues
  start_state TEXT NOT NULL,    -- digest of the state that training began from
  state TEXT NOT NULL,          -- digest of the state that it left
  plan TEXT NOT NULL,           -- digest of the complete planned program
  probe TEXT NOT NULL,          -- digest of what its first steps compute
  parameters INTEGER NOT NULL,
  flops_per_example INTEGER NOT NULL,
  train_flops INTEGER NOT NULL, -- spent on it and on what it continues
  memory INTEGER NOT NULL,      -- bytes
  seed INTEGER NOT NULL,        -- the bits of an unsigned number
  validation REAL,
  train_loss REAL,
  curve TEXT NOT NULL,          -- JSON: the mean loss of each epoch, first seed
  scores TEXT NOT NULL,         -- JSON
  verdicts TEXT NOT NULL,       -- JSON
  wall REAL NOT NULL,           -- seconds
  cpu REAL NOT NULL,            -- seconds
  worker INTEGER NOT NULL,
  chain TEXT NOT NULL,
  donor INTEGER                 -- the second parent of a crossover
);
CREATE INDEX candidate_digest ON candidate (digest);
CREATE INDEX candidate_probe ON candidate (probe) WHERE probe <> '';
)sql";

const char archive::columns[] =
    "id, digest, parent, mutation, program, status, reason, duplicate_of, reused_by, budget, continues, start_state, "
    "state, plan, probe, parameters, flops_per_example, train_flops, memory, seed, validation, train_loss, curve, "
    "scores, verdicts, wall, cpu, worker, chain, donor";
const char archive::insertion[] = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
const char archive::migration[] = "ALTER TABLE candidate ADD COLUMN donor INTEGER;";

std::string archive::columnsOf(int version) {
  llvm::StringRef all(columns);
  return version == schemaVersion ? all.str() : (all.drop_back(llvm::StringRef("donor").size()) + "NULL").str();
}

llvm::StringRef selfopt::statusName(CandidateRow::Status status) {
  switch (status) {
  case CandidateRow::Status::Evaluated:
    return "evaluated";
  case CandidateRow::Status::Reused:
    return "reused";
  case CandidateRow::Status::Rejected:
    return "rejected";
  case CandidateRow::Status::Failed:
    return "failed";
  }
  return "failed";
}

static std::optional<CandidateRow::Status> parseStatus(llvm::StringRef text) {
  for (auto status : {CandidateRow::Status::Evaluated, CandidateRow::Status::Reused, CandidateRow::Status::Rejected,
                      CandidateRow::Status::Failed})
    if (text == statusName(status))
      return status;
  return std::nullopt;
}

void archive::canonicalise(std::optional<double> &value) {
  if (value && std::isnan(*value))
    value.reset();
  else if (value && *value == 0.0)
    value = 0.0;
}

void archive::encode(Digester &digester, const CandidateRow &row) {
  auto integer = [&](int64_t value) { digester.add(static_cast<uint64_t>(value)); };
  auto real = [&](const std::optional<double> &value) {
    integer(value.has_value());
    digester.add(value ? llvm::bit_cast<uint64_t>(*value) : 0);
  };
  integer(row.id);
  digester.addField(row.digest);
  integer(row.parent);
  digester.addField(row.mutation).addField(row.program).addField(statusName(row.status)).addField(row.reason);
  integer(row.duplicateOf);
  digester.addField(row.reusedBy);
  real(row.budget);
  integer(row.continues);
  digester.addField(row.startState).addField(row.state).addField(row.plan).addField(row.probe);
  integer(row.parameters);
  integer(row.flopsPerExample);
  integer(row.trainFlops);
  integer(row.memory);
  digester.add(row.seed);
  real(row.validation);
  real(row.trainLoss);
  digester.addField(row.curve).addField(row.scores).addField(row.verdicts);
  if (row.donor >= 0) {
    digester.add("donor");
    integer(row.donor);
  }
}

std::string archive::link(llvm::StringRef previous, const CandidateRow &row) {
  Digester digester;
  digester.addField(previous);
  encode(digester, row);
  return digester.hex();
}

llvm::Expected<CandidateRow> archive::read(Statement &statement, llvm::StringRef path) {
  CandidateRow row;
  int column = 0;
  auto id = [&](int at) { return statement.null(at) ? -1 : statement.integer(at); };
  auto real = [&](int at) { return statement.null(at) ? std::nullopt : std::optional<double>(statement.real(at)); };
  row.id = statement.integer(column++);
  row.digest = statement.text(column++);
  row.parent = id(column++);
  row.mutation = statement.text(column++);
  row.program = statement.text(column++);
  std::string status = statement.text(column++);
  row.reason = statement.text(column++);
  row.duplicateOf = id(column++);
  row.reusedBy = statement.text(column++);
  row.budget = statement.real(column++);
  row.continues = id(column++);
  row.startState = statement.text(column++);
  row.state = statement.text(column++);
  row.plan = statement.text(column++);
  row.probe = statement.text(column++);
  row.parameters = statement.integer(column++);
  row.flopsPerExample = statement.integer(column++);
  row.trainFlops = statement.integer(column++);
  row.memory = statement.integer(column++);
  row.seed = static_cast<uint64_t>(statement.integer(column++));
  row.validation = real(column++);
  row.trainLoss = real(column++);
  row.curve = statement.text(column++);
  row.scores = statement.text(column++);
  row.verdicts = statement.text(column++);
  row.wall = statement.real(column++);
  row.cpu = statement.real(column++);
  row.worker = statement.integer(column++);
  row.chain = statement.text(column++);
  row.donor = id(column++);
  std::optional<CandidateRow::Status> parsed = parseStatus(status);
  if (!parsed)
    return llvm::createStringError(path + ": candidate " + llvm::Twine(row.id) +
                                   ": expected the status evaluated, reused, rejected or failed, found '" + status +
                                   "'");
  row.status = *parsed;
  return row;
}

llvm::Error archive::insert(sqlite3 *database, llvm::StringRef path, const CandidateRow &row) {
  Statement statement(database, path, std::string("INSERT INTO candidate (") + columns + ") VALUES " + insertion);
  // SQLite would store NaN as NULL, which these columns refuse.
  auto seconds = [](double value) { return std::isnan(value) ? 0.0 : value; };
  statement.bind(row.id).bind(row.digest).bindId(row.parent).bind(row.mutation).bind(row.program);
  statement.bind(statusName(row.status)).bind(row.reason).bindId(row.duplicateOf).bind(row.reusedBy).bind(row.budget);
  statement.bindId(row.continues).bind(row.startState).bind(row.state).bind(row.plan).bind(row.probe);
  statement.bind(row.parameters).bind(row.flopsPerExample).bind(row.trainFlops).bind(row.memory);
  statement.bind(static_cast<int64_t>(row.seed)).bind(row.validation).bind(row.trainLoss).bind(row.curve);
  statement.bind(row.scores).bind(row.verdicts).bind(seconds(row.wall)).bind(seconds(row.cpu)).bind(row.worker);
  return statement.bind(row.chain).bindId(row.donor).step().takeError();
}
