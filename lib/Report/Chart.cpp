//===- Chart.cpp - Charts as inline SVG ------------------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

// In the units of the view box. Small, so that its letters are still legible where a phone scales the chart down.
static constexpr double width = 430, height = 290, left = 58, right = 14, top = 12, bottom = 42;

/// A coordinate with one decimal.
static std::string at(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", v);
  return buffer;
}

std::vector<double> report::ticks(double low, double high, unsigned wanted) {
  std::vector<double> values;
  double span = high - low;
  if (!(span > 0) || !std::isfinite(span))
    return {low};
  double step = std::pow(10, std::floor(std::log10(span / wanted)));
  for (double factor : {10.0, 5.0, 2.0})
    if (span / (step * factor) >= wanted - 1.0) {
      step *= factor;
      break;
    }
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * span; ++k)
    values.push_back(k * step == 0 ? 0 : k * step); // no -0
  return values;
}

Chart::Chart(std::string description, Axis x, Axis y)
    : x(std::move(x)), y(std::move(y)), description(std::move(description)) {
  for (Axis *a : {&this->x, &this->y}) {
    if (a->logarithmic && !(a->low > 0))
      a->logarithmic = false;
    // An axis without extent would divide by zero.
    if (!(a->high > a->low)) {
      double pad = a->low != 0 ? std::fabs(a->low) * 0.05 : 1;
      a->high = a->low + pad;
      if (!a->logarithmic)
        a->low -= pad;
    }
  }
}

static double fraction(const Axis &a, double v) {
  return a.logarithmic ? std::log(v / a.low) / std::log(a.high / a.low) : (v - a.low) / (a.high - a.low);
}

double Chart::px(double v) const { return left + (width - left - right) * std::clamp(fraction(x, v), 0.0, 1.0); }
double Chart::py(double v) const {
  return height - bottom - (height - top - bottom) * std::clamp(fraction(y, v), 0.0, 1.0);
}

std::string Chart::path(llvm::ArrayRef<Point> points) const {
  std::string d;
  for (auto [i, p] : llvm::enumerate(points))
    d += (i ? "L" : "M") + at(px(p.first)) + " " + at(py(p.second));
  return d;
}

void Chart::line(llvm::ArrayRef<Point> points, StringRef style, StringRef tip) {
  if (points.empty())
    return;
  body += "<path class=\"line " + style.str() + "\" d=\"" + path(points) + "\"" +
          (tip.empty() ? "/>\n" : "><title>" + escape(tip) + "</title></path>\n");
}

void Chart::steps(llvm::ArrayRef<Point> points, StringRef style) {
  std::vector<Point> corners;
  for (const Point &p : points) {
    if (!corners.empty())
      corners.push_back({p.first, corners.back().second});
    corners.push_back(p);
  }
  line(corners, style);
}

void Chart::band(llvm::ArrayRef<Point> low, llvm::ArrayRef<Point> high, StringRef style) {
  std::vector<Point> outline(low.begin(), low.end());
  outline.insert(outline.end(), high.rbegin(), high.rend());
  if (!outline.empty())
    body += "<path class=\"band " + style.str() + "\" d=\"" + path(outline) + "Z\"/>\n";
}

void Chart::point(Point p, StringRef style, double radius, StringRef tip) {
  std::string title = tip.empty() ? "" : "<title>" + escape(tip) + "</title>";
  double f = fraction(y, p.second);
  if (f < 0 || f > 1) {
    double edge = py(p.second), inward = f < 0 ? -5 : 5;
    body += "<path class=\"off " + style.str() + "\" d=\"M" + at(px(p.first)) + " " + at(edge) + "v" + at(inward) +
            "\">" + title + "</path>\n";
    return;
  }
  body += "<circle class=\"dot " + style.str() + "\" cx=\"" + at(px(p.first)) + "\" cy=\"" + at(py(p.second)) +
          "\" r=\"" + at(radius) + "\">" + title + "</circle>\n";
}

void Chart::level(double v, StringRef style) {
  double h = py(v);
  body += "<path class=\"line level " + style.str() + "\" d=\"M" + at(left) + " " + at(h) + "H" + at(width - right) +
          "\"/>\n";
}

