//===- TrainingCurves.cpp - How the trainings of a search went ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/ReportData.h"
#include <cmath>
#include <map>

using namespace selfopt;
using namespace selfopt::report;

static constexpr size_t pointsOfACurve = 100;

/// The column `curve`. What is no number in it (the training diverged) is left out.
static std::vector<std::pair<int64_t, double>> lossesOf(const CandidateRow &row) {
  std::vector<std::pair<int64_t, double>> losses;
  auto value = llvm::json::parse(row.curve);
  if (!value) {
    llvm::consumeError(value.takeError());
    return losses;
  }
  const llvm::json::Array *array = value->getAsArray();
  if (!array)
    return losses;
  size_t stride = std::max<size_t>(1, (array->size() + pointsOfACurve - 2) / (pointsOfACurve - 1));
  for (size_t i = 0; i < array->size(); ++i)
    if (i % stride == 0 || i + 1 == array->size())
      if (auto loss = (*array)[i].getAsNumber(); loss && std::isfinite(*loss))
        losses.push_back({int64_t(i + 1), *loss});
  return losses;
}

void report::gatherCurves(ReportData &data, llvm::ArrayRef<CandidateRow> rows, size_t others) {
  // Who goes on with the training of whom, with the same program.
  std::map<int64_t, int64_t> next;
  auto goesOn = [&](const CandidateRow &row) {
    return row.continues >= 0 && row.continues < row.id && row.mutation.empty() && row.validation && !row.curve.empty();
  };
  for (const CandidateRow &row : rows)
    if (goesOn(row))
      next.insert({row.continues, row.id});
  auto lastOf = [&](int64_t id) {
    for (auto it = next.find(id); it != next.end(); it = next.find(id))
      id = it->second;
    return id;
  };
  auto curveOf = [&](int64_t id) {
    TrainingCurve curve;
    curve.id = id;
    curve.loss = lossesOf(rows[id]);
    for (int64_t at = id; at >= 0; at = goesOn(rows[at]) ? rows[at].continues : -1)
      if (auto losses = lossesOf(rows[at]); rows[at].validation && !losses.empty())
        curve.validation.insert(curve.validation.begin(), {losses.back().first, *rows[at].validation});
    return curve;
  };
  int64_t start = lastOf(0), best = lastOf(data.bestId);
  data.startCurve = curveOf(start);
  data.bestCurve = curveOf(best);
  std::vector<int64_t> ends;
  for (const CandidateRow &row : rows)
    if (row.status == CandidateRow::Status::Evaluated && !row.curve.empty() && !next.count(row.id) && row.id != start &&
        row.id != best)
      ends.push_back(row.id);
  size_t count = std::min(others, ends.size());
  for (size_t k = 0; k < count; ++k)
    data.otherCurves.push_back(curveOf(ends[k * ends.size() / count]));
}
