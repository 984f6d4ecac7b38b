//===- Graph.cpp - A model, drawn in layers --------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sugiyama, Tagawa and Toda's method (1981), small: a node's layer is one more than the deepest that it reads; an edge
// over several layers bends at an invisible node in each layer between, so that it runs around boxes and not through
// them; the order in a layer follows the mean place of the neighbours, swept down and up; then places are pulled
// towards the neighbours, without overlap.
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

namespace {
struct Box {
  int node = -1; ///< Into the graph, or -1: a bend of an edge.
  size_t layer = 0;
  double x = 0, width = 0;
  std::vector<size_t> above, below; ///< Neighbours in the layers next to it.
};

struct Layout {
  std::vector<Box> boxes;
  std::vector<std::vector<size_t>> layers; ///< In order from left to right.
};
} // namespace

static constexpr double boxHeight = 42, rowHeight = 66, gap = 16, bendWidth = 14, margin = 6;

/// Wide enough for its two lines: some seven units a letter, with the letters' size of the style sheet.
static double widthOf(const ModelGraph::Node &node) {
  size_t letters = std::max(node.label.size(), node.shape.size() + (node.parameters ? 12 : 0));
  return std::clamp(22 + 6.6 * double(letters), 96.0, 300.0);
}

static Layout layOut(const ModelGraph &graph) {
  Layout layout;
  std::vector<size_t> depth(graph.nodes.size(), 0);
  size_t deepest = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (size_t from : graph.nodes[i].reads)
      depth[i] = std::max(depth[i], depth[from] + 1);
    deepest = std::max(deepest, depth[i]);
  }
  // A constant reads nothing: it stands right above its first reader, not at the top.
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const ModelGraph::Node &node = graph.nodes[i];
    if (!node.reads.empty() || node.kind == ModelGraph::Node::Kind::Input)
      continue;
    size_t first = deepest + 1;
    for (size_t k = i + 1; k < graph.nodes.size(); ++k)
      if (llvm::is_contained(graph.nodes[k].reads, i))
        first = std::min(first, depth[k]);
    if (first <= deepest && first > 0)
      depth[i] = first - 1;
  }
  layout.layers.resize(deepest + 1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Box box;
    box.node = int(i);
    box.layer = depth[i];
    box.width = widthOf(graph.nodes[i]);
    layout.layers[depth[i]].push_back(layout.boxes.size());
    layout.boxes.push_back(box);
  }
  for (size_t to = 0; to < graph.nodes.size(); ++to)
    for (size_t from : graph.nodes[to].reads) {
      size_t last = from;
      for (size_t layer = depth[from] + 1; layer <= depth[to]; ++layer) {
        size_t next = to;
        if (layer < depth[to]) {
          next = layout.boxes.size();
          Box bend;
          bend.layer = layer;
          bend.width = bendWidth;
          layout.boxes.push_back(bend);
          layout.layers[layer].push_back(next);
        }
        layout.boxes[last].below.push_back(next);
        layout.boxes[next].above.push_back(last);
        last = next;
      }
    }
  // Order: the mean place of the neighbours, down and up.
  std::vector<double> place(layout.boxes.size(), 0);
  auto number = [&](const std::vector<size_t> &layer) {
    for (auto [k, b] : llvm::enumerate(layer))
      place[b] = double(k) - double(layer.size() - 1) / 2;
  };
  for (auto &layer : layout.layers)
    number(layer);
  auto sortBy = [&](std::vector<size_t> &layer, std::vector<size_t> Box::*neighbours) {
    std::vector<std::pair<double, size_t>> keys;
    for (auto [k, b] : llvm::enumerate(layer)) {
      double sum = 0;
      const std::vector<size_t> &list = layout.boxes[b].*neighbours;
      for (size_t n : list)
        sum += place[n];
      keys.push_back({list.empty() ? place[b] : sum / double(list.size()), k});
    }
    llvm::sort(keys);
    std::vector<size_t> sorted;
    for (auto &[key, k] : keys)
      sorted.push_back(layer[k]);
    layer = sorted;
    number(layer);
  };
  for (int sweep = 0; sweep < 6; ++sweep) {
    for (size_t i = 1; i < layout.layers.size(); ++i)
      sortBy(layout.layers[i], &Box::above);
    for (size_t i = layout.layers.size() - 1; i-- > 0;)
      sortBy(layout.layers[i], &Box::below);
  }
  // Places: towards the neighbours' mean, then apart again.
  auto separate = [&](std::vector<size_t> &layer) {
    double total = 0, wish = 0;
    for (size_t b : layer)
      wish += layout.boxes[b].x / double(layer.size());
    for (size_t k = 1; k < layer.size(); ++k) {
      Box &before = layout.boxes[layer[k - 1]], &box = layout.boxes[layer[k]];
      box.x = std::max(box.x, before.x + before.width / 2 + gap + box.width / 2);
    }
    for (size_t b : layer)
      total += layout.boxes[b].x / double(layer.size());
    for (size_t b : layer)
      layout.boxes[b].x += wish - total;
  };
  for (int round = 0; round < 12; ++round)
    for (size_t k = 0; k < layout.layers.size(); ++k) {
      auto &layer = layout.layers[round % 2 ? layout.layers.size() - 1 - k : k];
      for (size_t b : layer) {
        Box &box = layout.boxes[b];
        double sum = 0;
        for (size_t n : box.above)
          sum += layout.boxes[n].x;
        for (size_t n : box.below)
          sum += layout.boxes[n].x;
        size_t count = box.above.size() + box.below.size();
        if (count)
          box.x = sum / double(count);
      }
      separate(layer);
    }
  return layout;
}

