// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan=train-rows=100 --selfopt-verify-planned | FileCheck %s
// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan --selfopt-verify-planned | FileCheck %s --check-prefix=READ
// RUN: sed 's/sampler(@hard_first)//' %S/../Inputs/points.mlir | selfopt-opt --selfopt-instantiate --selfopt-differentiate --selfopt-plan=train-rows=100 | FileCheck %s --check-prefix=PLAIN
// RUN: not selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan=train-rows=7 2>&1 | FileCheck %s --check-prefix=FEW
// RUN: sed 's/safety.limit parameters <= 200/safety.require finite(@loss) safety.require finite_state(@momentum)/' %S/../Inputs/points.mlir | selfopt-opt --selfopt-instantiate --selfopt-differentiate --selfopt-plan=train-rows=100 --selfopt-verify-planned | FileCheck %s --check-prefix=WATCHED
// RUN: selfopt-opt %s --selfopt-plan | FileCheck %s --check-prefix=NOTHING

// Parameters and state lie side by side, so that one launch updates all of them: 2*5 + 5 + 5*2 + 2 floats.
// CHECK-LABEL: plan.program @fit arena({{[0-9]+}}) data(@data) {
// CHECK-DAG:     plan.view "parameter.0" at(0) : memref<2x5xf32>
// CHECK-DAG:     plan.view "parameter.3" at({{[0-9]+}}) : memref<2xf32>
// CHECK-DAG:     plan.view "state.0.0" at({{[0-9]+}}) : memref<2x5xf32>
// CHECK-DAG:     %[[ORDER:.*]] = plan.view "order" at({{[0-9]+}}) : memref<100xi32>
// CHECK-DAG:     %[[X:.*]] = plan.view "x" at({{[0-9]+}}) : memref<8x2xf32>
// CHECK-DAG:     %[[Y:.*]] = plan.view "y" at({{[0-9]+}}) : memref<8xi32>
// CHECK-DAG:     %[[LOSS:.*]] = plan.view "loss" at({{[0-9]+}}) : memref<f32>
// CHECK-DAG:     %[[LOSSES:.*]] = plan.view "losses" at({{[0-9]+}}) : memref<100xf32>

// CHECK:         plan.section "initialize" {
// The state starts at 0.5, the learning rate at 0.1, no step has been done.
// CHECK:           plan.fill 5.000000e-01, %{{.*}} : memref<2x5xf32>
// CHECK:           plan.fill 1.000000e-01, %{{.*}} : memref<f32>

// 100 rows are 12 whole batches of 8.
// CHECK:         plan.section "train" {
// CHECK-NEXT:      plan.repeat "epochs" times(5) {
// CHECK:             plan.sample %[[ORDER]] by %{{.*}} age %{{.*}} fraction %{{.*}} of 5 drawn 96
// CHECK-NEXT:        plan.repeat "batches" times(12) {
// CHECK-NEXT:          plan.clock %{{.*}}, %{{.*}} of 60
// CHECK-NEXT:          plan.gather "features" to %[[X]] order %[[ORDER]]
// CHECK-NEXT:          plan.gather "answers" to %[[Y]] order %[[ORDER]]
// CHECK-NEXT:          plan.launch @[[CONTRACT:k_[0-9a-f]+]](%[[X]],
// CHECK:               plan.scatter %{{.*}} to %[[LOSSES]] order %[[ORDER]]
// CHECK-NEXT:          plan.record %[[LOSS]]

// A score needs no gradient.
// CHECK:         plan.section "score" {
// CHECK:           plan.gather "features" to %{{.*}} : memref<128x2xf32>
// CHECK:           plan.launch @[[CONTRACT]](

// A kernel has dynamic sizes and its own digest.
// CHECK:       func.func private @[[CONTRACT]](%{{.*}}: memref<?x?xf32>
// CHECK-SAME:    attributes {plan.digest = "{{[0-9a-f]+}}"}
// CHECK-NOT:   {{selfopt.gradient|func.call|linalg.*tensor<}}

// What the policy assumes is watched where it stands: predictions before the loss reads them, gradients before the update,
// parameters at the end of each epoch.
// WATCHED:      plan.section "initialize" {
// WATCHED:        plan.launch
// WATCHED-COUNT-4: plan.monitor "weight" within 1.000000e+06 %{{.*}} : memref<
// WATCHED-NEXT:   plan.fill
// WATCHED:      plan.section "train" {
// WATCHED:            plan.launch @{{.*}}(%{{.*}}, %{{.*}}, %{{.*}}, %[[LOGITS:[0-9]+]]) : {{.*}}memref<8x2xf32>{{$}}
// WATCHED-NEXT:       plan.monitor "prediction" within 1.000000e+02 %[[LOGITS]] : memref<8x2xf32>
// WATCHED-COUNT-4:    plan.monitor "gradient" within 1.000000e+04 %{{.*}} : memref<
// WATCHED:            plan.record
// WATCHED-NEXT:     }
// WATCHED-NEXT:     plan.monitor "weight" within 1.000000e+06 %{{.*}} : memref<2x5xf32>
// WATCHED-NEXT:     plan.monitor "weight" within 1.000000e+06 %{{.*}} : memref<5xf32>
// WATCHED-NEXT:     plan.monitor "weight" within 1.000000e+06 %{{.*}} : memref<5x2xf32>
// WATCHED-NEXT:     plan.monitor "weight" within 1.000000e+06 %{{.*}} : memref<2xf32>
// WATCHED-NEXT:   }
// WATCHED:      plan.section "score" {
// WATCHED-NOT:    plan.monitor
// WATCHED:      func.func private

// 36 of the 60 rows of the file train.
// READ: "order" at({{[0-9]+}}) : memref<36xi32>
// READ: plan.repeat "batches" times(4)

// PLAIN:     plan.repeat "epochs" times(5) {
// PLAIN-NEXT:  plan.shuffle %{{.*}} : memref<100xi32>
// PLAIN-NOT: plan.sample
// PLAIN-NOT: plan.scatter

// FEW: error: 'selfopt.pipeline' op expects a batch of at most the 7 training examples, found 8

// NOTHING-LABEL: func.func @untouched(
// NOTHING-NEXT:    math.exp
func.func @untouched(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
