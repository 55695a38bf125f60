"""A notion's records sorted by what may be done with them: by date, role and usability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from service.eligibility.candidate import UNDATED, Candidate, convert, factor_of, implausible, newest
from service.eligibility.chart import Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.findings import Reason
from service.eligibility.notions import Notion, Ratio

_OFFSETS = 4  # days: the earlier of two instants may be of a day two days later, and the one between them too


class Timeline(NamedTuple):
    """A notion's records sorted by what may be done with them."""

    inside: list[Candidate]
    review: list[Candidate]
    undated: list[Candidate]
    old: list[Candidate]  # derived from two records; ``older`` has all
    aged: list[Reading]  # too old: read only when asked for
    unusable: list[tuple[Reading, Reason]]  # inside the window, or undated
    hints: list[Reading]


def timeline(ctx: Context, notion: Notion) -> Timeline:
    """Sort every record of a notion by date, role and usability (worked out once)."""
    key = ("timeline", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        known = ctx.memo[key] = _timeline(ctx, notion)
    return known  # type: ignore[return-value]


def older(ctx: Context, notion: Notion) -> list[Candidate]:
    """Return the values that count and are too old (worked out once)."""
    key = ("older", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        line = timeline(ctx, notion)
        read = [convert(ctx, notion, reading) for reading in line.aged]
        known = ctx.memo[key] = [*(c for c in read if isinstance(c, Candidate)), *line.old]
    return known  # type: ignore[return-value]


def recent(ctx: Context, notion: Notion) -> Timeline:
    """Sort a notion's records as far back as one may be the newest value: all that ``select`` asks for."""
    key = ("recent", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        simple = not (notion.aliases or notion.ratios or notion.last_resort)
        known = ctx.memo[key] = _recent(ctx, notion) if simple else timeline(ctx, notion)
    return known  # type: ignore[return-value]


def newest_older(ctx: Context, notion: Notion) -> list[Candidate]:
    """Return the newest of ``older``, and its equals, for a notion that has no value inside its window."""
    line = recent(ctx, notion)
    found = list(line.old)
    for reading in newest_first(line.aged):
        if last_day(reading) < since_newest(found):
            break
        converted = convert(ctx, notion, reading)
        if isinstance(converted, Candidate):
            found.append(converted)
    return newest(ctx, found)


def _recent(ctx: Context, notion: Notion) -> Timeline:
    readings = readings_of(ctx, notion)
    if len(readings) <= 1:
        return timeline(ctx, notion)
    line, units = Timeline([], [], [], [], [], [], []), set[object]()  # units that can be read
    since = notion.window.before(ctx.as_of).toordinal() if notion.window is not None else 0
    for reading in newest_first(readings):
        if reading.when is None or last_day(reading) >= since:
            _place(ctx, notion, line, reading)
            since = max(since, since_newest(line.inside))
            continue
        if _is_shown(notion, reading):
            line.hints.append(reading)
            continue
        unit = reading.quantity and reading.quantity[2:]
        if unit not in units and isinstance(factor_of(ctx, notion, reading), Fraction):  # or it says what is wrong
            units.add(unit)
        if _counts(notion, reading):
            line.aged.append(reading)
    return line


def newest_first(readings: Sequence[Reading]) -> list[Reading]:
    """Sort records by the last day that they can be of; undated ones come last."""
    return sorted(readings, key=last_day, reverse=True)


def last_day(reading: Reading) -> int:
    """Return the last day, an ordinal, that a record can be of; 0 for an undated one."""
    return 0 if reading.when is None else reading.when.last.toordinal()


def since_newest(candidates: Sequence[Candidate]) -> int:
    """Return the day (an ordinal) before which no record can be the newest, whatever its date leaves open."""
    return max([c.when.first for c in candidates]).toordinal() - _OFFSETS if candidates else 0


def readings_of(ctx: Context, notion: Notion) -> list[Reading]:
    """Return the Observations of a notion's own concepts."""
    return [reading for concept in notion.concepts or (notion.id,) for reading in ctx.readings(concept)]


def _timeline(ctx: Context, notion: Notion) -> Timeline:
    line = Timeline([], [], [], [], [], [], [])
    for reading in readings_of(ctx, notion):
        _place(ctx, notion, line, reading)
    for alias in notion.aliases:
        extra = frozenset((alias.tag,)) if alias.tag else frozenset()
        for reading in ctx.readings(alias.concept):
            _place(ctx, notion, line, reading, extra, another=True)
    for ratio in notion.ratios:
        marked = [r for r in ctx.readings(ratio.measured) if ctx.not_measurable(r)]
        line.unusable.extend((r, Reason.NO_USABLE_VALUE) for r in marked if may_fit(ctx, notion, r))
        reported = {(c.when.first, ratio.tag in c.tags) for c in line.inside if not c.derived and c.when.exact}
        for candidate in _ratios(ctx, notion, ratio):
            # What a laboratory reports goes before what is computed from the same day's parts.
            if (candidate.when.first, ratio.tag in candidate.tags) not in reported:
                _by_date(ctx, notion, candidate, line.inside, line.undated, line.old)
    return line


def _place(
    ctx: Context,
    notion: Notion,
    line: Timeline,
    reading: Reading,
    extra: frozenset[str] = frozenset(),
    *,
    another: bool = False,
) -> None:
    """Place a record; one of another notion only where its number is comparable, or could not be had."""
    shown = _is_shown(notion, reading)
    counts = _counts(notion, reading)
    if not shown and not may_fit(ctx, notion, reading):
        factor_of(ctx, notion, reading)  # which says when the unit is not known
        if counts:
            line.aged.append(reading)
        return
    converted = convert(ctx, notion, reading, extra) if another or not shown else None
    if another and not isinstance(converted, Candidate) and not ctx.not_measurable(reading):
        return
    if shown:
        line.hints.append(reading)
    elif isinstance(converted, Candidate):
        inside, undated = (line.inside, line.undated) if counts else (line.review, line.review)
        _by_date(ctx, notion, converted, inside, undated, line.old)
    elif converted is not None:
        line.unusable.append((reading, converted))


def _is_shown(notion: Notion, reading: Reading) -> bool:
    """Whether a record is evidence and never decides: by its code, or because it was had by other means."""
    if reading.role is Role.HINT or reading.role is Role.NEGATIVE:
        return True
    return not reading.tags.isdisjoint(notion.shown_only) and reading.tags.isdisjoint(notion.promoted_by)


def _counts(notion: Notion, reading: Reading) -> bool:
    return reading.role is Role.MATCH or not reading.tags.isdisjoint(notion.promoted_by)


def may_fit(ctx: Context, notion: Notion, reading: Reading) -> bool:
    """Whether a record may lie inside its notion's window."""
    return reading.when is None or notion.window is None or ctx.within(reading.when, notion.window) is not False


def _by_date(
    ctx: Context,
    notion: Notion,
    candidate: Candidate,
    inside: list[Candidate],
    undated: list[Candidate],
    old: list[Candidate],
) -> None:
    if candidate.when is UNDATED:
        undated.append(candidate)
        return
    fits = True if notion.window is None else ctx.within(candidate.when, notion.window)
    (inside if fits else old if fits is False else undated).append(candidate)


def _ratios(ctx: Context, notion: Notion, ratio: Ratio) -> Iterable[Candidate]:
    """Measured / predicted x 100, with the newest predicted value of the same day."""
    measured = ctx.readings(ratio.measured)
    if not measured:
        return
    bare = Notion(id=notion.id, label={}, nature=notion.nature, resources=notion.resources, quantity=ratio.quantity)
    tops = [c for r in measured if isinstance(c := convert(ctx, bare, r), Candidate)]
    bottoms = [c for r in ctx.readings(ratio.predicted) if isinstance(c := convert(ctx, bare, r), Candidate)]
    for top in tops:
        same_day = [b for b in bottoms if b.when.exact and top.when.exact and b.when.first == top.when.first]
        for bottom in newest(ctx, same_day):
            low = bottom.intervals[0].low
            if low is None or low <= 0 or bottom.intervals[0].high != low:
                continue
            interval = top.intervals[0].scaled(100 / Fraction(low))
            if not implausible(notion, interval):
                yield top._replace(
                    intervals=(interval,),
                    tags=top.tags | {ratio.tag} if ratio.tag else top.tags,
                    sources=tuple(sorted({*top.sources, *bottom.sources})),
                    received=f"{top.received} / {bottom.received}",
                    derived=True,
                    contested=top.contested or bottom.contested,
                    limits=(),
                )
