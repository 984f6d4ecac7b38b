// Programs and requirements that no proof is about: each has an answer, and none takes long.
// RUN: split-file %s %t
// RUN: not selfopt-opt %t/other.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not selfopt-opt %t/empty.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not selfopt-opt %t/norepair.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=REPAIR
// RUN: not selfopt-opt %t/many.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: selfopt-opt %t/sums.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=SUMS
// RUN: not selfopt-opt %t/nan.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=NAN

// OTHER: other.mlir:3:3: error: unknown: require finite(@data) domain(100.0) (finite is said of losses, schedules, samplers and augments, not of a selfopt.dataset)
// OTHER: error: unknown: require aligned(@data) {{.*}} (aligned is said of losses
// OTHER: error: unknown: require monotone(@data) {{.*}} (monotone is said of losses
// OTHER: error: unknown: require bounded_below(@data) {{.*}} (bounded_below is said of losses
// OTHER: error: unknown: require proper(@data) (proper is said of losses
// OTHER: error: unknown: require finite_state(@data) {{.*}} (@data is no selfopt.optimizer)
// OTHER: error: unknown: require potential_based(@data) (@data is no selfopt.reward)

// EMPTY: empty.mlir:1:1: error: 'safety.policy' op holds nothing that could be checked: unknown policy: no constraint was checked

// No op of the module is one of evolve's, and no repair helps.
// REPAIR: error: unknown: require finite(@f) domain(100.0) ({{.*}}the result of arith.divf may not be finite

// MANY: error: unknown: require finite(@f) domain(100.0) (the program's values have more than 131072 elements in all)

// Written out, the last one has 2^60 terms.
// SUMS: remark: holds: require finite(@f)

// NAN: error: violated: require proper(@f) (with the truth {{.*}} there is no expected loss at the truth: arith.constant of line 2 is NaN)

//--- other.mlir
selfopt.dataset @data from csv("points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
safety.policy @policy {
  safety.require finite(@data)
  safety.require aligned(@data)
  safety.require monotone(@data)
  safety.require bounded_below(@data)
  safety.require proper(@data)
  safety.require finite_state(@data)
  safety.require potential_based(@data)
}

//--- empty.mlir
safety.policy @policy {
}

//--- norepair.mlir
selfopt.schedule @f(%t: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %n = arith.divf %zero, %zero : f32
  %y = arith.maxnumf %t, %n : f32
  selfopt.return %y : f32
}
safety.policy @policy {
  safety.require finite(@f)
}

//--- many.mlir
selfopt.loss @f(%x: tensor<2xf32>, %label: i32) -> f32 {
  %hot = nn.one_hot %label : tensor<16777216xf32>
  %y = nn.reduce sum %hot : f32
  selfopt.return %y : f32
}
safety.policy @policy {
  safety.require finite(@f)
}

//--- nan.mlir
selfopt.loss @f(%x: tensor<2xf32>, %label: i32) -> f32 {
  %nan = arith.constant dense<0x7FC00000> : tensor<2xf32>
  %p = nn.softmax %x : tensor<2xf32>
  %q = arith.mulf %p, %nan : tensor<2xf32>
  %y = nn.pick %q[%label] : f32
  selfopt.return %y : f32
}
safety.policy @policy {
  safety.require proper(@f)
}

//--- sums.mlir
selfopt.schedule @f(%t: f32) -> f32 {
  %half = arith.constant 0.5 : f32
  %a0 = arith.addf %t, %t : f32
  %a1 = arith.addf %a0, %a0 : f32
  %a2 = arith.addf %a1, %a1 : f32
  %a3 = arith.addf %a2, %a2 : f32
  %a4 = arith.addf %a3, %a3 : f32
  %a5 = arith.addf %a4, %a4 : f32
  %a6 = arith.addf %a5, %a5 : f32
  %a7 = arith.addf %a6, %a6 : f32
  %a8 = arith.addf %a7, %a7 : f32
  %a9 = arith.addf %a8, %a8 : f32
  %a10 = arith.addf %a9, %a9 : f32
  %a11 = arith.addf %a10, %a10 : f32
  %a12 = arith.addf %a11, %a11 : f32
  %a13 = arith.addf %a12, %a12 : f32
  %a14 = arith.addf %a13, %a13 : f32
  %a15 = arith.addf %a14, %a14 : f32
  %a16 = arith.addf %a15, %a15 : f32
  %a17 = arith.addf %a16, %a16 : f32
  %a18 = arith.addf %a17, %a17 : f32
  %a19 = arith.addf %a18, %a18 : f32
  %a20 = arith.addf %a19, %a19 : f32
  %a21 = arith.addf %a20, %a20 : f32
  %a22 = arith.addf %a21, %a21 : f32
  %a23 = arith.addf %a22, %a22 : f32
  %a24 = arith.addf %a23, %a23 : f32
  %a25 = arith.addf %a24, %a24 : f32
  %a26 = arith.addf %a25, %a25 : f32
  %a27 = arith.addf %a26, %a26 : f32
  %a28 = arith.addf %a27, %a27 : f32
  %a29 = arith.addf %a28, %a28 : f32
  %a30 = arith.addf %a29, %a29 : f32
  %a31 = arith.addf %a30, %a30 : f32
  %a32 = arith.addf %a31, %a31 : f32
  %a33 = arith.addf %a32, %a32 : f32
  %a34 = arith.addf %a33, %a33 : f32
  %a35 = arith.addf %a34, %a34 : f32
  %a36 = arith.addf %a35, %a35 : f32
  %a37 = arith.addf %a36, %a36 : f32
  %a38 = arith.addf %a37, %a37 : f32
  %a39 = arith.addf %a38, %a38 : f32
  %a40 = arith.addf %a39, %a39 : f32
  %a41 = arith.addf %a40, %a40 : f32
  %a42 = arith.addf %a41, %a41 : f32
  %a43 = arith.addf %a42, %a42 : f32
  %a44 = arith.addf %a43, %a43 : f32
  %a45 = arith.addf %a44, %a44 : f32
  %a46 = arith.addf %a45, %a45 : f32
  %a47 = arith.addf %a46, %a46 : f32
  %a48 = arith.addf %a47, %a47 : f32
  %a49 = arith.addf %a48, %a48 : f32
  %a50 = arith.addf %a49, %a49 : f32
  %a51 = arith.addf %a50, %a50 : f32
  %a52 = arith.addf %a51, %a51 : f32
  %a53 = arith.addf %a52, %a52 : f32
  %a54 = arith.addf %a53, %a53 : f32
  %a55 = arith.addf %a54, %a54 : f32
  %a56 = arith.addf %a55, %a55 : f32
  %a57 = arith.addf %a56, %a56 : f32
  %a58 = arith.addf %a57, %a57 : f32
  %a59 = arith.addf %a58, %a58 : f32
  %c = arith.cmpf ogt, %a59, %half : f32
  %y = arith.select %c, %a59, %half : f32
  selfopt.return %y : f32
}
safety.policy @policy {
  safety.require finite(@f)
}
