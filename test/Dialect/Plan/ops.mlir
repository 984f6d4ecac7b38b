// RUN: selfopt-opt %s | FileCheck %s
// RUN: selfopt-opt %s | selfopt-opt | FileCheck %s
// RUN: selfopt-opt --mlir-print-op-generic %s | selfopt-opt | FileCheck %s

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
func.func private @kernel_1(memref<?xf32>, f32)

// CHECK:      plan.program @fit arena(512) data(@data) {
plan.program @fit arena(512) data(@data) {
  // CHECK-NEXT: %[[X:.*]] = plan.view "x" at(0) : memref<8xf32>
  %x = plan.view "x" at(0) : memref<8xf32>
  // CHECK-NEXT: %[[ORDER:.*]] = plan.view "order" at(64) : memref<8xi32>
  %order = plan.view "order" at(64) : memref<8xi32>
  // CHECK-NEXT: %[[N:.*]] = plan.view "number" at(128) : memref<f32>
  %n = plan.view "number" at(128) : memref<f32>
  // CHECK-NEXT: %[[T:.*]] = plan.view "fraction" at(192) : memref<f32>
  %t = plan.view "fraction" at(192) : memref<f32>
  // CHECK-NEXT: %[[C:.*]] = plan.literal dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> at(256) : memref<2xf32>
  %c = plan.literal dense<[1.0, 2.0]> : tensor<2xf32> at(256) : memref<2xf32>
  %y = plan.view "y" at(320) : memref<8xf32>
  %half = arith.constant 0.5 : f32
  // CHECK:      plan.section "train" {
  plan.section "train" {
    // CHECK-NEXT: plan.fill 0.000000e+00, %[[X]] : memref<8xf32>
    plan.fill 0.0, %x : memref<8xf32>
    // CHECK-NEXT: plan.repeat "epochs" times(20) {
    plan.repeat "epochs" times(20) {
      // CHECK-NEXT: plan.shuffle %[[ORDER]] : memref<8xi32>
      plan.shuffle %order : memref<8xi32>
      // CHECK-NEXT: plan.sample %[[ORDER]] by %[[X]] age %{{.*}} fraction %[[T]] of 20 drawn 8 : memref<8xi32>, memref<8xf32>, memref<8xf32>, memref<f32>
      plan.sample %order by %x age %y fraction %t of 20 drawn 8 : memref<8xi32>, memref<8xf32>, memref<8xf32>, memref<f32>
      // CHECK-NEXT: plan.clock %[[N]], %[[T]] of 40 : memref<f32>, memref<f32>
      plan.clock %n, %t of 40 : memref<f32>, memref<f32>
      // CHECK-NEXT: plan.gather "features" to %[[X]] order %[[ORDER]] : memref<8xi32> : memref<8xf32>
      plan.gather "features" to %x order %order : memref<8xi32> : memref<8xf32>
      // CHECK-NEXT: plan.launch @kernel_1(%[[X]], %{{.*}}) : memref<8xf32>, f32
      plan.launch @kernel_1(%x, %half) : memref<8xf32>, f32
      // CHECK-NEXT: plan.scatter %[[X]] to %{{.*}} order %[[ORDER]] : memref<8xf32>, memref<8xf32>, memref<8xi32>
      plan.scatter %x to %y order %order : memref<8xf32>, memref<8xf32>, memref<8xi32>
      // CHECK-NEXT: plan.record %[[N]] : memref<f32>
      plan.record %n : memref<f32>
      // CHECK-NEXT: plan.monitor "gradient" within 1.000000e+04 %[[X]] : memref<8xf32>
      plan.monitor "gradient" within 1.0e4 %x : memref<8xf32>
    }
  }
  // CHECK:      plan.section "score" {
  plan.section "score" {
    // CHECK-NEXT: plan.gather "answers" to %{{.*}} : memref<8xf32>
    plan.gather "answers" to %y : memref<8xf32>
    // CHECK-NEXT: plan.copy %[[X]] to %{{.*}} : memref<8xf32>, memref<8xf32>
    plan.copy %x to %y : memref<8xf32>, memref<8xf32>
  }
}
// CHECK:      plan.program @f arena(0) {
plan.program @f arena(0) {
}