static std::string at(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", v);
  return buffer;
}

static std::string shortened(StringRef text, double width) {
  size_t room = size_t((width - 16) / 6.6);
  return text.size() <= room ? text.str() : text.take_front(room - 1).str() + "\xe2\x80\xa6";
}

std::string report::drawGraph(const ModelGraph &graph, StringRef description) {
  if (graph.nodes.empty())
    return "<p>No model to draw.</p>\n";
  Layout layout = layOut(graph);
  double low = 1e300, high = -1e300;
  for (const Box &b : layout.boxes) {
    low = std::min(low, b.x - b.width / 2);
    high = std::max(high, b.x + b.width / 2);
  }
  double width = high - low + 2 * margin,
         height = rowHeight * double(layout.layers.size()) - (rowHeight - boxHeight) + 2 * margin;
  auto x = [&](const Box &b) { return b.x - low + margin; };
  auto y = [&](const Box &b) { return margin + rowHeight * double(b.layer); };
  // As wide as it is, never wider than its place where it fits at a legible size; else it scrolls.
  std::string out = "<svg class=\"graph\" viewBox=\"0 0 " + at(width) + " " + at(height) + "\" width=\"" + at(width) +
                    "\" height=\"" + at(height) + "\" role=\"img\" aria-label=\"" + escape(description) + "\">\n";
  for (const Box &b : layout.boxes)
    for (size_t n : b.below) {
      const Box &to = layout.boxes[n];
      double x0 = x(b), y0 = y(b) + boxHeight;
      double x1 = x(to), y1 = y(to), middle = (y0 + y1) / 2;
      out += "<path class=\"edge\" d=\"M" + at(x0) + " " + at(y0) + "C" + at(x0) + " " + at(middle) + " " + at(x1) +
             " " + at(middle) + " " + at(x1) + " " + at(y1) +
             (to.node < 0 ? "V" + at(y1 + boxHeight) : std::string()) + // straight past the boxes of its layer
             "\"/>\n";
      if (to.node >= 0)
        out += "<path class=\"tip-of-edge\" d=\"M" + at(x1 - 4) + " " + at(y1 - 6) + "L" + at(x1) + " " + at(y1) + "L" +
               at(x1 + 4) + " " + at(y1 - 6) + "Z\"/>\n";
    }
  for (const Box &b : layout.boxes) {
    if (b.node < 0)
      continue;
    const ModelGraph::Node &node = graph.nodes[b.node];
    std::string second = node.shape;
    if (node.parameters)
      second += (second.empty() ? "" : "  \xc2\xb7  ") + scaled(double(node.parameters)) + " par.";
    StringRef kind = node.kind != ModelGraph::Node::Kind::Op ? "end" : node.parameters ? "layer" : "plain";
    std::string tip = node.label + ", shape " + node.shape +
                      (node.parameters ? ", " + grouped(node.parameters) + " parameters" : std::string());
    out += "<g class=\"node " + kind.str() + "\"><title>" + escape(tip) + "</title><rect x=\"" +
           at(x(b) - b.width / 2) + "\" y=\"" + at(y(b)) + "\" width=\"" + at(b.width) + "\" height=\"" +
           at(boxHeight) + "\" rx=\"6\"/>";
    out += "<text x=\"" + at(x(b)) + "\" y=\"" + at(y(b) + 17) + "\" text-anchor=\"middle\">" +
           escape(shortened(node.label, b.width)) + "</text><text class=\"small\" x=\"" + at(x(b)) + "\" y=\"" +
           at(y(b) + 33) + "\" text-anchor=\"middle\">" + escape(second) + "</text></g>\n";
  }
  return out + "</svg>\n";
}
