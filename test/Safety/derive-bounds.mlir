// RUN: selfopt-opt %s --selfopt-derive-bounds=examples=3 | FileCheck %s
// RUN: selfopt-opt %s --selfopt-derive-bounds=examples=3 | selfopt-opt --selfopt-plan=function=net.margins --selfopt-verify-planned | FileCheck %s --check-prefix=PLAN

// What the model may answer over a ball of inputs, as a program: of its parameters, and of an input and a radius for each
// example. Inside, examples are the last dimension.
// CHECK-LABEL: func.func @net.bounds(
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<4x2xf32>, %[[B:[a-z0-9]+]]: tensor<2xf32>, %{{[a-z0-9]+}}: tensor<2x2xf32>, %{{[a-z0-9]+}}: tensor<2xf32>,
// CHECK-SAME:    %[[INPUT:[a-z0-9]+]]: tensor<3x4xf32>, %[[RADIUS:[a-z0-9]+]]: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
// CHECK:         %[[X:.*]] = linalg.generic {{.*}} ins(%[[INPUT]] : tensor<3x4xf32>) outs({{.*}} : tensor<4x3xf32>)
// Its least and largest numbers, and itself where they are known.
// CHECK:         %[[BALL:.*]]:3 = linalg.generic {{.*}} ins(%[[X]], %[[RADIUS]] :
// CHECK:           arith.cmpf ole
// CHECK:           linalg.yield
// All elements of an input have one radius, so one product is enough: x W +- radius sum |w|. What is rounded is in
// proportion to the norms of both.
// CHECK:         %[[SQUARES:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<4x2xf32>)
// CHECK:         %[[LENGTH:.*]] = linalg.generic {{.*}} ins(%[[SQUARES]] :
// CHECK:           math.sqrt
// CHECK:         %[[TOTAL:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<4x2xf32>)
// CHECK:           math.absf
// CHECK:         %[[MIDDLE:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[BALL]]#2 :
// CHECK:         %[[OTHERS:.*]] = linalg.generic {{.*}} ins(%[[BALL]]#2 : tensor<4x3xf32>)
// CHECK:         %[[DISTANCE:.*]] = linalg.generic {{.*}} ins(%[[OTHERS]] :
// CHECK:           math.sqrt
// CHECK:         %[[Y:.*]]:3 = linalg.generic {{.*}} ins(%[[MIDDLE]], %[[TOTAL]], %[[LENGTH]], %[[DISTANCE]], %[[RADIUS]], %[[B]] :
// CHECK:         linalg.generic {{.*}} ins(%[[Y]]#0, %[[Y]]#1 :
// CHECK:           arith.maximumf

// By how much the score of a label is above that of every class, as one linear form of the last hidden layer.
// CHECK-LABEL: func.func @net.margins(
// CHECK-SAME:    %[[LABEL:[a-z0-9]+]]: tensor<3xi32>) -> tensor<2x3xf32>
// CHECK:         %[[PICKS:.*]] = linalg.generic {{.*}} ins(%[[LABEL]] : tensor<3xi32>)
// CHECK:         %[[COLUMN:.*]] = linalg.matmul ins(%{{.*}}, %[[PICKS]] : tensor<2x2xf32>, tensor<2x3xf32>)
// CHECK:         linalg.generic {{.*}} ins(%[[COLUMN]],

// And above that of two rivals, as one of the input, with relu between two lines.
// CHECK-LABEL: func.func @net.relaxed(
// CHECK-SAME:    %[[LABEL:[a-z0-9]+]]: tensor<3xi32>, %[[RIVAL:[a-z0-9]+]]: tensor<2x3xi32>) -> tensor<2x3xf32>
// CHECK:         linalg.generic {{.*}} ins(%[[LABEL]] : tensor<3xi32>)
// CHECK:         linalg.generic {{.*}} ins(%[[RIVAL]] : tensor<2x3xi32>)
// CHECK:           arith.divf

// It is planned like any other function.
// PLAN-LABEL: plan.program @net.margins arena(
// PLAN:         plan.section "call"
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %h = nn.dense %x units(2) : tensor<2xf32>
  %a = nn.activation relu %h : tensor<2xf32>
  %y = nn.dense %a units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
