//===- DigestTests.cpp - What the address of a kernel depends on ------------===//
#include "Harness.h"
#include <chrono>
#include <set>

namespace selfopt::codegen::test {
namespace {

std::string kernel(const std::string &name, const std::string &constant, const std::string &attrs = "",
                   const std::string &value = "%a", const std::string &op = "arith.addf",
                   const std::string &map = "(i, j) -> (j)") {
  return "func.func " + name + "(%x: memref<?x?xf32>, %out: memref<?x?xf32>) " + attrs + R"({
  %c = arith.constant )" +
         constant + R"( : f32
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<?x?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0()" +
         value + R"(: f32, %o: f32):
      %0 = )" +
         op + " " + value + R"(, %c : f32
      linalg.yield %0 : f32
    }
  return
})";
}

std::string digest(const std::string &text) {
  Parsed parsed = parse(text);
  return kernelDigest(parsed.kernels.front());
}

TEST(Digest, IsIndependentOfNamesLocationsAndDiscardableAttributes) {
  std::string base = digest(kernel("@k", "1.0"));
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(base, digest(kernel("@other", "1.0")));
  EXPECT_EQ(base, digest(kernel("private @k", "1.0")));
  EXPECT_EQ(base, digest(kernel("@k", "1.0", "attributes {llvm.emit_c_interface} ")));
  EXPECT_EQ(base, digest(kernel("@k", "1.0", "", "%renamed")));
  EXPECT_EQ(base, digest("\n\n\n" + kernel("@k", "1.0")));
  EXPECT_EQ(base, digest("#loc = loc(\"elsewhere\":3:4)\n" + kernel("@k", "1.0") + " loc(#loc)"));
}

TEST(Digest, DependsOnWhatIsComputed) {
  std::set<std::string> all = {
      digest(kernel("@k", "1.0")),
      digest(kernel("@k", "1.00000012")), // the next f32
      digest(kernel("@k", "-1.0")),
      digest(kernel("@k", "1.0", "", "%a", "arith.mulf")),
  };
  std::string swapped = kernel("@k", "1.0");
  swapped.replace(swapped.find("arith.addf %a, %c"), 17, "arith.addf %c, %a");
  all.insert(digest(swapped));
  std::string transposed = kernel("@k", "1.0");
  transposed.replace(transposed.find("-> (i, j)"), 9, "-> (j, i)");
  all.insert(digest(transposed));
  std::string reduction = kernel("@k", "1.0");
  reduction.replace(reduction.rfind("\"parallel\""), 10, "\"reduction\"");
  all.insert(digest(reduction));
  EXPECT_EQ(all.size(), 7u);
}

TEST(Digest, IsTheSameInAnotherContext) {
  mlir::DialectRegistry registry;
  registerCodegenDialects(registry);
  mlir::MLIRContext other(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kernel("@k", "1.0"), mlir::ParserConfig(&other));
  EXPECT_EQ(kernelDigest(*module->getOps<mlir::func::FuncOp>().begin()), digest(kernel("@k", "1.0")));
}

TEST(Digest, IsFast) {
  Parsed parsed = parse(kernel("@k", "1.0"));
  double best = 1;
  for (int round = 0; round < 20; ++round) {
    auto start = std::chrono::steady_clock::now();
    kernelDigest(parsed.kernels.front());
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  RecordProperty("microseconds", std::to_string(best * 1e6));
  EXPECT_LT(best, 200e-6); // some 10 on a quiet machine
}

} // namespace
} // namespace selfopt::codegen::test
