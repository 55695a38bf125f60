"""Reading a result as positive or negative: a coded answer, else its interpretation, else its number."""

from __future__ import annotations

from collections.abc import Sequence

from service.eligibility.chart import Entry, Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context, usable
from service.eligibility.notions import Notion


def positive(notion: Notion, reading: Reading) -> bool | None:
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
    return _by_number(notion, reading)


def _by_number(notion: Notion, reading: Reading) -> bool | None:
    quantity = reading.quantity
    if quantity is None or quantity.value is None:
        return None
    value = quantity.value
    highs = {
        limits.high.value
        for limits in reading.limits
        if limits.normal and limits.high is not None and limits.high.value is not None
        and (limits.high.unit or limits.high.code or quantity.unit or quantity.code)
        in (quantity.unit, quantity.code, None)
    }  # fmt: skip
    below, above = quantity.comparator in ("<", "<="), quantity.comparator in (">", ">=")
    if len(highs) == 1:
        high = highs.pop()
        if below:
            return False if value <= high else None
        if above:
            return True if value >= high else None
        return value > high
    if not highs and ("any" in notion.detection or not reading.tags.isdisjoint(notion.detection)):
        return not below and value > 0
    return None


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
    """Return the results that count and are positive."""
    return [
        reading
        for concept in notion.concepts or (notion.id,)
        for reading in ctx.readings(concept)
        if reading.role is Role.MATCH and positive(notion, reading) is True
    ]
