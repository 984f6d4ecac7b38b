// RUN: selfopt-opt %s --selfopt-prove-equivalent="before=written after=folded" | FileCheck %s --check-prefix=HOLDS
// RUN: not selfopt-opt %s --selfopt-prove-equivalent="before=written after=needle" 2>&1 | FileCheck %s --check-prefix=NEEDLE
// RUN: not selfopt-opt %s --selfopt-prove-equivalent="before=sine after=other_sine" 2>&1 | FileCheck %s --check-prefix=OPEN
// RUN: not selfopt-opt %s --selfopt-prove-equivalent="before=written after=nothing" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: selfopt-opt %s --selfopt-prove-equivalent="before=counted after=wrapped" | FileCheck %s --check-prefix=INTEGERS

// What was asked stays, as text that reads back: the two forms can't differ, and sums of what is alike need no question.
selfopt.schedule @written(%t: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %c = arith.addf %one, %half : f32
  %a = arith.mulf %c, %t : f32
  %d = arith.mulf %a, %one : f32
  selfopt.return %d : f32
}
selfopt.schedule @folded(%t: f32) -> f32 {
  %c = arith.constant 1.5 : f32
  %a = arith.mulf %t, %c : f32
  selfopt.return %a : f32
}
// HOLDS: smt.solver() : () -> () {
// HOLDS: smt.set_logic "QF_UFBV"
// HOLDS: %[[T:.*]] = smt.declare_fun "argument.0" : !smt.bv<32>
// HOLDS: %[[PRODUCT:.*]] = smt.declare_fun "product" : !smt.func<(!smt.bv<31>, !smt.bv<31>) !smt.bv<31>>
// HOLDS: smt.apply_func %[[PRODUCT]]
// HOLDS: smt.distinct
// HOLDS: smt.assert
// HOLDS: smt.check sat {

// No input that is tried tells it apart; one of all floats does.
// NEEDLE: error: 'selfopt.schedule' op is not equivalent: expected result 0 to be 1.85175014 on the input (1.23450005), found 0
selfopt.schedule @needle(%t: f32) -> f32 {
  %c = arith.constant 1.5 : f32
  %a = arith.mulf %t, %c : f32
  %k = arith.constant 1.2345 : f32
  %zero = arith.constant 0.0 : f32
  %is = arith.cmpf oeq, %t, %k : f32
  %s = arith.select %is, %zero, %a : f32
  selfopt.return %s : f32
}

// A sine is any function.
// OPEN: error: 'selfopt.schedule' op is not proved equivalent: result 0, of a math.sin and of a arith.select: a solver finds numbers, and functions for the ops that round, by which they differ
selfopt.schedule @sine(%t: f32) -> f32 {
  %s = math.sin %t : f32
  selfopt.return %s : f32
}
selfopt.schedule @other_sine(%t: f32) -> f32 {
  %s = math.sin %t : f32
  %two = arith.constant 2.0 : f32
  %is = arith.cmpf oge, %s, %two : f32
  %r = arith.select %is, %two, %s : f32
  selfopt.return %r : f32
}

// NAME: error: expects after=NAME of a program, found 'nothing'

// A state is one of 250: what would tell them apart does not come up.
selfopt.environment @e(%s: i32, %a: i32) -> (i32, f32, i1) states(250) actions(4) discount(0.9) {
  %r = arith.constant 0.0 : f32
  %d = arith.constant false
  selfopt.return %s, %r, %d : i32, f32, i1
}
selfopt.reward @counted(%s: i32, %a: i32, %n: i32) -> f32 environment(@e) {
  %r = arith.sitofp %s : i32 to f32
  selfopt.return %r : f32
}
selfopt.reward @wrapped(%s: i32, %a: i32, %n: i32) -> f32 environment(@e) {
  %states = arith.constant 250 : i32
  %k = arith.remui %s, %states : i32
  %r = arith.sitofp %k : i32 to f32
  selfopt.return %r : f32
}
// INTEGERS: smt.bv.cmp ult %argument.0
// INTEGERS: smt.bv.urem
