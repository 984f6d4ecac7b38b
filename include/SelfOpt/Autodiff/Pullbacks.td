//===- Pullbacks.td - Derivative rules of elementwise ops --------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
//
// A rule names an op, its operands, and for each operand the cotangent that flows to it: `$ct` is the result's
// cotangent, `$res` the result. The same rule serves scalars and ranked tensors. `selfopt-tblgen` turns each rule into
// an external model of PullbackOpInterface. What a rule reads is what must be saved, so rules prefer the result to the
// operand where both would do.
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_AUTODIFF_PULLBACKS_TD
#define SELFOPT_AUTODIFF_PULLBACKS_TD

def operands; // (operands $a, $b): names the operands in order
def constant; // (constant "2.0"): a constant of the cotangent's type
def none;     // no cotangent: the result does not depend differentiably on this operand

// An op that a rule may create, by its C++ class.
class Build<string cppClass> { string op = cppClass; string predicate = ""; }
class Compare<string cppPredicate> : Build<"::mlir::arith::CmpFOp"> { let predicate = cppPredicate; }
def addf : Build<"::mlir::arith::AddFOp">;
def subf : Build<"::mlir::arith::SubFOp">;
def mulf : Build<"::mlir::arith::MulFOp">;
def divf : Build<"::mlir::arith::DivFOp">;
def negf : Build<"::mlir::arith::NegFOp">;
def select : Build<"::mlir::arith::SelectOp">;
def exp : Build<"::mlir::math::ExpOp">;
def log : Build<"::mlir::math::LogOp">;
def sin : Build<"::mlir::math::SinOp">;
def cos : Build<"::mlir::math::CosOp">;
def powf : Build<"::mlir::math::PowFOp">;
def ogt : Compare<"OGT">;
def olt : Compare<"OLT">;

class Pullback<string dialectName, string cppClass, dag operandNames, list<dag> rules> {
  string dialect = dialectName;
  string op = cppClass;
  dag names = operandNames;
  list<dag> cotangents = rules;
}

//===--- arith --------------------------------------------------------------------------------------------------===//
def : Pullback<"arith", "AddFOp", (operands $a, $b), [(addf $ct), (addf $ct)]>;
def : Pullback<"arith", "SubFOp", (operands $a, $b), [(addf $ct), (negf $ct)]>;
def : Pullback<"arith", "MulFOp", (operands $a, $b), [(mulf $ct, $b), (mulf $ct, $a)]>;
def : Pullback<"arith", "DivFOp", (operands $a, $b), [(divf $ct, $b), (negf (divf (mulf $ct, $res), $b))]>;
def : Pullback<"arith", "NegFOp", (operands $a), [(negf $ct)]>;
// At a tie the cotangent goes to the second operand, so that relu = maximumf(x, 0) has slope 0 at 0.
def : Pullback<"arith", "MaximumFOp", (operands $a, $b),
  [(select (ogt $res, $b), $ct, (constant "0.0")), (select (ogt $res, $b), (constant "0.0"), $ct)]>;
def : Pullback<"arith", "MinimumFOp", (operands $a, $b),
  [(select (olt $res, $b), $ct, (constant "0.0")), (select (olt $res, $b), (constant "0.0"), $ct)]>;
def : Pullback<"arith", "MaxNumFOp", (operands $a, $b),
  [(select (ogt $res, $b), $ct, (constant "0.0")), (select (ogt $res, $b), (constant "0.0"), $ct)]>;
def : Pullback<"arith", "MinNumFOp", (operands $a, $b),
  [(select (olt $res, $b), $ct, (constant "0.0")), (select (olt $res, $b), (constant "0.0"), $ct)]>;
def : Pullback<"arith", "SelectOp", (operands $c, $a, $b),
  [(none), (select $c, $ct, (constant "0.0")), (select $c, (constant "0.0"), $ct)]>;
def : Pullback<"arith", "UIToFPOp", (operands $a), [(none)]>;
def : Pullback<"arith", "SIToFPOp", (operands $a), [(none)]>;

//===--- math ---------------------------------------------------------------------------------------------------===//
def : Pullback<"math", "ExpOp", (operands $x), [(mulf $ct, $res)]>;
def : Pullback<"math", "LogOp", (operands $x), [(divf $ct, $x)]>;
def : Pullback<"math", "Log1pOp", (operands $x), [(divf $ct, (addf $x, (constant "1.0")))]>;
def : Pullback<"math", "SqrtOp", (operands $x), [(divf (mulf $ct, (constant "0.5")), $res)]>;
def : Pullback<"math", "RsqrtOp", (operands $x), [(mulf (mulf $ct, (constant "-0.5")), (divf $res, $x))]>;
def : Pullback<"math", "TanhOp", (operands $x), [(mulf $ct, (subf (constant "1.0"), (mulf $res, $res)))]>;
def : Pullback<"math", "SinOp", (operands $x), [(mulf $ct, (cos $x))]>;
def : Pullback<"math", "CosOp", (operands $x), [(negf (mulf $ct, (sin $x)))]>;
// 2 / sqrt(pi) exp(-x^2)
def : Pullback<"math", "ErfOp", (operands $x),
  [(mulf (mulf $ct, (constant "1.1283791670955126")), (exp (negf (mulf $x, $x))))]>;
// The sign of zero's neighbourhood is undefined; the slope there is 0.
def : Pullback<"math", "AbsFOp", (operands $x),
  [(select (ogt $x, (constant "0.0")), $ct, (select (olt $x, (constant "0.0")), (negf $ct), (constant "0.0")))]>;
// d/dy x^y = x^y log x, taken as 0 where x <= 0: there the power is defined for integers y only.
def : Pullback<"math", "PowFOp", (operands $x, $y),
  [(mulf $ct, (mulf $y, (powf $x, (subf $y, (constant "1.0"))))),
   (select (ogt $x, (constant "0.0")), (mulf $ct, (mulf $res, (log $x))), (constant "0.0"))]>;
def : Pullback<"math", "FmaOp", (operands $a, $b, $c), [(mulf $ct, $b), (mulf $ct, $a), (addf $ct)]>;

#endif // SELFOPT_AUTODIFF_PULLBACKS_TD
