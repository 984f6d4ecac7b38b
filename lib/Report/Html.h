//===- Html.h - Texts and drawings of a page ------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_REPORT_HTML_H
#define SELFOPT_LIB_REPORT_HTML_H

#include "SelfOpt/Report/ReportData.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace selfopt::report {

/// Text for an element or a quoted attribute of HTML that is XML as well: markup characters escaped, control characters
/// and what is not UTF-8 replaced.
std::string escape(llvm::StringRef text);

std::string decimal(double value, int digits = 4); ///< "0.9383", and a true minus sign.
std::string grouped(int64_t value);                ///< "12,340".
std::string scaled(double value);                  ///< "1.23 G".
std::string seconds(double value);                 ///< "250 ms", "3 min 20 s".
/// "0.9744 [0.9700, 0.9789]", the mean alone of a single value, "none" of none.
std::string withInterval(const Estimate &estimate, int digits = 4);
std::string withSign(double value, int digits = 4); ///< "+0.0123".

/// "FLOPs per example" for "flops_per_example".
llvm::StringRef quantityName(llvm::StringRef quantity);

/// What each colour means, and a chart with its title.
std::string legend(llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> entries);
std::string figure(const std::string &title, const std::string &chart, const std::string &caption);

/// The page's styles and its one script.
llvm::StringRef pageStyle();
llvm::StringRef pageScript();

//===--- Charts -------------------------------------------------------------===//

struct Axis {
  std::string label;
  double low = 0, high = 1;
  bool logarithmic = false;
  int digits = -1; ///< Of the numbers at the ticks; -1: as needed.
};

/// Round numbers inside [low, high], some `wanted` of them.
std::vector<double> ticks(double low, double high, unsigned wanted = 5);

/// A chart as inline SVG. Things are drawn in the order they are added; colours come from CSS classes ("start", "best",
/// "against", ...), so that one thing has one colour on the whole page.
class Chart {
public:
  using Point = std::pair<double, double>;
  /// `description` is read out instead of the picture.
  Chart(std::string description, Axis x, Axis y);
  void line(llvm::ArrayRef<Point> points, llvm::StringRef style, llvm::StringRef tip = "");
  /// As a line that stays until the next point.
  void steps(llvm::ArrayRef<Point> points, llvm::StringRef style);
  void band(llvm::ArrayRef<Point> low, llvm::ArrayRef<Point> high, llvm::StringRef style);
  /// Outside of the axes a point is drawn at the edge, as a short stroke.
  void point(Point at, llvm::StringRef style, double radius, llvm::StringRef tip);
  void level(double y, llvm::StringRef style);
  std::string svg() const;

private:
  double px(double x) const;
  double py(double y) const;
  std::string path(llvm::ArrayRef<Point> points) const;
  Axis x, y;
  std::string description, body;
};

/// An estimate on a line, with zero marked, for a table's cell; all of one table share `reach`, the largest magnitude.
std::string forest(const Estimate &estimate, double reach, llvm::StringRef style);
/// A bar whose length is value / reach.
std::string bar(double value, double reach, llvm::StringRef style);

/// A model, drawn from top to bottom in layers.
std::string drawGraph(const ModelGraph &graph, llvm::StringRef description);

//===--- Sections -----------------------------------------------------------===//

std::string progressSection(const ReportData &data);
std::string studySection(const ReportData &data);
std::string frontSection(const ReportData &data);
std::string trainingSection(const ReportData &data);
std::string architectureSection(const ReportData &data);
std::string genealogySection(const ReportData &data);
std::string worthSection(const ReportData &data);
std::string kindsSection(const ReportData &data);
std::string reasonsSection(const ReportData &data);

} // namespace selfopt::report
#endif // SELFOPT_LIB_REPORT_HTML_H
