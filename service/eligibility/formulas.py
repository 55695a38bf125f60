"""The published equations, exact where they can be; their coefficients are data (``formulas.yaml``)."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

from service.eligibility.notions import Formula
from service.eligibility.quantity import Number

_DIGITS = 28  # of the powers in CKD-EPI, far beyond any clinical precision


def ckd_epi(formula: Formula, sex: str, creatinine: Number, age: int) -> Fraction:
    """Return the estimated filtration rate in mL/min/1.73 m² from creatinine in mg/dL and age in years.

    scale × min(Scr/κ, 1)^α × max(Scr/κ, 1)^exponent × yearly^age × sex factor (CKD-EPI 2021).
    """
    ratio = Fraction(creatinine) / Fraction(_of(formula, "kappa", sex))
    with localcontext() as context:
        context.prec = _DIGITS
        scr = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        value = (
            _of(formula, "scale")
            * min(scr, Decimal(1)) ** _of(formula, "alpha", sex)
            * max(scr, Decimal(1)) ** _of(formula, "exponent")
            * _of(formula, "yearly") ** age
            * _of(formula, "sex", sex)
        )
    return Fraction(value)


def body_mass_index(formula: Formula, kilograms: Number, centimetres: Number) -> Fraction:
    """Return kg/m² from weight in kg and height in cm."""
    metres = Fraction(centimetres) / Fraction(_of(formula, "per_metre"))
    return Fraction(kilograms) / metres**2


def haemoglobin_factor(formula: Formula, sex: str, haemoglobin: Number) -> Fraction:
    """Return by how much a DLCO is multiplied to correct it for haemoglobin in g/dL (Cotes)."""
    offset, slope = Fraction(_of(formula, "offset", sex)), Fraction(_of(formula, "slope"))
    measured = Fraction(haemoglobin)
    return (offset + measured) / (slope * measured)


def _of(formula: Formula, name: str, sex: str | None = None) -> Decimal:
    """Return a coefficient; the loader has checked that it is there."""
    value = formula.coefficients[name]
    if isinstance(value, dict):
        if sex is None:
            raise KeyError(name)
        return value[sex]
    return value
