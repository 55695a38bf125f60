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
    pairs = [(old.get(each["id"]), each) for each in after["criteria"]]
    otherwise = RULES if other_rules else TIME
    told = [
        *(_told(None, reason=code, effective=fails[code]) for code in fails if code not in failed),
        *(_told(None, reason=f"not-{code}") for code in failed if code not in fails),
        *(one for was, now in pairs if _differs(was, now) for one in _turned(was, now, otherwise)),
    ]
    # Where no criterion turned, what is open of one may have: the priority hangs on that too.
    same = ((was, now) for was, now in pairs if was is not None and _alike(was["finding"], now["finding"]))
    return told or [one for was, now in same for one in _leaves(was, now, otherwise)]


def _differs(before: Document | None, after: Document) -> bool:
    """Whether a criterion is judged otherwise."""
    return before is None or any(before[name] != after[name] for name in ("truth", "outcome", "open"))


def _turned(before: Document | None, after: Document, otherwise: str) -> Iterator[Document]:
    """Give what turned one criterion."""
    if before is None or not _alike(before["finding"], after["finding"]):
        yield _told(after["id"], reason=RULES)
        return
    yield from list(_leaves(before, after, otherwise)) or [_told(after["id"], reason=otherwise)]


def _leaves(before: Document, after: Document, otherwise: str) -> Iterator[Document]:
    """Give what turned the leaves of a criterion whose rule has the same form, each once."""
    said: list[Document] = []
    for old, new in _turning(before["finding"], after["finding"]):
        for told in _of_leaf(after["id"], old, new, otherwise):
            if told not in said:
                said.append(told)
                yield told


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
    amended = _as_received(old) != _as_received(new)  # not what depends on the day, as an age does
    fresh = [source for source in new["sources"] if source not in old["sources"]]
    if amended and not fresh and set(new["sources"]) == set(old["sources"]):
        fresh = new["sources"]  # by a server that counts no versions
    # A record that is now too old has not done it, though its server counts another version.
    if new["reason"] == Reason.TOO_OLD and not amended:
        fresh = []
    # Where records disagree the leaf has the value of one of them.
    value = None if new["reason"] == Reason.RECORDS_DISAGREE else new["value"]
    shown = {"value": value, "effective": new["effective"], "notion": new["notion"]}
    for source in fresh:
        yield _told(criterion, source=source, reason=new["reason"], **shown)
    if not fresh:
        gone = not set(old["sources"]) <= set(new["sources"])
        yield _told(criterion, reason=new["reason"] or (GONE if gone else otherwise), **shown)


def _as_received(leaf: Document) -> tuple[str | None, str | None]:
    return leaf["value"] and leaf["value"]["as_received"], leaf["effective"]


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
