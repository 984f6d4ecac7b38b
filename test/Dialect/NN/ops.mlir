// RUN: selfopt-opt %s | FileCheck %s
// RUN: selfopt-opt %s | selfopt-opt | FileCheck %s
// RUN: selfopt-opt --mlir-print-op-generic %s | selfopt-opt | FileCheck %s

// CHECK-LABEL: selfopt.model @dense(
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>) -> tensor<2xf32> {
selfopt.model @dense(%x: tensor<4xf32>) -> tensor<2xf32> {
  // The default is not printed.
  // CHECK-NEXT: %[[A:.*]] = nn.dense %[[X]] units(5) : tensor<5xf32>
  %a = nn.dense %x units(5) init(fan_in_uniform) : tensor<5xf32>
  // CHECK-NEXT: %[[B:.*]] = nn.dense %[[A]] units(6) init(glorot_uniform) : tensor<6xf32>
  %b = nn.dense %a units(6) init(glorot_uniform) : tensor<6xf32>
  // CHECK-NEXT: %[[C:.*]] = nn.dense %[[B]] units(7) init(he_normal) : tensor<7xf32>
  %c = nn.dense %b units(7) init(he_normal) : tensor<7xf32>
  // CHECK-NEXT: %[[D:.*]] = nn.dense %[[C]] units(1) init(lecun_normal) : tensor<1xf32>
  %d = nn.dense %c units(1) init(lecun_normal) : tensor<1xf32>
  // CHECK-NEXT: %[[E:.*]] = nn.dense %[[D]] units(2) init(zeros) {note = "last"} : tensor<2xf32>
  %e = nn.dense %d units(2) init(zeros) {note = "last"} : tensor<2xf32>
  // CHECK-NEXT: selfopt.return %[[E]] : tensor<2xf32>
  selfopt.return %e : tensor<2xf32>
}

// CHECK-LABEL: selfopt.model @shared(
selfopt.model @shared(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: nn.dense %{{.*}} units(4) param("core") : tensor<4xf32>
  %a = nn.dense %x units(4) param("core") : tensor<4xf32>
  // CHECK: nn.dense %{{.*}} units(4) init(zeros) param("other") : tensor<4xf32>
  %b = nn.dense %a units(4) init(zeros) param("other") : tensor<4xf32>
  // CHECK: nn.dense %{{.*}} units(4) param("core") {note = "again"} : tensor<4xf32>
  %c = nn.dense %b units(4) param("core") {note = "again"} : tensor<4xf32>
  selfopt.return %c : tensor<4xf32>
}

// CHECK-LABEL: selfopt.model @activations(
// CHECK-SAME:    %[[X:.*]]: tensor<2x3xf32>)
selfopt.model @activations(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK-NEXT: %[[A:.*]] = nn.activation relu %[[X]] : tensor<2x3xf32>
  %a = nn.activation relu %x : tensor<2x3xf32>
  // CHECK-NEXT: %[[B:.*]] = nn.activation tanh %[[A]] : tensor<2x3xf32>
  %b = nn.activation tanh %a : tensor<2x3xf32>
  // CHECK-NEXT: %[[C:.*]] = nn.activation gelu %[[B]] : tensor<2x3xf32>
  %c = nn.activation gelu %b : tensor<2x3xf32>
  // CHECK-NEXT: %[[D:.*]] = nn.activation sigmoid %[[C]] : tensor<2x3xf32>
  %d = nn.activation sigmoid %c : tensor<2x3xf32>
  // CHECK-NEXT: selfopt.return %[[D]]
  selfopt.return %d : tensor<2x3xf32>
}

// CHECK-LABEL: selfopt.model @rows(
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>)
selfopt.model @rows(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: %[[A:.*]] = nn.softmax %[[X]] : tensor<4xf32>
  %a = nn.softmax %x : tensor<4xf32>
  // CHECK-NEXT: %[[B:.*]] = nn.log_softmax %[[A]] : tensor<4xf32>
  %b = nn.log_softmax %a : tensor<4xf32>
  // CHECK-NEXT: selfopt.return %[[B]]
  selfopt.return %b : tensor<4xf32>
}

// CHECK-LABEL: selfopt.metric @judge(
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>, %[[LABEL:.*]]: i32) -> f32 {
selfopt.metric @judge(%x: tensor<4xf32>, %label: i32) -> f32 {
  // CHECK-NEXT: %[[PICKED:.*]] = nn.pick %[[X]][%[[LABEL]]] : f32
  %p = nn.pick %x[%label] : f32
  // CHECK-NEXT: %[[BEST:.*]] = nn.argmax %[[X]] : i32
  %b = nn.argmax %x : i32
  // CHECK-NEXT: %[[HOT:.*]] = nn.one_hot %[[BEST]] : tensor<4xf32>
  %h = nn.one_hot %b : tensor<4xf32>
  // CHECK-NEXT: %[[SUM:.*]] = nn.reduce sum %[[HOT]] : f32
  %s = nn.reduce sum %h : f32
  // CHECK-NEXT: %[[MEAN:.*]] = nn.reduce mean %[[X]] : f32
  %m = nn.reduce mean %x : f32
  // CHECK-NEXT: %[[MAX:.*]] = nn.reduce max %[[X]] : f32
  %t = nn.reduce max %x : f32
  // CHECK-NEXT: arith.addf %[[PICKED]], %[[SUM]]
  %a = arith.addf %p, %s : f32
  // CHECK-NEXT: arith.addf %[[MEAN]], %[[MAX]]
  %c = arith.addf %m, %t : f32
  %d = arith.addf %a, %c : f32
  selfopt.return %d : f32
}

// CHECK-LABEL: selfopt.model @norms(
// CHECK-SAME:    %[[X:.*]]: tensor<3xf32>)
selfopt.model @norms(%x: tensor<3xf32>) -> tensor<9xf32> {
  // CHECK-NEXT: %[[A:.*]] = nn.layer_norm %[[X]] : tensor<3xf32>
  %a = nn.layer_norm %x : tensor<3xf32>
  // CHECK-NEXT: %[[B:.*]] = nn.rms_norm %[[A]] : tensor<3xf32>
  %b = nn.rms_norm %a : tensor<3xf32>
  // CHECK-NEXT: %[[C:.*]] = nn.concat %[[A]], %[[B]], %[[X]] : tensor<9xf32>
  %c = nn.concat %a, %b, %x : tensor<9xf32>
  // CHECK-NEXT: %[[D:.*]] = nn.dense %[[C]] units(9) init(identity) : tensor<9xf32>
  %d = nn.dense %c units(9) init(identity) : tensor<9xf32>
  selfopt.return %d : tensor<9xf32>
}

// CHECK-LABEL: selfopt.model @random(
// CHECK-SAME:    %[[X:.*]]: tensor<2x3xf32>)
selfopt.model @random(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK-NEXT: %[[A:.*]] = nn.noise %[[X]] scale(0.5) : tensor<2x3xf32>
  %a = nn.noise %x scale(0.5) : tensor<2x3xf32>
  // CHECK-NEXT: %[[B:.*]] = nn.dropout %[[A]] rate(0.1) {note = "b"} : tensor<2x3xf32>
  %b = nn.dropout %a rate(0.1) {note = "b"} : tensor<2x3xf32>
  selfopt.return %b : tensor<2x3xf32>
}
