// Programs and requirements that no proof is about: each has an answer, and none takes long.
// RUN: split-file %s %t
// RUN: not selfopt-opt %t/other.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not selfopt-opt %t/empty.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not selfopt-opt %t/norepair.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=REPAIR
// RUN: not selfopt-opt %t/many.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: selfopt-opt %t/sums.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=SUMS
// RUN: selfopt-opt %t/squares.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=SQUARES
// RUN: selfopt-opt %t/moves.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=MOVES
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

// The last one is the 2^40th power.
// SQUARES: remark: holds: require bounded_below(@f)

// There are 2^40 ways to the last one.
// MOVES: remark: holds: require bounded_step(@o) {{.*}} (|step| <= 400000.0 * lr)

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

//--- squares.mlir
selfopt.schedule @f(%t: f32) -> f32 {
  %half = arith.constant 0.5 : f32
  %a0 = arith.mulf %t, %t : f32
  %a1 = arith.mulf %a0, %a0 : f32
  %a2 = arith.mulf %a1, %a1 : f32
  %a3 = arith.mulf %a2, %a2 : f32
  %a4 = arith.mulf %a3, %a3 : f32
  %a5 = arith.mulf %a4, %a4 : f32
  %a6 = arith.mulf %a5, %a5 : f32
  %a7 = arith.mulf %a6, %a6 : f32
  %a8 = arith.mulf %a7, %a7 : f32
  %a9 = arith.mulf %a8, %a8 : f32
  %a10 = arith.mulf %a9, %a9 : f32
  %a11 = arith.mulf %a10, %a10 : f32
  %a12 = arith.mulf %a11, %a11 : f32
  %a13 = arith.mulf %a12, %a12 : f32
  %a14 = arith.mulf %a13, %a13 : f32
  %a15 = arith.mulf %a14, %a14 : f32
  %a16 = arith.mulf %a15, %a15 : f32
  %a17 = arith.mulf %a16, %a16 : f32
  %a18 = arith.mulf %a17, %a17 : f32
  %a19 = arith.mulf %a18, %a18 : f32
  %a20 = arith.mulf %a19, %a19 : f32
  %a21 = arith.mulf %a20, %a20 : f32
  %a22 = arith.mulf %a21, %a21 : f32
  %a23 = arith.mulf %a22, %a22 : f32
  %a24 = arith.mulf %a23, %a23 : f32
  %a25 = arith.mulf %a24, %a24 : f32
  %a26 = arith.mulf %a25, %a25 : f32
  %a27 = arith.mulf %a26, %a26 : f32
  %a28 = arith.mulf %a27, %a27 : f32
  %a29 = arith.mulf %a28, %a28 : f32
  %a30 = arith.mulf %a29, %a29 : f32
  %a31 = arith.mulf %a30, %a30 : f32
  %a32 = arith.mulf %a31, %a31 : f32
  %a33 = arith.mulf %a32, %a32 : f32
  %a34 = arith.mulf %a33, %a33 : f32
  %a35 = arith.mulf %a34, %a34 : f32
  %a36 = arith.mulf %a35, %a35 : f32
  %a37 = arith.mulf %a36, %a36 : f32
  %a38 = arith.mulf %a37, %a37 : f32
  %a39 = arith.mulf %a38, %a38 : f32
  %c = arith.cmpf ogt, %a39, %half : f32
  %y = arith.select %c, %a39, %half : f32
  selfopt.return %y : f32
}
safety.policy @policy {
  safety.require bounded_below(@f)
}