static std::string tickLabel(const Axis &a, double v, double step) {
  if (a.logarithmic || std::fabs(v) >= 10000)
    return scaled(v);
  int digits = a.digits >= 0 ? a.digits : std::max(0, int(std::ceil(-std::log10(step) - 1e-9)));
  return decimal(v, std::min(digits, 8));
}

/// Round numbers for an axis; the powers of ten, with 2 and 5 between few of them, for a logarithmic one.
static std::vector<double> axisTicks(const Axis &a, unsigned wanted) {
  if (!a.logarithmic)
    return ticks(a.low, a.high, wanted);
  std::vector<double> values;
  bool dense = std::log10(a.high / a.low) < 2.5;
  for (double power = std::pow(10, std::floor(std::log10(a.low))); power <= a.high; power *= 10)
    for (double factor : {1.0, 2.0, 5.0})
      if ((factor == 1 || dense) && power * factor >= a.low * 0.999 && power * factor <= a.high * 1.001)
        values.push_back(power * factor);
  return values.size() > 1 ? values : std::vector<double>{a.low, a.high};
}

std::string Chart::svg() const {
  std::string out = "<svg class=\"chart\" viewBox=\"0 0 " + at(width) + " " + at(height) +
                    "\" role=\"img\" aria-label=\"" + escape(description) + "\">\n";
  auto stepOf = [](const std::vector<double> &v) { return v.size() > 1 ? v[1] - v[0] : 1; };
  std::vector<double> xs = axisTicks(x, 5), ys = axisTicks(y, 5);
  for (double v : ys) {
    double h = py(v);
    out += "<path class=\"grid\" d=\"M" + at(left) + " " + at(h) + "H" + at(width - right) + "\"/>";
    out += "<text class=\"tick\" x=\"" + at(left - 6) + "\" y=\"" + at(h + 4) + "\" text-anchor=\"end\">" +
           tickLabel(y, v, stepOf(ys)) + "</text>\n";
  }
  for (double v : xs) {
    double w = px(v);
    out += "<path class=\"axis\" d=\"M" + at(w) + " " + at(height - bottom) + "v4\"/>";
    out += "<text class=\"tick\" x=\"" + at(w) + "\" y=\"" + at(height - bottom + 17) + "\" text-anchor=\"middle\">" +
           tickLabel(x, v, stepOf(xs)) + "</text>\n";
  }
  out += "<path class=\"axis\" d=\"M" + at(left) + " " + at(height - bottom) + "H" + at(width - right) + "\"/>\n";
  out += "<text class=\"name\" x=\"" + at((left + width - right) / 2) + "\" y=\"" + at(height - 6) +
         "\" text-anchor=\"middle\">" + escape(x.label) + "</text>\n";
  out += "<text class=\"name\" transform=\"translate(13 " + at((top + height - bottom) / 2) +
         ") rotate(-90)\" text-anchor=\"middle\">" + escape(y.label) + "</text>\n";
  return out + body + "</svg>\n";
}

std::string report::forest(const Estimate &e, double reach, StringRef style) {
  const double w = 150, h = 18, middle = w / 2, scale = reach > 0 ? (w / 2 - 6) / reach : 0;
  auto place = [&](double v) { return at(middle + std::clamp(v * scale, -w / 2 + 2, w / 2 - 2)); };
  std::string out =
      "<svg class=\"forest\" viewBox=\"0 0 150 18\" role=\"img\" aria-label=\"" + escape(withInterval(e)) + "\">";
  out += "<path class=\"axis\" d=\"M" + at(middle) + " 1V" + at(h - 1) + "\"/>";
  if (e.count > 1)
    out += "<path class=\"line " + style.str() + "\" d=\"M" + place(e.low) + " 9H" + place(e.high) + "\"/>";
  out += "<circle class=\"dot " + style.str() + "\" cx=\"" + place(e.mean) + "\" cy=\"9\" r=\"3.6\"/></svg>";
  return out;
}

std::string report::bar(double value, double reach, StringRef style) {
  double w = reach > 0 ? 110 * std::clamp(value / reach, 0.0, 1.0) : 0;
  return "<svg class=\"bar\" viewBox=\"0 0 112 12\" aria-hidden=\"true\"><rect class=\"fill " + style.str() +
         "\" x=\"0\" y=\"1\" width=\"" + at(w) + "\" height=\"10\" rx=\"1.5\"/></svg>";
}
