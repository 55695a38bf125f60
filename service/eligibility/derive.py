"""Values derived from others: filtration rate from creatinine, BMI from weight, DLCO corrected for haemoglobin.

A derived value rests on all the records it was computed from. Where the formula differs by a sex
that is not known, each result stays an alternative; a comparison is decided where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from service.eligibility.candidate import Candidate
from service.eligibility.context import Context
from service.eligibility.findings import Reason
from service.eligibility.formulas import body_mass_index, ckd_epi, haemoglobin_factor
from service.eligibility.moment import When, completed_years
from service.eligibility.notions import Formula
from service.eligibility.quantity import Interval
from service.eligibility.rules import Correction
from service.eligibility.timeline import older, timeline

_SEXES = ("female", "male")


def sexes(ctx: Context) -> tuple[str, ...]:
    """Return the sexes for which a formula has to be tried."""
    gender = ctx.chart.person.gender
    return (gender,) if gender in _SEXES else _SEXES


def filtration_rate(
    ctx: Context, formula: Formula, creatinine: Candidate, given: Sequence[Candidate]
) -> list[Candidate]:
    """Derive the filtration rate on the day of a creatinine, for the age on that day."""
    del given
    birth = ctx.chart.person.birth
    if birth is None or birth.first > ctx.as_of:  # any rate is possible, and the older value no longer decides
        anything = Interval(Fraction(0), True, None, True)
        return [creatinine._replace(intervals=(anything,), undecided=Reason.NO_USABLE_VALUE, derived=True)]
    youngest, oldest = _ages(birth, creatinine.when)
    measured = creatinine.intervals[0]
    alternatives = tuple([_rates(formula, sex, measured, youngest, oldest) for sex in sexes(ctx)])
    return [creatinine._replace(intervals=alternatives, derived=True, limits=(), unit=(None, None))]


def _ages(birth: When, day: When) -> tuple[int, int]:
    """Return the youngest and oldest age, in completed years, on a day."""
    return max(completed_years(birth.last, day.first), 0), max(completed_years(birth.first, day.last), 0)


def _rates(formula: Formula, sex: str, creatinine: Interval, youngest: int, oldest: int) -> Interval:
    low = _low(formula, sex, creatinine, oldest)
    exact = creatinine.low is not None and 0 < creatinine.low == creatinine.high
    known = exact and youngest == oldest  # then one power is enough
    return Interval(*low, *(low if known else _high(formula, sex, creatinine, youngest)))


def _low(formula: Formula, sex: str, creatinine: Interval, age: int) -> tuple[Fraction | None, bool]:
    """Return the lowest rate: of the highest creatinine; none known means down to zero."""
    if creatinine.high is None:
        return Fraction(0), True
    return ckd_epi(formula, sex, creatinine.high, age), creatinine.high_open


def _high(formula: Formula, sex: str, creatinine: Interval, age: int) -> tuple[Fraction | None, bool]:
    if creatinine.low is None or creatinine.low <= 0:
        return None, True
    return ckd_epi(formula, sex, creatinine.low, age), creatinine.low_open


def body_mass(ctx: Context, formula: Formula, weight: Candidate, given: Sequence[Candidate]) -> list[Candidate]:
    """Derive the BMI of a weight's day with the newest height in its own window."""
    del ctx
    return [derived for height in given if (derived := _body_mass_with(formula, weight, height)) is not None]


def _body_mass_with(formula: Formula, weight: Candidate, height: Candidate) -> Candidate | None:
    low, high = height.intervals[0].low, height.intervals[0].high
    if low is None or high is None or low <= 0:
        return None
    kilograms = weight.intervals[0]
    interval = Interval(
        None if kilograms.low is None else body_mass_index(formula, kilograms.low, high),
        kilograms.low_open,
        None if kilograms.high is None else body_mass_index(formula, kilograms.high, low),
        kilograms.high_open,
    )
    return weight._replace(
        intervals=(interval,),
        sources=tuple(sorted({*weight.sources, *height.sources})),
        received=f"{weight.received}, {height.received}",
        derived=True,
        contested=weight.contested or height.contested,
        limits=(),
    )


Derivation = Callable[[Context, Formula, Candidate, Sequence[Candidate]], list[Candidate]]
DERIVATIONS: dict[str, Derivation] = {"ckd-epi": filtration_rate, "body-mass-index": body_mass}


def corrected(ctx: Context, rule: Correction, candidate: Candidate) -> list[Candidate]:
    """Correct a value for the haemoglobin nearest to its day, or within bounds where there is none."""
    if rule.already in candidate.tags:
        return [candidate]
    formula = ctx.study.formulas[rule.formula]
    nearest = _nearest(ctx, rule, candidate.when)
    if not nearest:
        bounds = Interval.between(rule.low, rule.high)
        return [_apply(ctx, formula, candidate, bounds)._replace(undecided=Reason.NO_USABLE_VALUE)]
    return [
        _apply(ctx, formula, candidate, given.intervals[0])._replace(
            sources=tuple(sorted({*candidate.sources, *given.sources})),
            received=f"{candidate.received}, {given.received}",
            contested=candidate.contested or given.contested,
        )
        for given in nearest
    ]


def _apply(ctx: Context, formula: Formula, candidate: Candidate, haemoglobin: Interval) -> Candidate:
    """Multiply by the factor's interval: the more haemoglobin, the smaller the factor."""
    intervals = []
    for value in candidate.intervals:
        for sex in sexes(ctx):
            low = None if haemoglobin.high is None else haemoglobin_factor(formula, sex, haemoglobin.high)
            high = (
                None
                if haemoglobin.low is None or haemoglobin.low <= 0
                else haemoglobin_factor(formula, sex, haemoglobin.low)
            )
            intervals.append(
                Interval(
                    None if value.low is None else Fraction(value.low) * (low if low is not None else 0),
                    value.low_open or haemoglobin.high_open,
                    None if value.high is None or high is None else Fraction(value.high) * high,
                    value.high_open or haemoglobin.low_open,
                )
            )
    return candidate._replace(intervals=tuple(intervals), derived=True)


def _nearest(ctx: Context, rule: Correction, when: When) -> list[Candidate]:
    """Return the usable value nearest to a day, at most so far away; equally near: the earlier."""
    if not when.exact:
        return []
    day = when.first
    notion = ctx.study.notions[rule.given]
    near = [
        c
        for c in (*timeline(ctx, notion).inside, *older(ctx, notion))
        if c.when.exact and rule.within.before(day) <= c.when.first <= rule.within.after(day)
    ]
    if not near:
        return []
    distance = min(abs(c.when.first - day) for c in near)
    best = [c for c in near if abs(c.when.first - day) == distance]
    instant = when.instant
    if instant is not None and all(c.when.instant is not None for c in best):
        gaps = {c: abs(c.when.instant - instant) for c in best if c.when.instant is not None}
        best = [c for c in best if gaps[c] == min(gaps.values())]
    best = _earliest(best)
    standing = max(c.standing for c in best)
    return [c for c in best if c.standing == standing]


def _earliest(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the first of them, and those that may be of the same moment."""
    day = min(c.when.first for c in candidates)
    of_day = [c for c in candidates if c.when.first == day]
    instants = [c.when.instant for c in of_day if c.when.instant is not None]
    return [c for c in of_day if c.when.instant is None or c.when.instant == min(instants)]
