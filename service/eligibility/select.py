"""Which of several values counts: the newest usable one inside its window, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from service.eligibility.chart import Limits, Reading, Standing, Warning_
from service.eligibility.codes import Role
from service.eligibility.context import Context, usable
from service.eligibility.findings import Note, Reason, Value
from service.eligibility.moment import When
from service.eligibility.notions import Notion, Preference
from service.eligibility.quantity import Interval, UnitProblem, decimal_text

_MEASUREMENT_TAG_RANK = 1_000


class Candidate(NamedTuple):
    """A value that may be used: converted, plausible, with the records it comes from."""

    intervals: tuple[Interval, ...]  # more than one: formulas that differ by what is not known
    when: When
    standing: Standing
    tags: frozenset[str]
    sources: tuple[str, ...]
    received: str
    derived: bool = False
    contested: bool = False
    undecided: Reason = Reason.VALUE_NOT_DECISIVE
    limits: tuple[Limits, ...] = ()
    unit: tuple[str | None, str | None] = (None, None)


class Shown(NamedTuple):
    """A record shown as evidence although it does not decide."""

    value: Value | None
    effective: str | None
    source: str


class Selection(NamedTuple):
    """The equals that count (usually one), or the reason why none does."""

    group: tuple[Candidate, ...]
    reason: Reason | None
    notes: tuple[Note, ...] = ()
    shown: tuple[Shown, ...] = ()
    not_measurable: bool = False


class Timeline(NamedTuple):
    """A notion's records sorted by what may be done with them."""

    inside: list[Candidate]
    review: list[Candidate]
    undated: list[Candidate]
    old: list[Candidate]
    unusable: list[tuple[Reading, Reason]]  # inside the window, or undated
    hints: list[Reading]