//--- moves.mlir
selfopt.optimizer @o(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %m = arith.mulf %lr, %g : f32
  %c = arith.cmpf ogt, %g, %step : f32
  %x0 = arith.subf %w, %m : f32
  %z0 = arith.addf %w, %m : f32
  %s0 = arith.select %c, %x0, %z0 : f32
  %x1 = arith.subf %s0, %m : f32
  %z1 = arith.addf %s0, %m : f32
  %s1 = arith.select %c, %x1, %z1 : f32
  %x2 = arith.subf %s1, %m : f32
  %z2 = arith.addf %s1, %m : f32
  %s2 = arith.select %c, %x2, %z2 : f32
  %x3 = arith.subf %s2, %m : f32
  %z3 = arith.addf %s2, %m : f32
  %s3 = arith.select %c, %x3, %z3 : f32
  %x4 = arith.subf %s3, %m : f32
  %z4 = arith.addf %s3, %m : f32
  %s4 = arith.select %c, %x4, %z4 : f32
  %x5 = arith.subf %s4, %m : f32
  %z5 = arith.addf %s4, %m : f32
  %s5 = arith.select %c, %x5, %z5 : f32
  %x6 = arith.subf %s5, %m : f32
  %z6 = arith.addf %s5, %m : f32
  %s6 = arith.select %c, %x6, %z6 : f32
  %x7 = arith.subf %s6, %m : f32
  %z7 = arith.addf %s6, %m : f32
  %s7 = arith.select %c, %x7, %z7 : f32
  %x8 = arith.subf %s7, %m : f32
  %z8 = arith.addf %s7, %m : f32
  %s8 = arith.select %c, %x8, %z8 : f32
  %x9 = arith.subf %s8, %m : f32
  %z9 = arith.addf %s8, %m : f32
  %s9 = arith.select %c, %x9, %z9 : f32
  %x10 = arith.subf %s9, %m : f32
  %z10 = arith.addf %s9, %m : f32
  %s10 = arith.select %c, %x10, %z10 : f32
  %x11 = arith.subf %s10, %m : f32
  %z11 = arith.addf %s10, %m : f32
  %s11 = arith.select %c, %x11, %z11 : f32
  %x12 = arith.subf %s11, %m : f32
  %z12 = arith.addf %s11, %m : f32
  %s12 = arith.select %c, %x12, %z12 : f32
  %x13 = arith.subf %s12, %m : f32
  %z13 = arith.addf %s12, %m : f32
  %s13 = arith.select %c, %x13, %z13 : f32
  %x14 = arith.subf %s13, %m : f32
  %z14 = arith.addf %s13, %m : f32
  %s14 = arith.select %c, %x14, %z14 : f32
  %x15 = arith.subf %s14, %m : f32
  %z15 = arith.addf %s14, %m : f32
  %s15 = arith.select %c, %x15, %z15 : f32
  %x16 = arith.subf %s15, %m : f32
  %z16 = arith.addf %s15, %m : f32
  %s16 = arith.select %c, %x16, %z16 : f32
  %x17 = arith.subf %s16, %m : f32
  %z17 = arith.addf %s16, %m : f32
  %s17 = arith.select %c, %x17, %z17 : f32
  %x18 = arith.subf %s17, %m : f32
  %z18 = arith.addf %s17, %m : f32
  %s18 = arith.select %c, %x18, %z18 : f32
  %x19 = arith.subf %s18, %m : f32
  %z19 = arith.addf %s18, %m : f32
  %s19 = arith.select %c, %x19, %z19 : f32
  %x20 = arith.subf %s19, %m : f32
  %z20 = arith.addf %s19, %m : f32
  %s20 = arith.select %c, %x20, %z20 : f32
  %x21 = arith.subf %s20, %m : f32
  %z21 = arith.addf %s20, %m : f32
  %s21 = arith.select %c, %x21, %z21 : f32
  %x22 = arith.subf %s21, %m : f32
  %z22 = arith.addf %s21, %m : f32
  %s22 = arith.select %c, %x22, %z22 : f32
  %x23 = arith.subf %s22, %m : f32
  %z23 = arith.addf %s22, %m : f32
  %s23 = arith.select %c, %x23, %z23 : f32
  %x24 = arith.subf %s23, %m : f32
  %z24 = arith.addf %s23, %m : f32
  %s24 = arith.select %c, %x24, %z24 : f32
  %x25 = arith.subf %s24, %m : f32
  %z25 = arith.addf %s24, %m : f32
  %s25 = arith.select %c, %x25, %z25 : f32
  %x26 = arith.subf %s25, %m : f32
  %z26 = arith.addf %s25, %m : f32
  %s26 = arith.select %c, %x26, %z26 : f32
  %x27 = arith.subf %s26, %m : f32
  %z27 = arith.addf %s26, %m : f32
  %s27 = arith.select %c, %x27, %z27 : f32
  %x28 = arith.subf %s27, %m : f32
  %z28 = arith.addf %s27, %m : f32
  %s28 = arith.select %c, %x28, %z28 : f32
  %x29 = arith.subf %s28, %m : f32
  %z29 = arith.addf %s28, %m : f32
  %s29 = arith.select %c, %x29, %z29 : f32
  %x30 = arith.subf %s29, %m : f32
  %z30 = arith.addf %s29, %m : f32
  %s30 = arith.select %c, %x30, %z30 : f32
  %x31 = arith.subf %s30, %m : f32
  %z31 = arith.addf %s30, %m : f32
  %s31 = arith.select %c, %x31, %z31 : f32
  %x32 = arith.subf %s31, %m : f32
  %z32 = arith.addf %s31, %m : f32
  %s32 = arith.select %c, %x32, %z32 : f32
  %x33 = arith.subf %s32, %m : f32
  %z33 = arith.addf %s32, %m : f32
  %s33 = arith.select %c, %x33, %z33 : f32
  %x34 = arith.subf %s33, %m : f32
  %z34 = arith.addf %s33, %m : f32
  %s34 = arith.select %c, %x34, %z34 : f32
  %x35 = arith.subf %s34, %m : f32
  %z35 = arith.addf %s34, %m : f32
  %s35 = arith.select %c, %x35, %z35 : f32
  %x36 = arith.subf %s35, %m : f32
  %z36 = arith.addf %s35, %m : f32
  %s36 = arith.select %c, %x36, %z36 : f32
  %x37 = arith.subf %s36, %m : f32
  %z37 = arith.addf %s36, %m : f32
  %s37 = arith.select %c, %x37, %z37 : f32
  %x38 = arith.subf %s37, %m : f32
  %z38 = arith.addf %s37, %m : f32
  %s38 = arith.select %c, %x38, %z38 : f32
  %x39 = arith.subf %s38, %m : f32
  %z39 = arith.addf %s38, %m : f32
  %s39 = arith.select %c, %x39, %z39 : f32
  selfopt.return %s39 : f32
}
safety.policy @policy {
  safety.require bounded_step(@o) at_most(500000)
}
