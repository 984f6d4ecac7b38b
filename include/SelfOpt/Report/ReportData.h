//===- ReportData.h - What a report says ----------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a report shows, as numbers and texts, gathered in one place from the archive and the files beside it.
// The renderers (an HTML page, a Markdown summary) compute nothing of their own.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_REPORTDATA_H
#define SELFOPT_REPORT_REPORTDATA_H

#include "SelfOpt/Report/Explain.h"
#include "SelfOpt/Report/FinalScores.h"
#include "SelfOpt/Report/SpecDiff.h"
#include "SelfOpt/Report/Study.h"

namespace selfopt::report {

/// A candidate as a point of a chart.
struct CandidatePoint {
  int64_t id = 0, parameters = 0;
  double cpu = 0;                   ///< Spent by this and all earlier candidates, in seconds.
  std::optional<double> validation; ///< Absent for one that was rejected or failed.
  std::vector<int64_t> minimized;   ///< One for each of ReportData::minimized.
  std::string mutation;
};

/// How a training went that the search ran, perhaps in several parts that continue each other.
struct TrainingCurve {
  int64_t id = -1; ///< The last of its candidates.
  std::vector<std::pair<int64_t, double>> loss;       ///< Epoch, mean training loss of the first seed; at most 100.
  std::vector<std::pair<int64_t, double>> validation; ///< Epochs so far and the score at the end of each part.
};

/// How a kind of mutation did. A candidate with several mutations counts for each of their kinds.
struct KindStatistics {
  std::string name, loop;
  int64_t tries = 0;  ///< Candidates that it was tried in.
  int64_t scored = 0; ///< Of which have a score, their own or a known program's.
  int64_t rejected = 0, failed = 0;
  int64_t improved = 0;  ///< Scored better than their parents.
  double meanGain = 0;   ///< Over the scored ones: better than the parent is positive.
  double medianGain = 0; ///< The mean is at the mercy of the few that ruin a program.
};

struct ReasonCount {
  std::string status, reason;
  int64_t count = 0;
};

/// One candidate between the start and the winner.
struct GenealogyStep {
  int64_t id = 0, parameters = 0;
  int64_t donor = -1; ///< The second parent, or -1.
  std::optional<double> validation;
  double gain = 0; ///< Over its parent; better is positive.
  std::vector<std::string> mutations;
  std::vector<DiffLine> diff; ///< Against its parent, shortened.
};

/// A model as a graph. Inputs come first, each node after those that it reads.
struct ModelGraph {
  struct Node {
    enum class Kind { Input, Op, Output };
    Kind kind = Kind::Op;
    std::string label, shape;
    int64_t parameters = 0;
    std::vector<size_t> reads;
  };
  std::string name;
  std::vector<Node> nodes;
  int64_t parameters = 0;
};

/// The graph of a model's ops. Regions of an op are drawn in place: what the op reads flows into the region, and what
/// the region returns into the op.
ModelGraph modelGraph(mlir::ModuleOp spec, llvm::StringRef program);

struct ReportData {
  std::string title, directory, metric, strategy;
  bool maximize = true, finished = false;
  uint64_t seed = 0;
  int64_t candidates = 0, evaluated = 0, reused = 0, rejected = 0, failed = 0, repeats = 1;
  double cpuSeconds = 0, trainFlops = 0;           ///< Of the whole search.
  double startCpuSeconds = 0, startTrainFlops = 0; ///< Of its first candidate, the start.
  int64_t bestId = 0;                              ///< The winner; before the end the best so far.

  std::optional<FinalScores> finals; ///< Of a finished search.
  std::vector<CandidatePoint> points;
  std::vector<CurvePoint> curve;
  /// What the search minimises beside its metric, as it lists them; parameters where it lists nothing.
  std::vector<std::string> minimized;
  bool ownObjectives = false; ///< Whether it lists any.
  /// Into `points`, best metric first: those that no other beats in the metric or in what is minimised without losing in
  /// another of them. Of equals the first.
  std::vector<size_t> front;
  TrainingCurve startCurve, bestCurve;    ///< As the search saw them; empty where it has none.
  std::vector<TrainingCurve> otherCurves; ///< Some sixty others, spread over the search.
  std::vector<GenealogyStep> genealogy;
  std::vector<KindStatistics> kinds;
  std::vector<ReasonCount> reasons;
  ModelGraph startGraph, bestGraph;
  std::string startText, bestText; ///< Without lineage.

  std::optional<Study> study;
  std::string shownRun; ///< Of a study: the search that the rest of the page is about.
  std::optional<Explanation> explanation;
};

/// The trainings of an archive as curves: those of the start and of `bestId`, and at most `others` more.
void gatherCurves(ReportData &data, llvm::ArrayRef<CandidateRow> rows, size_t others = 60);

/// Reads DIR, of a search or of a study. Trains start and winner again where final.json does not hold them.
/// `source` is the spec's file, or empty for what was kept; `seeds` the fresh training seeds, 0 for what was kept.
llvm::Expected<ReportData> gatherReport(llvm::StringRef directory, mlir::MLIRContext &context, llvm::StringRef source,
                                        unsigned seeds);

/// One self-contained page.
std::string renderHtml(const ReportData &data);
/// A summary for a terminal or a pull request.
std::string renderMarkdown(const ReportData &data);

} // namespace selfopt::report
#endif // SELFOPT_REPORT_REPORTDATA_H
