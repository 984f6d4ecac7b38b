// RUN: split-file %s %t
// RUN: selfopt-opt %examples/gridworld.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=GRID
// RUN: not selfopt-opt %t/progress.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=PROGRESS
// RUN: not selfopt-opt %t/unsealed.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=UNSEALED
// RUN: selfopt-opt %t/ring.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=RING
// RUN: not selfopt-opt %t/easier.mlir --selfopt-check-policy=policy-of=%t/ring.mlir 2>&1 | FileCheck %s --check-prefix=EASIER

// Minus the steps that are left, on ten by ten fields.
// GRID-NOT: {{violated|unknown}}
// GRID:     remark: holds: seal @grid @policy (2 digests are equal)
// GRID:     remark: holds: require potential_based(@nearer) (a potential in [-18, {{.*}}] gives the bonus of all 400 transitions, up to {{[0-9.]+}}e-07; with it, what is not best is worse by 0.0209{{[0-9]*}} at least)

// Steps forward pay 2.5, steps back cost nothing. Where nothing trains there are no costs.
// PROGRESS: progress.mlir:25:3: error: violated: require potential_based(@eager) (in state 8 action 1 is best, worth 1 against 0.81 of action 0; with the bonus action 0 is, worth {{[0-9.]+}} against {{[0-9.]+}}, and the way becomes 0 1 0, round 7 -> 8 -> 7 for ever; from state {{.*}}; of a potential, all ways have the same)
// PROGRESS: progress.mlir:26:3: error: unknown: limit parameters <= 5

// UNSEALED: error: unknown: require potential_based(@nothing) (its environment @bandit is not sealed: what judges a reward must not change)

// RING: remark: holds: require potential_based(@constant) (a potential in [1, 1] gives the bonus of all 10 transitions

// The reward is judged in the environment that was sealed, not in the candidate's.
// EASIER: error: violated: seal @ring @policy (@ring changed: digest {{.*}})
// EASIER: remark: holds: require potential_based(@constant)

// Whoever seals a reward seals what it is added to; and a flow goes through a reward to its environment.
// RUN: not selfopt-opt %t/through.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=THROUGH
// RUN: not selfopt-opt %t/later.mlir --selfopt-check-policy=policy-of=%t/through.mlir 2>&1 | FileCheck %s --check-prefix=LATER
// THROUGH: remark: holds: require potential_based(@bonus) (a potential in [-1, -1]
// THROUGH: error: violated: require no_flow(@pulls -> @bonus) (@bonus -> @pulls reads it)
// LATER: error: violated: seal @bonus (@bonus changed: digest

//--- through.mlir
selfopt.environment @pulls(%state: i32, %action: i32) -> (i32, f32, i1) states(2) actions(2) discount(0.5) {
  %done = arith.constant true
  %reward = arith.sitofp %action : i32 to f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @bonus(%state: i32, %action: i32, %next: i32) -> f32 environment(@pulls) {
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.seal @bonus
  safety.require potential_based(@bonus)
  safety.require no_flow(@pulls -> @bonus)
}

//--- later.mlir
selfopt.environment @pulls(%state: i32, %action: i32) -> (i32, f32, i1) states(2) actions(2) discount(0.25) {
  %done = arith.constant true
  %reward = arith.sitofp %action : i32 to f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @bonus(%state: i32, %action: i32, %next: i32) -> f32 environment(@pulls) {
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.seal @bonus
  safety.require potential_based(@bonus)
  safety.require no_flow(@pulls -> @bonus)
}

//--- progress.mlir
selfopt.environment @corridor(%state: i32, %action: i32) -> (i32, f32, i1) states(10) actions(2) discount(0.9) {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %last = arith.constant 9 : i32
  %twice = arith.addi %action, %action : i32
  %move = arith.subi %twice, %one : i32
  %to = arith.addi %state, %move : i32
  %low = arith.maxsi %to, %zero : i32
  %next = arith.minsi %low, %last : i32
  %done = arith.cmpi eq, %next, %last : i32
  %reward = arith.uitofp %done : i1 to f32
  selfopt.return %next, %reward, %done : i32, f32, i1
}
// 2.5 max(0, progress)
selfopt.reward @eager(%state: i32, %action: i32, %next: i32) -> f32 environment(@corridor) {
  %zero = arith.constant 0.0 : f32
  %pay = arith.constant 2.5 : f32
  %d = arith.subi %next, %state : i32
  %progress = arith.sitofp %d : i32 to f32
  %forward = arith.maximumf %progress, %zero : f32
  %f = arith.mulf %pay, %forward : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.require potential_based(@eager)
  safety.limit parameters <= 5
  safety.seal @corridor
}

//--- unsealed.mlir
selfopt.environment @bandit(%state: i32, %action: i32) -> (i32, f32, i1) states(1) actions(3) discount(0.5) {
  %done = arith.constant true
  %reward = arith.sitofp %action : i32 to f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @nothing(%state: i32, %action: i32, %next: i32) -> f32 environment(@bandit) {
  %f = arith.constant 0.0 : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.seal @policy
  safety.require potential_based(@nothing)
}

//--- ring.mlir
selfopt.environment @ring(%state: i32, %action: i32) -> (i32, f32, i1) states(5) actions(2) discount(0.9) {
  %five = arith.constant 5 : i32
  %to = arith.addi %state, %action : i32
  %next = arith.remui %to, %five : i32
  %done = arith.constant false
  %reward = arith.sitofp %next : i32 to f32
  selfopt.return %next, %reward, %done : i32, f32, i1
}
selfopt.reward @constant(%state: i32, %action: i32, %next: i32) -> f32 environment(@ring) {
  %f = arith.constant -0.1 : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.seal @ring, @policy
  safety.require potential_based(@constant)
}

//--- easier.mlir
selfopt.environment @ring(%state: i32, %action: i32) -> (i32, f32, i1) states(5) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.sitofp %action : i32 to f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @constant(%state: i32, %action: i32, %next: i32) -> f32 environment(@ring) {
  %f = arith.constant -0.1 : f32
  selfopt.return %f : f32
}
safety.policy @policy {
  safety.seal @ring, @policy
  safety.require potential_based(@constant)
}
