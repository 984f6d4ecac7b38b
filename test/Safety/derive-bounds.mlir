// RUN: selfopt-opt %s --selfopt-derive-bounds=examples=3 | FileCheck %s
// RUN: selfopt-opt %s --selfopt-derive-bounds=examples=3 | selfopt-opt --selfopt-plan=function=net.margins --selfopt-verify-planned | FileCheck %s --check-prefix=PLAN

// What the model may answer over a box of inputs, as a program: of its parameters, and of a box for each example.
// CHECK-LABEL: func.func @net.bounds(
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<4x2xf32>, %[[B:[a-z0-9]+]]: tensor<2xf32>, %{{[a-z0-9]+}}: tensor<2x2xf32>, %{{[a-z0-9]+}}: tensor<2xf32>,
// CHECK-SAME:    %[[LOW:[a-z0-9]+]]: tensor<3x4xf32>, %[[HIGH:[a-z0-9]+]]: tensor<3x4xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>)
// x = middle +- radius, so x W = middle W +- radius |W|; what is rounded is in proportion to size |W|.
// CHECK:         %[[X:.*]]:3 = linalg.generic {{.*}} ins(%[[LOW]], %[[HIGH]] :
// CHECK:         %[[MAGNITUDES:.*]] = math.absf %[[W]]
// CHECK:         %[[MIDDLE:.*]] = linalg.matmul ins(%[[X]]#0, %[[W]] :
// CHECK:         %[[REACH:.*]] = linalg.matmul ins(%[[X]]#1, %[[MAGNITUDES]] :
// CHECK:         %[[SIZE:.*]] = linalg.matmul ins(%[[X]]#2, %[[MAGNITUDES]] :
// CHECK:         %[[Y:.*]]:3 = linalg.generic {{.*}} ins(%[[MIDDLE]], %[[REACH]], %[[SIZE]], %[[B]] :
// CHECK:         linalg.generic {{.*}} ins(%[[Y]]#0, %[[Y]]#1 :
// CHECK:           arith.maximumf

// By how much the score of a label is above that of every class: as one linear form of the last hidden layer, and of the
// input with relu between two lines; the better of the two.
// CHECK-LABEL: func.func @net.margins(
// CHECK-SAME:    %[[LABEL:[a-z0-9]+]]: tensor<3xi32>) -> tensor<3x2xf32>
// CHECK:         %[[FORMS:.*]] = linalg.generic {{.*}} ins(%[[LABEL]] : tensor<3xi32>)
// CHECK:         %[[MARGINS:.*]] = arith.maxnumf
// CHECK-NEXT:    return %[[MARGINS]]

// It is planned like any other function.
// PLAN-LABEL: plan.program @net.margins arena(
// PLAN:         plan.section "call"
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %h = nn.dense %x units(2) : tensor<2xf32>
  %a = nn.activation relu %h : tensor<2xf32>
  %y = nn.dense %a units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
