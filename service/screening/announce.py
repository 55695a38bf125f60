"""Whether people are told of a change: one that laboratory values alone have made comes back by the hour."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from service.screening.document import Document

EVERY = timedelta(days=1)  # how often people are told at most of what laboratory values alone have turned
_LISTED = "List/"
_NO_LEAF: Document = {"truth": None, "reason": None, "notion": None}


def told(document: Document) -> bool:
    """Whether people were told of a result: posting it changed the screening list."""
    written = document.get("written") or {}
    return any(reference.startswith(_LISTED) for reference in written.get("resources", ()))


def turned_by_laboratory(before: Document, after: Document, laboratory: Collection[str]) -> bool:
    """Whether status or priority differ, and laboratory values alone have made them."""
    same = all(before[name] == after[name] for name in ("status", "priority"))
    return not same and differs_by_laboratory(before, after, laboratory)


def differs_by_laboratory(before: Document, after: Document, laboratory: Collection[str]) -> bool:
    """Whether no leaf is decided otherwise than before but those of the notions ``laboratory``.

    Rules that changed, a death, and whatever else a record says is told at once.
    """
    if any(before[name] != after[name] for name in ("rules", "preconditions")):
        return False
    pairs = zip(before["criteria"], after["criteria"], strict=True)
    turned = (notion for old, new in pairs for notion in _differing(old["finding"], new["finding"]))
    return all(notion in laboratory for notion in turned)


def _differing(old: Document, new: Document) -> Iterator[str | None]:
    """Give the notions of the leaves that are decided otherwise."""
    for one, other in zip_longest(_leaves(old), _leaves(new), fillvalue=_NO_LEAF):
        if (one["truth"], one["reason"]) != (other["truth"], other["reason"]):
            yield other["notion"]


def _leaves(finding: Any) -> Iterator[Document]:
    children = finding.get("children")
    if children is None:
        yield finding
    else:
        for child in children:
            yield from _leaves(child)
