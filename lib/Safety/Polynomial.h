//===- Polynomial.h - Exact algebra ------------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of monomials in numbered atoms, with rational coefficients and whole exponents, negative ones among them. Exact,
// or said to have failed: numbers have so many bits, and polynomials so many terms.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_POLYNOMIAL_H
#define SELFOPT_LIB_SAFETY_POLYNOMIAL_H

#include "mlir/Analysis/Presburger/Fraction.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <map>
#include <optional>

namespace selfopt {

using Rational = mlir::presburger::Fraction;

inline int signOf(const Rational &r) { return r.num > 0 ? 1 : r.num < 0 ? -1 : 0; }
using Monomial = std::map<int, int>; ///< Atom to exponent, none of them 0.
using Polynomial = std::map<Monomial, Rational>;

inline Monomial operator*(Monomial a, const Monomial &b) {
  for (auto [atom, exponent] : b)
    if ((a[atom] += exponent) == 0)
      a.erase(atom);
  return a;
}

class PolynomialRing {
public:
  static constexpr size_t maxTerms = 20000;
  /// Of a coefficient: repeated squares grow for ever.
  const llvm::DynamicAPInt most{llvm::APInt::getOneBitSet(160, 127)};
  /// Set where a coefficient or a polynomial grew too long: nothing is known then.
  bool failed = false;

  Polynomial constant(Rational c) {
    Polynomial r;
    add(r, {}, c);
    return r;
  }
  /// Fails where it is no finite number, or one far from those that losses are written with.
  Polynomial number(double x) {
    int exponent = 0;
    double fraction = std::isfinite(x) ? std::frexp(x, &exponent) : 0;
    auto whole = llvm::DynamicAPInt(int64_t(std::ldexp(fraction, 53))); // exact
    exponent -= 53;
    if (failed |= !std::isfinite(x) || std::abs(exponent) > 150; failed)
      return {};
    llvm::DynamicAPInt power(llvm::APInt::getOneBitSet(160, unsigned(std::abs(exponent))));
    return constant(exponent < 0 ? reduce(Rational(whole, power)) : Rational(whole * power));
  }
  Polynomial atom(int a, int exponent = 1) { return {{Monomial{{a, exponent}}, 1}}; }

  void add(Polynomial &to, const Monomial &m, const Rational &c) {
    Rational &sum = to[m];
    sum += c;
    failed |= sum.num > most || -sum.num > most || sum.den > most || to.size() > maxTerms ||
              llvm::any_of(m, [](auto power) { return std::abs(power.second) > (1 << 20); }); // far from overflow
    if (sum.num == 0)
      to.erase(m);
  }
  Polynomial sum(Polynomial a, const Polynomial &b, Rational scale = 1) {
    for (auto &[m, c] : b)
      add(a, m, c * scale);
    return a;
  }
  Polynomial product(const Polynomial &a, const Polynomial &b) {
    Polynomial r;
    failed |= a.size() * b.size() > maxTerms * 200;
    for (auto &[m, c] : a)
      for (auto term = b.begin(); term != b.end() && !failed; ++term)
        add(r, m * term->first, c * term->second);
    return r;
  }
  std::optional<Polynomial> quotient(const Polynomial &a, const Polynomial &b) {
    if (b.size() != 1)
      return std::nullopt;
    Monomial inverse;
    for (auto [atom, exponent] : b.begin()->first)
      inverse[atom] = -exponent;
    return product(a, {{inverse, 1 / b.begin()->second}});
  }
  /// With a polynomial in place of an atom; nullopt where the atom stands in a denominator.
  std::optional<Polynomial> substitute(const Polynomial &a, int atom, const Polynomial &by) {
    Polynomial r;
    for (auto &[m, c] : a) {
      auto power = m.find(atom);
      if (power != m.end() && power->second < 0)
        return std::nullopt;
      Monomial rest = m;
      rest.erase(atom);
      Polynomial term{{rest, c}};
      for (int i = 0; power != m.end() && i < power->second; ++i)
        term = product(term, by);
      r = sum(std::move(r), term);
    }
    return r;
  }
};

} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_POLYNOMIAL_H
