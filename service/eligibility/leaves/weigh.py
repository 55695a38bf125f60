"""Gathering the records that speak for or against a clinical state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from service.eligibility.chart import Activity, Certainty, Entry, Reading
from service.eligibility.codes import Role
from service.eligibility.context import Context
from service.eligibility.leaves.positive import not_superseded, positive
from service.eligibility.leaves.verdict import day_of
from service.eligibility.notions import Notion
from service.eligibility.rules import Evidence

Record = Entry | Reading
_OTHERWISE = "otherwise"


@dataclass(slots=True)
class Found:
    """What some kinds of evidence have, by what may be done with it."""

    says: list[Record] = field(default_factory=list)
    judged: list[Record] = field(default_factory=list)  # for a person
    disagree: list[Record] = field(default_factory=list)  # equals that contradict each other
    unconfirmed: list[Record] = field(default_factory=list)
    undated: list[Record] = field(default_factory=list)  # no date, or one that straddles the window
    old: list[Record] = field(default_factory=list)
    unusable: list[Record] = field(default_factory=list)  # records that say nothing


def gather(ctx: Context, items: Iterable[Evidence]) -> Found:
    """Return the records of all kinds of evidence."""
    found = Found()
    for item in items:
        if item.entry is not None:
            _entries(ctx, item, found)
        if item.result is not None:
            _results(ctx, item, ctx.study.notions[item.result], found)
    return found


def _entries(ctx: Context, item: Evidence, found: Found) -> None:
    for entry in ctx.entries(item.entry or ""):
        if entry.role not in item.roles or (item.active and entry.activity is not Activity.ACTIVE):
            continue
        when = day_of(entry)
        if item.status_unstated and not entry.activity_given:
            spans = [span for tag, span in item.status_unstated.items() if tag in entry.tags]
            span = spans[0] if spans else item.status_unstated[_OTHERWISE]
            if when is None or ctx.within(when, span) is not True:
                continue
        inside = None if when is None else item.within is None or ctx.within(when, item.within)
        if item.within is not None and inside is False and item.older_means == "nothing":
            continue
        if entry.contested:
            found.disagree.append(entry)
        elif entry.unreadable:
            found.unusable.append(entry)
        elif item.within is None or inside is True:
            (found.unconfirmed if entry.certainty is Certainty.UNCONFIRMED else found.says).append(entry)
        elif item.older_means == "needs-judgement" or (entry.role is Role.REVIEW and inside is None):
            found.judged.append(entry)


def _results(ctx: Context, item: Evidence, notion: Notion, found: Found) -> None:
    asked = [
        reading
        for concept in notion.concepts or (notion.id,)
        for reading in ctx.readings(concept)
        if reading.role in item.roles and (not item.tagged or not reading.tags.isdisjoint(item.tagged))
    ]
    inside: list[tuple[Reading, bool]] = []
    for reading in asked:
        answer = positive(ctx, notion, reading)
        when = reading.when
        fits = None if when is None else item.within is None or ctx.within(when, item.within)
        if answer is None:
            if fits is not False:
                (found.disagree if reading.contested else found.unusable).append(reading)
        elif fits is True:
            inside.append((reading, answer))
        elif answer is item.positive:
            if fits is None:
                found.undated.append(reading)
            elif item.older_means == "too-old":
                found.old.append(reading)
    for kind in item.newest_of_kind or ("",):
        of_kind = [(r, answer) for r, answer in not_superseded(inside) if not kind or kind in r.tags]
        chosen = _newest(ctx, of_kind) if item.newest or kind else of_kind
        says = [r for r, answer in chosen if answer is item.positive]
        if says and len(says) < len(chosen) and (item.newest or kind):
            found.disagree += [r for r, _ in chosen]
        else:
            found.says += says


def _newest(ctx: Context, results: Sequence[tuple[Reading, bool]]) -> list[tuple[Reading, bool]]:
    """Return the newest results and their equals."""
    times = [reading.when for reading, _ in results if reading.when is not None]
    return [
        (reading, answer)
        for reading, answer in results
        if reading.when is not None and not any(ctx.later(other, reading.when) for other in times)
    ]
