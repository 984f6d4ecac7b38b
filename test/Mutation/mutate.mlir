// The same seed draws the same mutations, another seed others; the lineage starts at the digest of the spec.
// RUN: selfopt-opt %S/../Inputs/points.mlir "--selfopt-mutate=seed=3 count=8" -o %t.a
// RUN: selfopt-opt %S/../Inputs/points.mlir "--selfopt-mutate=seed=3 count=8" -o %t.b
// RUN: diff %t.a %t.b
// RUN: selfopt-opt %S/../Inputs/points.mlir "--selfopt-mutate=seed=4 count=8" -o %t.c
// RUN: not diff -q %t.a %t.c
// RUN: FileCheck %s --check-prefix=EIGHT < %t.a
// EIGHT:      evolve.lineage from("{{[0-9a-f]+}}") {
// EIGHT-COUNT-8: {{^ *evolve\.[a-z_]+ @}}
// EIGHT-NEXT: {{^ *}}}

// A lineage, appended to the spec that it starts at, leads to the same program again.
// RUN: python3 %S/Inputs/with_lineage.py %S/../Inputs/points.mlir %t.a > %t.start.mlir
// RUN: selfopt-opt %t.start.mlir --selfopt-mutate=apply -o %t.replayed
// RUN: diff %t.a %t.replayed
// It does not lead there from itself.
// RUN: not selfopt-opt %t.a --selfopt-mutate=apply 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: 'evolve.lineage' op starts at another spec
// TWICE: note: expected {{[0-9a-f]+}}
// TWICE: note: found {{[0-9a-f]+}}; a lineage that was applied leads to its module, not from it
// RUN: not selfopt-opt %S/../Inputs/points.mlir --selfopt-mutate=apply 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: expected an evolve.lineage to apply, found none

// Kinds can be chosen, and nothing outside the search's mutate(...) is touched.
// RUN: selfopt-opt %S/../Inputs/points.mlir "--selfopt-mutate=seed=1 count=5 kinds=widen,swap_activation" | FileCheck %s --check-prefix=KINDS
// KINDS:      selfopt.metric @accuracy
// KINDS-NEXT:   nn.argmax
// KINDS-NEXT:   arith.cmpi
// KINDS:      evolve.lineage
// KINDS-COUNT-5: {{evolve\.(widen|swap_activation) @net at\(0\)}}
// RUN: not selfopt-opt %S/../Inputs/points.mlir "--selfopt-mutate=kinds=shrink" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: expected a kind of mutation, found 'shrink'
// UNKNOWN: note: expected one of widen, narrow,

// Each kind, applied by hand.
// RUN: selfopt-opt %s --selfopt-mutate=apply | FileCheck %s
// CHECK:       selfopt.model @net(%[[X:.*]]: tensor<4xf32>)
// widen 6 to 8, then insert_dense of 3 in front of the last layer, then swap_activation of the first one
// CHECK-NEXT:    %[[H:.*]] = nn.dense %[[X]] units(8) init(he_normal) : tensor<8xf32>
// CHECK-NEXT:    %[[A:.*]] = nn.activation gelu %[[H]] : tensor<8xf32>
// CHECK-NEXT:    %[[I:.*]] = nn.dense %[[A]] units(3){{.*}} : tensor<3xf32>
// CHECK-NEXT:    %[[J:.*]] = nn.activation tanh %[[I]] : tensor<3xf32>
// CHECK-NEXT:    %[[Y:.*]] = nn.dense %[[J]] units(2) : tensor<2xf32>
// CHECK-NEXT:    selfopt.return %[[Y]]
// CHECK:       selfopt.model @deep(%[[X:.*]]: tensor<4xf32>)
// remove_dense of the first layer and its activation, narrow of the next from 6 to 5
// CHECK-NEXT:    %[[H:.*]] = nn.dense %[[X]] units(5) : tensor<5xf32>
// CHECK-NEXT:    nn.dense %[[H]] units(2) : tensor<2xf32>
// CHECK:       selfopt.optimizer @sgd(%[[W:.*]]: f32, %[[G:.*]]: f32, %[[LR:.*]]: f32, %[[STEP:.*]]: f32)
// edit_constant 0.5 to 0.25; replace_op mulf by minimumf; insert_op negf in front of its operand 1
// CHECK-NEXT:    %[[C:.*]] = arith.constant 2.500000e-01 : f32
// CHECK-NEXT:    %[[N:.*]] = arith.negf %[[C]] : f32
// CHECK-NEXT:    %[[M:.*]] = arith.minimumf %[[G]], %[[N]] : f32
// rewire_operand: the subtrahend is lr now, so the product is dead except in the sum
// CHECK-NEXT:    %[[D:.*]] = arith.subf %[[W]], %[[LR]] : f32
// CHECK-NEXT:    %[[S:.*]] = arith.addf %[[D]], %[[M]] : f32
// CHECK-NEXT:    selfopt.return %[[S]] : f32
// drop_op keeps its operand 0; the constant behind it is dead
// CHECK:       selfopt.schedule @linear(%[[T:.*]]: f32)
// CHECK-NEXT:    selfopt.return %[[T]] : f32
// 0.1 by 2; batch to 16
// CHECK:       data(@data) hyper(lr = 0.2, batch = 16, epochs = 5)
selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %h = nn.dense %x units(6) init(he_normal) : tensor<6xf32>
  %a = nn.activation relu %h : tensor<6xf32>
  %y = nn.dense %a units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.model @deep(%x: tensor<4xf32>) -> tensor<2xf32> {
  %h = nn.dense %x units(7) : tensor<7xf32>
  %a = nn.activation relu %h : tensor<7xf32>
  %i = nn.dense %a units(6) : tensor<6xf32>
  %y = nn.dense %i units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %c = arith.constant 0.5 : f32
  %m = arith.mulf %g, %c : f32
  %d = arith.subf %w, %m : f32
  %s = arith.addf %d, %m : f32
  selfopt.return %s : f32
}
selfopt.schedule @linear(%t: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %f = arith.subf %t, %one : f32
  selfopt.return %f : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) schedule(@linear)
    data(@data) hyper(lr = 0.1, batch = 8, epochs = 5)
evolve.lineage from("") {
  evolve.widen @net at(0) units(8)
  evolve.insert_dense @net at(1) units(3) activation("tanh")
  evolve.swap_activation @net at(0) to("gelu")
  evolve.remove_dense @deep at(0)
  evolve.narrow @deep at(0) units(5)
  evolve.edit_constant @sgd at(0) to(0.25)
  evolve.replace_op @sgd at(1) by("arith.minimumf")
  evolve.insert_op @sgd at(1) operand(1) op("arith.negf")
  evolve.rewire_operand @sgd at(3) operand(1) value(2)
  evolve.drop_op @linear at(1) keep(0)
  evolve.jitter_hyper @fit "lr" by(2.0)
  evolve.set_hyper @fit "batch" to(16.0)
}
