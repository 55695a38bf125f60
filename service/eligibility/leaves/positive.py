"""Reading a result as positive or negative: a coded answer, else its interpretation, else its number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from service.eligibility.chart import Entry, Quantity, Reading, Standing
from service.eligibility.codes import Role
from service.eligibility.context import Context, usable
from service.eligibility.notions import Notion
from service.eligibility.quantity import Interval, Number


def positive(ctx: Context, notion: Notion, reading: Reading) -> bool | None:
    """Return whether a result is positive; ``None`` where it does not say."""
    if not usable(reading) or reading.contested:
        return None
    if reading.answer is not None:
        return reading.answer
    flags = reading.flags
    for prefix in ("", "serology-") if notion.high_is_positive else ("",):
        yes, no = f"{prefix}positive" in flags, f"{prefix}negative" in flags
        if yes is not no:
            return yes
    return _by_number(ctx, notion, reading)


def _by_number(ctx: Context, notion: Notion, reading: Reading) -> bool | None:
    quantity = reading.quantity
    if quantity is None or quantity.value is None:
        return None
    normal = [limits.high for limits in reading.limits if limits.normal and limits.high is not None]
    highs = {high for limit in normal if (high := _in_its_unit(ctx, notion, quantity, limit)) is not None}
    if len(highs) == 1:
        measured = Interval.from_comparator(quantity.comparator, quantity.value)  # type: ignore[arg-type]
        return measured.compare("gt", highs.pop())
    if not highs and ("any" in notion.detection or not reading.tags.isdisjoint(notion.detection)):
        return quantity.comparator not in ("<", "<=") and quantity.value > 0
    return None


def _in_its_unit(ctx: Context, notion: Notion, quantity: Quantity, limit: Quantity) -> Number | None:
    """Return a limit in the unit of the result beside it; a bare limit has that unit already."""
    if limit.value is None:
        return None
    if not (limit.unit or limit.code) or (limit.unit or limit.code) in (quantity.unit, quantity.code):
        return limit.value
    if notion.quantity is None:
        return None
    own = ctx.study.units.to_canonical(notion.quantity, limit.unit, limit.code)
    wanted = ctx.study.units.to_canonical(notion.quantity, quantity.unit, quantity.code)
    if isinstance(own, str) or isinstance(wanted, str):
        return None
    return Fraction(limit.value) * own / wanted


def present(ctx: Context, notion: Notion, tag: str | None = None) -> list[Entry | Reading]:
    """Return the records that show a finding at any time: once present is present."""
    records: list[Entry | Reading] = [*confirmed(ctx, notion), *positive_readings(ctx, notion)]
    return [record for record in records if tag is None or tag in record.tags]


def confirmed(ctx: Context, notion: Notion) -> list[Entry]:
    """Return the confirmed statements that count, active or past."""
    return [
        entry
        for entry in ctx.entries(notion.id)
        if entry.role is Role.MATCH and entry.certainty == "confirmed" and not entry.contested and not entry.unreadable
    ]


def positive_readings(ctx: Context, notion: Notion) -> Sequence[Reading]:
    """Return the dated results that count and are positive."""
    results = [(r, answer) for r, answer in answers(ctx, notion) if r.role is Role.MATCH and r.when is not None]
    return [reading for reading, answer in results if answer]


def answers(ctx: Context, notion: Notion) -> list[tuple[Reading, bool]]:
    """Return the results that say yes or no, without those that a correction replaced."""
    readings = [r for concept in notion.concepts or (notion.id,) for r in ctx.readings(concept)]
    return not_superseded([(r, said) for r in readings if (said := positive(ctx, notion, r)) is not None])


def not_superseded(results: Sequence[tuple[Reading, bool]]) -> list[tuple[Reading, bool]]:
    """Drop a result where a correction of the same test at the same time is there."""
    if len({reading.standing for reading, _ in results}) <= 1:  # as nearly always
        return list(results)
    best: dict[tuple[object, ...], Standing] = {}
    for reading, _ in results:
        best[_sample(reading)] = max(best.get(_sample(reading), Standing.PENDING), reading.standing)
    return [(r, answer) for r, answer in results if r.standing == best[_sample(r)]]


def _sample(reading: Reading) -> tuple[object, ...]:
    when = reading.when
    moment = None if when is None else when.instant or (when.first, when.last)
    return reading.concept, reading.tags, moment
