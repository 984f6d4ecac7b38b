// A walk on ten by ten fields, from anywhere to the far corner, and a bonus that makes the corner easier to find.
//
//   selfopt-opt gridworld.mlir --selfopt-check-policy                 is the bonus one that can't mislead?
//   selfopt-opt gridworld.mlir --selfopt-mutate="count=3 seed=1"      what a search may make of it
//   selfopt-run call gridworld.mlir @grid --in state.npy --in action.npy --out next.npy      what an action does
module @gridworld {
  // Fields are numbered row by row; actions are up, right, down, left. At a wall one stays. The corner earns 1 and ends it.
  selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(100) actions(4) discount(0.95) {
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %two = arith.constant 2 : i32
    %three = arith.constant 3 : i32
    %nine = arith.constant 9 : i32
    %ten = arith.constant 10 : i32
    %goal = arith.constant 99 : i32
    %x = arith.remui %state, %ten : i32
    %y = arith.divui %state, %ten : i32
    %up = arith.cmpi eq, %action, %zero : i32
    %right = arith.cmpi eq, %action, %one : i32
    %down = arith.cmpi eq, %action, %two : i32
    %left = arith.cmpi eq, %action, %three : i32
    %r = arith.extui %right : i1 to i32
    %l = arith.extui %left : i1 to i32
    %d = arith.extui %down : i1 to i32
    %u = arith.extui %up : i1 to i32
    %dx = arith.subi %r, %l : i32
    %dy = arith.subi %d, %u : i32
    %x1 = arith.addi %x, %dx : i32
    %y1 = arith.addi %y, %dy : i32
    %x2 = arith.maxsi %x1, %zero : i32
    %y2 = arith.maxsi %y1, %zero : i32
    %x3 = arith.minsi %x2, %nine : i32
    %y3 = arith.minsi %y2, %nine : i32
    %row = arith.muli %y3, %ten : i32
    %next = arith.addi %row, %x3 : i32
    %done = arith.cmpi eq, %next, %goal : i32
    %reward = arith.uitofp %done : i1 to f32
    selfopt.return %next, %reward, %done : i32, f32, i1
  }

  // The discounted gain in a potential: minus the number of steps that are left. Where the episode ends it is 0.
  selfopt.reward @nearer(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
    %ten = arith.constant 10 : i32
    %far = arith.constant 18 : i32
    %discount = arith.constant 0.95 : f32
    %x = arith.remui %state, %ten : i32
    %y = arith.divui %state, %ten : i32
    %way = arith.addi %x, %y : i32
    %before = arith.subi %way, %far : i32
    %nx = arith.remui %next, %ten : i32
    %ny = arith.divui %next, %ten : i32
    %nway = arith.addi %nx, %ny : i32
    %after = arith.subi %nway, %far : i32
    %p = arith.sitofp %before : i32 to f32
    %q = arith.sitofp %after : i32 to f32
    %d = arith.mulf %discount, %q : f32
    %f = arith.subf %d, %p : f32
    selfopt.return %f : f32
  }

  safety.policy @policy {
    safety.seal @grid, @policy
    safety.require potential_based(@nearer) // whoever is best with the bonus is best without it
  }
}
