//===- Polynomial.h - Exact algebra ------------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of monomials in numbered atoms, with rational coefficients and whole exponents, negative ones among them. Exact, or
// said to have failed: numbers have 128 bits, and polynomials so many terms.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_POLYNOMIAL_H
#define SELFOPT_LIB_SAFETY_POLYNOMIAL_H

#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <map>
#include <optional>

namespace selfopt {

/// Exact, or not there any more: an overflow of 128 bits makes it invalid, and all that it enters.
struct Rational {
  __int128 top = 0, bottom = 1;
  bool valid = true;

  static Rational invalid() {
    Rational r;
    r.valid = false;
    return r;
  }
  static Rational of(__int128 top, __int128 bottom = 1) {
    if (bottom == 0)
      return invalid();
    __int128 a = top < 0 ? -top : top, b = bottom < 0 ? -bottom : bottom;
    while (b) {
      __int128 r = a % b;
      a = b;
      b = r;
    }
    Rational r;
    r.top = (bottom < 0 ? -top : top) / (a ? a : 1);
    r.bottom = (bottom < 0 ? -bottom : bottom) / (a ? a : 1);
    return r;
  }
  static Rational of(double x) {
    int exponent;
    double m = std::frexp(x, &exponent);
    exponent -= 53;
    auto whole = __int128(std::ldexp(m, 53));
    while (whole && whole % 2 == 0)
      whole /= 2, ++exponent;
    if (!std::isfinite(x) || exponent > 60 || exponent < -100)
      return x == 0 ? Rational() : invalid();
    return exponent >= 0 ? of(whole << exponent) : of(whole, __int128(1) << -exponent);
  }
  int sign() const { return top > 0 ? 1 : top < 0 ? -1 : 0; }
};
inline Rational operator*(const Rational &a, const Rational &b) {
  Rational x = Rational::of(a.top, b.bottom), y = Rational::of(b.top, a.bottom);
  __int128 top, bottom;
  if (!a.valid || !b.valid || __builtin_mul_overflow(x.top, y.top, &top) || __builtin_mul_overflow(x.bottom, y.bottom, &bottom))
    return Rational::invalid();
  return Rational::of(top, bottom);
}
inline Rational operator+(const Rational &a, const Rational &b) {
  __int128 x, y, top, bottom;
  if (!a.valid || !b.valid || __builtin_mul_overflow(a.top, b.bottom, &x) || __builtin_mul_overflow(b.top, a.bottom, &y) ||
      __builtin_add_overflow(x, y, &top) || __builtin_mul_overflow(a.bottom, b.bottom, &bottom))
    return Rational::invalid();
  return Rational::of(top, bottom);
}
inline Rational operator-(const Rational &a) { return a * Rational::of(__int128(-1)); }

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
  /// Set where a coefficient overflowed or a polynomial grew too long: nothing is known then.
  bool failed = false;

  Polynomial constant(Rational c) {
    Polynomial r;
    add(r, {}, c);
    return r;
  }
  Polynomial atom(int a, int exponent = 1) { return {{Monomial{{a, exponent}}, Rational::of(__int128(1))}}; }

  void add(Polynomial &to, const Monomial &m, const Rational &c) {
    Rational &sum = to[m];
    sum = sum + c;
    failed |= !sum.valid || to.size() > maxTerms ||
              llvm::any_of(m, [](auto power) { return std::abs(power.second) > (1 << 20); }); // far from overflow
    if (sum.top == 0)
      to.erase(m);
  }
  Polynomial sum(Polynomial a, const Polynomial &b, Rational scale = Rational::of(__int128(1))) {
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
    const Rational &c = b.begin()->second;
    return product(a, {{inverse, Rational::of(c.bottom, c.top)}});
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