def select(ctx: Context, notion: Notion) -> Selection:
    """Return the value that counts for a notion on the screening date (worked out once)."""
    key = ("select", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        known = ctx.memo[key] = _select(ctx, notion)
    return known  # type: ignore[return-value]


def timeline(ctx: Context, notion: Notion) -> Timeline:
    """Sort every record of a notion by date, role and usability (worked out once)."""
    key = ("timeline", notion.id)
    known = ctx.memo.get(key)
    if known is None:
        known = ctx.memo[key] = _timeline(ctx, notion)
    return known  # type: ignore[return-value]


def _timeline(ctx: Context, notion: Notion) -> Timeline:
    line = Timeline([], [], [], [], [], [])
    for concept in notion.concepts or (notion.id,):
        for reading in ctx.readings(concept):
            _place(ctx, notion, line, reading, frozenset())
    for alias in notion.aliases:
        extra = frozenset((alias.tag,)) if alias.tag else frozenset()
        for reading in ctx.readings(alias.concept):
            converted = convert(ctx, notion, reading, extra)
            if isinstance(converted, Candidate) or ctx.not_measurable(reading):
                _place(ctx, notion, line, reading, extra, converted)
    for ratio in notion.ratios:
        for candidate in _ratios(ctx, notion, ratio.measured, ratio.predicted, ratio.quantity, ratio.tag):
            _by_date(ctx, notion, candidate, line.inside, line.undated, line.old)
    return line


def _place(
    ctx: Context,
    notion: Notion,
    line: Timeline,
    reading: Reading,
    extra: frozenset[str],
    converted: Candidate | Reason | None = None,
) -> None:
    if reading.role in (Role.HINT, Role.NEGATIVE) or not reading.tags.isdisjoint(notion.shown_only):
        line.hints.append(reading)
        return
    if converted is None:
        converted = convert(ctx, notion, reading, extra)
    if isinstance(converted, Reason):
        if reading.when is None or notion.window is None or ctx.within(reading.when, notion.window) is not False:
            line.unusable.append((reading, converted))
        return
    counts = reading.role is Role.MATCH or not reading.tags.isdisjoint(notion.promoted_by)
    if counts:
        _by_date(ctx, notion, converted, line.inside, line.undated, line.old)
    else:
        _by_date(ctx, notion, converted, line.review, line.review, [])


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


UNDATED = When(date.min, date.max, None, "")


def convert(ctx: Context, notion: Notion, reading: Reading, extra: frozenset[str] = frozenset()) -> Candidate | Reason:
    """Read a record's number in the notion's canonical unit, or say why it cannot be used."""
    quantity = reading.quantity
    if not usable(reading) or quantity is None or quantity.value is None or notion.quantity is None:
        return Reason.NO_USABLE_VALUE
    factor = ctx.study.units.to_canonical(notion.quantity, quantity.unit, quantity.code)
    if isinstance(factor, UnitProblem):
        if factor is UnitProblem.UNKNOWN:
            ctx.warnings.append(Warning_("unit-unknown", reading.source, "the unit is in no list of spellings"))
        return Reason.UNIT_NOT_COMPARABLE
    try:
        interval = Interval.from_comparator(quantity.comparator, quantity.value)  # type: ignore[arg-type]
    except ValueError:
        return Reason.NO_USABLE_VALUE
    if factor != 1:
        interval = interval.scaled(factor)
    if notion.whole and interval.low is not None and interval.low == interval.high and interval.low % 1 != 0:
        return Reason.NO_USABLE_VALUE
    if _implausible(notion, interval):
        return Reason.NO_USABLE_VALUE
    return Candidate(
        (interval,), reading.when or UNDATED, reading.standing, reading.tags | extra if extra else reading.tags,
        (reading.source,), quantity.text, False, reading.contested, Reason.VALUE_NOT_DECISIVE,
        reading.limits, (quantity.unit, quantity.code),
    )  # fmt: skip


def _implausible(notion: Notion, interval: Interval) -> bool:
    return notion.plausible is not None and interval.outside(notion.plausible.low, notion.plausible.high)


def _ratios(
    ctx: Context, notion: Notion, measured: str, predicted: str, quantity: str, tag: str | None
) -> Iterable[Candidate]:
    """Measured / predicted x 100, with the newest predicted value of the same day."""
    bare = Notion(id=measured, label={}, nature=notion.nature, resources=notion.resources, quantity=quantity)
    tops = [c for r in ctx.readings(measured) if isinstance(c := convert(ctx, bare, r), Candidate)]
    if not tops:
        return
    bottoms = [c for r in ctx.readings(predicted) if isinstance(c := convert(ctx, bare, r), Candidate)]
    for top in tops:
        same_day = [b for b in bottoms if b.when.exact and top.when.exact and b.when.first == top.when.first]
        for bottom in newest(ctx, same_day)[:1]:
            low = bottom.intervals[0].low
            if low is None or low <= 0 or bottom.intervals[0].high != low:
                continue
            interval = top.intervals[0].scaled(100 / Fraction(low))
            if not _implausible(notion, interval):
                yield top._replace(
                    intervals=(interval,),
                    tags=top.tags | {tag} if tag else top.tags,
                    sources=tuple(sorted({*top.sources, *bottom.sources})),
                    received=f"{top.received} / {bottom.received}",
                    derived=True,
                    contested=top.contested or bottom.contested,
                    limits=(),
                )


def newest(ctx: Context, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the newest of dated candidates, and those that are its equals, in a fixed order."""
    if len(candidates) <= 1:
        return list(candidates)
    timed = [c for c in candidates if c.when.instant is not None]
    dated = [c for c in candidates if c.when.instant is None and c.when.exact]
    partial = [c for c in candidates if not c.when.exact]
    top: list[Candidate] = []
    if timed:
        latest = max(c.when.instant for c in timed)  # type: ignore[type-var]
        top = [c for c in timed if c.when.instant == latest]
    if dated:
        day = max(c.when.first for c in dated)
        written = max((c.when.first for c in top), default=date.min)
        if day > written:
            top = []
        if day >= written:
            top = top + [c for c in dated if c.when.first == day]
    if partial:
        first = max((c.when.first for c in top), default=date.min)
        later = max(c.when.first for c in partial)
        if later > first:
            first, top = later, []
        top = top + [c for c in partial if ctx.last_day(c.when) >= first]
    return sorted(top, key=_fixed_order)


def _fixed_order(candidate: Candidate) -> tuple[object, ...]:
    return candidate.sources, candidate.received, candidate.when.text


def _is_newer(ctx: Context, when: When | None, than: When) -> bool:
    """Whether one record is strictly newer than another; an undated one never is."""
    if when is None:
        return False
    if when.instant is not None and than.instant is not None:
        return when.instant > than.instant
    return when.first > ctx.last_day(than)


def _select(ctx: Context, notion: Notion) -> Selection:
    line = timeline(ctx, notion)
    inside = _without_last_resort(line.inside, notion)
    succeeding = _successors(ctx, notion, inside)
    group = succeeding or prefer(ctx, inside, notion.prefer)
    shown = tuple(_show_reading(ctx, notion, r) for r in _recent(line.hints))
    marked = _marked_not_measurable(ctx, line)
    if group:
        newer = any(_is_newer(ctx, r.when, group[0].when) for r, _ in line.unusable)
        return Selection(tuple(group), None, (Note.NEWER_UNUSABLE,) if newer else (), shown, marked)
    for candidates, reason in (
        (line.review, Reason.NEEDS_JUDGEMENT),
        (line.undated, Reason.DATE_NOT_DECISIVE),
    ):
        if candidates:
            best = newest(ctx, candidates)
            return Selection((), reason, (), (*(show(notion, ctx, c) for c in best), *shown), marked)
    if line.unusable:
        reading, reason = max(line.unusable, key=lambda pair: _recency(pair[0]))
        unreadable: tuple[Note, ...] = (Note.RECORD_UNREADABLE,) if reading.unreadable else ()
        return Selection((), reason, unreadable, (_show_reading(ctx, notion, reading), *shown), marked)
    if line.old:
        reason, notes = ctx.gap(notion, Reason.TOO_OLD)
        return Selection((), reason, notes, (*(show(notion, ctx, c) for c in newest(ctx, line.old)), *shown), marked)
    reason, notes = ctx.gap(notion)
    if reason is Reason.NO_RECORD and notion.successor is not None:
        behind = select(ctx, ctx.study.notions[notion.successor.source])
        if behind.reason is not None and behind.reason is not Reason.NO_RECORD:
            return behind._replace(shown=(*behind.shown, *shown))
    return Selection((), reason, notes, shown, marked)


def _without_last_resort(candidates: list[Candidate], notion: Notion) -> list[Candidate]:
    if not notion.last_resort:
        return candidates
    return [c for c in candidates if c.tags.isdisjoint(notion.last_resort)] or candidates


def _marked_not_measurable(ctx: Context, line: Timeline) -> bool:
    """Whether the newest record in the window says that the quantity could not be had."""
    records = [r for r, _ in line.unusable]
    if not any(r.absent for r in records):
        return False
    newest_of_all = max(records, key=_recency)
    return ctx.not_measurable(newest_of_all) and not any(
        _is_newer(ctx, c.when, newest_of_all.when) for c in line.inside if newest_of_all.when is not None
    )


def _recency(reading: Reading) -> tuple[date, str, str]:
    when = reading.when
    if when is None:
        return date.min, "", reading.source
    return when.last, when.instant.isoformat() if when.instant else "", reading.source


def _recent(readings: list[Reading]) -> list[Reading]:
    return [max(readings, key=_recency)] if readings else []


def prefer(ctx: Context, candidates: Sequence[Candidate], preference: Preference | None) -> list[Candidate]:
    """Return the newest candidates after the notion's preference and the status of each record."""
    top = newest(ctx, candidates)
    if len(candidates) <= 1:
        return top
    if preference is not None:
        if preference.of == "day":
            day = max(c.when.first for c in top)
            same = [c for c in candidates if c.when.exact and c.when.first == day]
            chosen = [c for c in same if not c.tags.isdisjoint(preference.tags)]
            top = newest(ctx, chosen) if chosen else top
        best = min(_rank(c, preference) for c in top)
        top = [c for c in top if _rank(c, preference) == best]
    standing = max(c.standing for c in top)
    return [c for c in top if c.standing == standing]


def _rank(candidate: Candidate, preference: Preference) -> int:
    ranks = [rank for rank, tag in enumerate(preference.tags) if tag in candidate.tags]
    rank = min(ranks, default=len(preference.tags))
    return rank if candidate.tags.isdisjoint(preference.last) else rank + _MEASUREMENT_TAG_RANK


def _successors(ctx: Context, notion: Notion, inside: Sequence[Candidate]) -> list[Candidate]:
    """Values derived from a record of a later day than every value of the notion itself."""
    if notion.successor is None:
        return []
    source = select(ctx, ctx.study.notions[notion.successor.source])
    if not source.group:
        return []
    day = max((ctx.last_day(c.when) for c in inside), default=date.min)
    later = [c for c in source.group if c.when.first > day]
    if not later:
        return []
    derive = DERIVATIONS[ctx.study.formulas[notion.successor.formula].kind]
    derived = [d for c in later for d in derive(ctx, notion, c)]
    return [d for d in derived if not all(_implausible(notion, i) for i in d.intervals)]


Derivation = Callable[[Context, Notion, Candidate], list[Candidate]]
DERIVATIONS: dict[str, Derivation] = {}  # filled by service.eligibility.derive, by kind of formula


def show(notion: Notion, ctx: Context, candidate: Candidate) -> Shown:
    """Present a candidate as a person reads it."""
    return Shown(value_of(notion, ctx, candidate), candidate.when.text or None, candidate.sources[0])


def value_of(notion: Notion, ctx: Context, candidate: Candidate) -> Value:
    """Write the value as used and as received."""
    unit = ctx.study.units.canonical(notion.quantity) if notion.quantity else ""
    texts = dict.fromkeys(interval_text(i, 2 if candidate.derived else None) for i in candidate.intervals)
    return Value(" or ".join(texts), unit, candidate.received)


def interval_text(interval: Interval, places: int | None = None) -> str:
    """Write an interval as people do: ``5``, ``<5``, ``≥60``, ``20–31.5``."""
    low, high = interval.low, interval.high
    if low is not None and low == high:
        return decimal_text(low, places)
    if low is None and high is not None:
        return ("<" if interval.high_open else "≤") + decimal_text(high, places)
    if high is None and low is not None:
        return (">" if interval.low_open else "≥") + decimal_text(low, places)
    ends = [decimal_text(end, places) for end in (low, high) if end is not None]
    return "–".join(ends)


def _show_reading(ctx: Context, notion: Notion, reading: Reading) -> Shown:
    """Present a record that is not used: with its number where it has one."""
    converted = convert(ctx, notion, reading) if reading.quantity is not None and usable(reading) else None
    if isinstance(converted, Candidate):
        return show(notion, ctx, converted)
    text = reading.quantity.text if reading.quantity is not None else reading.text
    value = Value("", "", text) if text else None
    return Shown(value, reading.when.text if reading.when else None, reading.source)
