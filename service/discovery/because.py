"""Why a result is another one than before: the records that turned a criterion, or what did it without any record."""

from __future__ import annotations

from collections.abc import Iterator

from service.eligibility.findings import Reason
from service.screening.document import Document

RULES, GONE, TIME = "rules-changed", "record-gone", "time-passed"  # reasons besides those of leaves


def because(before: Document, after: Document) -> list[Document]:
    """Return what made one screening of another, in the order of the protocol; what stands alike is left out.

    Each has ``criterion`` (null for a precondition), ``source`` (a record that is new in its finding, or other than it
    was), ``value``, ``effective``, ``reason`` and ``notion``. Where no record did it, ``source`` is null and ``reason``
    says what did.
    """
    failed, fails = ({each["code"]: each["date"] for each in one["preconditions"]} for one in (before, after))
    other_rules = before["rules"]["hash"] != after["rules"]["hash"]
    old = {each["id"]: each for each in before["criteria"]}
    turned = (
        told
        for each in after["criteria"]
        if _differs(old.get(each["id"]), each)
        for told in _turned(old.get(each["id"]), each, other_rules=other_rules)
    )
    return [
        *(_told(None, reason=code, effective=fails[code]) for code in fails if code not in failed),
        *(_told(None, reason=f"not-{code}") for code in failed if code not in fails),
        *turned,
    ]


def _differs(before: Document | None, after: Document) -> bool:
    """Whether a criterion is judged otherwise."""
    return before is None or any(before[name] != after[name] for name in ("truth", "outcome", "open"))


def _turned(before: Document | None, after: Document, *, other_rules: bool) -> Iterator[Document]:
    """Give what turned one criterion."""
    id_ = after["id"]
    if before is None or not _alike(before["finding"], after["finding"]):
        yield _told(id_, reason=RULES)
        return
    said: list[Document] = []
    for old, new in _turning(before["finding"], after["finding"]):
        for told in _of_leaf(id_, old, new, RULES if other_rules else TIME):
            if told not in said:
                said.append(told)
    yield from said or [_told(id_, reason=RULES if other_rules else TIME)]


def _alike(one: Document, other: Document) -> bool:
    """Whether two findings come of one rule: they have the same form."""
    children, others = one.get("children", ()), other.get("children", ())
    same = one["op"] == other["op"] and len(children) == len(others)
    return same and all(map(_alike, children, others))


def _turning(before: Document, after: Document) -> Iterator[tuple[Document, Document]]:
    """Give the leaves that are decided otherwise, of a node that turned those that turned it."""
    if "children" not in after:
        if any(before[name] != after[name] for name in ("truth", "reason")):
            yield before, after
        return
    pairs = list(zip(before["children"], after["children"], strict=True))
    if before["truth"] != after["truth"]:
        changed = [(old, new) for old, new in pairs if old["truth"] != new["truth"]]
        same_way = [(old, new) for old, new in changed if new["truth"] == after["truth"]]
        pairs = same_way or changed or pairs
    for old, new in pairs:
        yield from _turning(old, new)


def _of_leaf(criterion: str, old: Document, new: Document, otherwise: str) -> Iterator[Document]:
    """Give the records that turned a leaf, or the reason why it turned without any."""
    fresh = [source for source in new["sources"] if source not in old["sources"]]
    shown = {"value": new["value"], "effective": new["effective"], "notion": new["notion"]}
    # A record that is now too old has not done it, though its server counts another version.
    if new["reason"] == Reason.TOO_OLD and all(old[name] == new[name] for name in ("value", "effective")):
        fresh = []
    for source in fresh:
        yield _told(criterion, source=source, **shown)
    if not fresh:
        gone = not set(old["sources"]) <= set(new["sources"])
        yield _told(criterion, reason=new["reason"] or (GONE if gone else otherwise), **shown)


def _told(
    criterion: str | None,
    *,
    source: str | None = None,
    value: Document | None = None,
    effective: str | None = None,
    reason: str | None = None,
    notion: str | None = None,
) -> Document:
    return {
        "criterion": criterion,
        "source": source,
        "value": value,
        "effective": effective,
        "reason": reason,
        "notion": notion,
    }
