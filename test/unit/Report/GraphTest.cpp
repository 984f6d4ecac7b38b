//===- GraphTest.cpp - Boxes that don't overlap --------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "gtest/gtest.h"
#include <cstdio>

using namespace selfopt::report;

namespace {

using Node = ModelGraph::Node;

TEST(DrawGraph, BranchesSkipsAndConstantsDoNotOverlap) {
  ModelGraph graph;
  auto add = [&](const char *label, std::vector<size_t> reads, Node::Kind kind = Node::Kind::Op) {
    graph.nodes.push_back({kind, label, "6", 42, std::move(reads)});
  };
  add("input", {}, Node::Kind::Input);
  add("constant dense<5.0>", {});
  add("dense units(6)", {0});
  add("activation tanh", {2});
  add("activation gelu", {2});
  add("dense units(6) init(he_normal)", {4});
  add("dense units(6)", {3});
  add("concat", {5, 6, 2});
  add("mulf", {7, 1});
  add("addf", {8, 2});
  add("mulf", {9, 3});
  add("output", {10}, Node::Kind::Output);
  std::string svg = drawGraph(graph, "a <graph>");
  EXPECT_NE(svg.find("aria-label=\"a &lt;graph&gt;\""), std::string::npos);
  EXPECT_NE(svg.find("constant dense&lt;5.0&gt;"), std::string::npos);
  struct Rect {
    double x, y, w, h;
  };
  std::vector<Rect> rects;
  for (size_t at = svg.find("<rect "); at != std::string::npos; at = svg.find("<rect ", at + 1)) {
    Rect r;
    ASSERT_EQ(
        std::sscanf(svg.c_str() + at, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &r.x, &r.y, &r.w, &r.h),
        4);
    EXPECT_GE(r.x, 0);
    EXPECT_GE(r.y, 0);
    rects.push_back(r);
  }
  ASSERT_EQ(rects.size(), graph.nodes.size());
  for (size_t i = 0; i < rects.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      EXPECT_TRUE(rects[i].x >= rects[k].x + rects[k].w || rects[k].x >= rects[i].x + rects[i].w ||
                  rects[i].y >= rects[k].y + rects[k].h || rects[k].y >= rects[i].y + rects[i].h)
          << i << " and " << k;
  // What is read stands above, and the constant right above its reader.
  for (size_t i = 0; i < rects.size(); ++i)
    for (size_t from : graph.nodes[i].reads)
      EXPECT_LT(rects[from].y, rects[i].y);
  EXPECT_EQ(rects[1].y, rects[7].y);
  size_t arrows = 0;
  for (size_t at = svg.find("tip-of-edge"); at != std::string::npos; at = svg.find("tip-of-edge", at + 1))
    ++arrows;
  size_t reads = 0;
  for (const Node &node : graph.nodes)
    reads += node.reads.size();
  EXPECT_EQ(arrows, reads);
}

} // namespace
