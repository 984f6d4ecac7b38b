// RUN: selfopt-opt %s --selfopt-mutate=apply | FileCheck %s

// An edit may bring in the first op of a dialect.
// CHECK: math.tanh
selfopt.schedule @f(%t: f32) -> f32 {
  %c = arith.constant 1.0 : f32
  %d = arith.subf %c, %t : f32
  selfopt.return %d : f32
}
evolve.lineage from("") {
  evolve.insert_op @f at(1) operand(0) op("math.tanh")
}
