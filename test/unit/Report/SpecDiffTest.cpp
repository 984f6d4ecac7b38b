//===- SpecDiffTest.cpp - What changed between two specs ----------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/SpecDiff.h"
#include "gtest/gtest.h"

using namespace selfopt::report;

namespace {

std::string text(const std::vector<DiffLine> &lines) {
  std::string out;
  for (const DiffLine &line : lines)
    out += std::string(1, " -+:"[int(line.kind)]) + line.text + "\n";
  return out;
}

const char before[] = "module @m {\n"
                      "  selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                      "    %cst = arith.constant 1.000000e+00 : f32\n"
                      "    %0 = arith.mulf %cst, %arg0 : f32\n"
                      "    %1 = math.cos %0 : f32\n"
                      "    %2 = arith.addf %cst, %1 : f32\n"
                      "    selfopt.return %2 : f32\n"
                      "  }\n"
                      "  selfopt.sampler @t(%arg0: f32) -> f32 {\n"
                      "    %0 = math.exp %arg0 : f32\n"
                      "    selfopt.return %0 : f32\n"
                      "  }\n"
                      "}\n";

std::string replaced(std::string in, const std::string &from, const std::string &to) {
  size_t at = in.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return in.replace(at, from.size(), to);
}

TEST(SpecDiff, EqualTextsHaveNoDifference) {
  for (const DiffLine &line : diffSpecs(before, before))
    EXPECT_EQ(line.kind, DiffLine::Kind::Same) << line.text;
  EXPECT_TRUE(shorten(diffSpecs(before, before)).empty());
}

TEST(SpecDiff, OneChangedNumber) {
  std::string after = replaced(before, "1.000000e+00", "2.000000e+00");
  EXPECT_EQ(text(shorten(diffSpecs(before, after), 0)), "   selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                                                        "-    %cst = arith.constant 1.000000e+00 : f32\n"
                                                        "+    %cst = arith.constant 2.000000e+00 : f32\n");
}

TEST(SpecDiff, AReplacedOpKeepsItsReaders) {
  std::string after = replaced(before, "%1 = math.cos %0", "%1 = math.sin %0");
  EXPECT_EQ(text(shorten(diffSpecs(before, after), 0)), "   selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                                                        ":\n"
                                                        "-    %1 = math.cos %0 : f32\n"
                                                        "+    %1 = math.sin %0 : f32\n");
}

TEST(SpecDiff, RenumberedLinesAreTheSame) {
  // A new op in the middle: what reads it has changed, what is only numbered anew has not.
  std::string after = "module @m {\n"
                      "  selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                      "    %cst = arith.constant 1.000000e+00 : f32\n"
                      "    %0 = math.tanh %arg0 : f32\n"
                      "    %1 = arith.mulf %cst, %0 : f32\n"
                      "    %2 = math.cos %1 : f32\n"
                      "    %3 = arith.addf %cst, %2 : f32\n"
                      "    selfopt.return %3 : f32\n"
                      "  }\n"
                      "  selfopt.sampler @t(%arg0: f32) -> f32 {\n"
                      "    %0 = math.exp %arg0 : f32\n"
                      "    selfopt.return %0 : f32\n"
                      "  }\n"
                      "}\n";
  EXPECT_EQ(text(shorten(diffSpecs(before, after), 0)), "   selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                                                        ":\n"
                                                        "+    %0 = math.tanh %arg0 : f32\n"
                                                        "-    %1 = arith.mulf %cst, %arg0 : f32\n"
                                                        "+    %1 = arith.mulf %cst, %0 : f32\n");
}

TEST(SpecDiff, ARewiredOperandShows) {
  // The shapes of the lines are equal: only the values that they read differ.
  std::string after = replaced(before, "arith.addf %cst, %1", "arith.addf %cst, %0");
  EXPECT_EQ(text(shorten(diffSpecs(before, after), 0)), "   selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                                                        ":\n"
                                                        "-    %2 = arith.addf %cst, %1 : f32\n"
                                                        "+    %2 = arith.addf %cst, %0 : f32\n");
}

TEST(SpecDiff, NumbersOfOneProgramMeanNothingInTheNext) {
  // @s loses an op, so its %1 becomes %0; the %0 of @t is another value and has not changed.
  std::string after = replaced(replaced(replaced(replaced(before, "    %0 = arith.mulf %cst, %arg0 : f32\n", ""),
                                                 "%1 = math.cos %0", "%0 = math.cos %arg0"),
                                        "%2 = arith.addf %cst, %1", "%1 = arith.addf %cst, %0"),
                               "return %2", "return %1");
  std::string diff = text(shorten(diffSpecs(before, after), 0));
  EXPECT_EQ(diff.find("@t"), std::string::npos) << diff;
  EXPECT_NE(diff.find("-    %0' = arith.mulf %cst, %arg0"), std::string::npos) << diff;
  EXPECT_EQ(diff.find("return"), std::string::npos) << diff;
}

TEST(SpecDiff, WholeProgramsComeAndGo) {
  std::string head = std::string(before).substr(0, std::string(before).find("  selfopt.sampler")) + "}\n";
  std::string diff = text(shorten(diffSpecs(before, head), 0));
  EXPECT_NE(diff.find("-  selfopt.sampler @t(%arg0: f32) -> f32 {"), std::string::npos) << diff;
  EXPECT_EQ(diff.find("+"), std::string::npos) << diff;
  std::string added = text(shorten(diffSpecs(head, before), 0));
  EXPECT_NE(added.find("+    %0 = math.exp %arg0 : f32"), std::string::npos) << added;
  EXPECT_EQ(added.find("\n-"), std::string::npos) << added;
}

TEST(SpecDiff, ANewArgumentChangesTheHeaderAlone) {
  std::string after = replaced(before, "@s(%arg0: f32)", "@s(%arg0: f32, %arg1: f32)");
  EXPECT_EQ(text(shorten(diffSpecs(before, after), 0)), "-  selfopt.schedule @s(%arg0: f32) -> f32 {\n"
                                                        "+  selfopt.schedule @s(%arg0: f32, %arg1: f32) -> f32 {\n");
}

TEST(SpecDiff, EmptyTexts) {
  EXPECT_EQ(text(diffSpecs("", "")), " \n");
  EXPECT_NE(text(diffSpecs("", before)).find("+module @m {"), std::string::npos);
}

} // namespace
