"""What a sample chart has to give, one line per criterion, and how a verdict differs from it.

An expectation maps criteria, or parts such as ``I5.b.1``, to words: first the truth (``true``,
``false``, ``unknown``) or, for an open criterion, its sort (``missing-data``, ``to-confirm``); then
reasons that must be among those of its leaves, notes that must be there (``+flagged``) or must not
(``!flagged``). Its other keys are those of ``_WHOLE`` and ``missing``: the reason that the result's
``missing`` gives for what unlocks a criterion, null where it has nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.eligibility.findings import Note, Reason
from service.eligibility.results import NotScreened
from tests.verdicts import Verdict

_WHOLE: dict[str, Callable[[Verdict], Any]] = {
    "status": lambda verdict: verdict.status,
    "priority": lambda verdict: verdict.priority,
    "recoverable": lambda verdict: verdict.recoverable,
    "rescreen_after": lambda verdict: verdict.rescreen_after,
    "person_status": lambda verdict: verdict.screening.person_status,
    "error": lambda verdict: verdict.error,
    "replaced_by": lambda verdict: verdict.result.replaced_by if isinstance(verdict.result, NotScreened) else None,
}
_TRUTHS = {"true", "false", "unknown"}
_SORTS = {"missing-data", "to-confirm"}


def differences(verdict: Verdict, expected: Mapping[str, Any]) -> list[str]:
    """Return one sentence, with the finding, for everything that is not as expected."""
    return list(_differences(verdict, expected))


def _differences(verdict: Verdict, expected: Mapping[str, Any]) -> Iterator[str]:
    if verdict.error != expected.get("error"):
        yield f"error: wanted {expected.get('error')}, got {verdict.error}"
        return
    for key, wanted in expected.items():
        if key == "missing":
            yield from _missing(verdict, wanted)
        elif key in _WHOLE:
            if (got := _WHOLE[key](verdict)) != wanted:
                yield f"{key}: wanted {wanted}, got {got}"
        elif lacking := [word for word in _words(wanted) if not _holds(verdict, key, word)]:
            got = f"{verdict.truth(key)} {verdict.open(key) or '' if '.' not in key else ''}".rstrip()
            yield f"{key}: wanted {wanted}, got {got}; {', '.join(lacking)} does not hold\n{verdict.show(key)}"


def _missing(verdict: Verdict, wanted: Mapping[str, str | None]) -> Iterator[str]:
    for criterion, reason in wanted.items():
        got = verdict.missing_reasons(criterion)
        if (reason not in got) if reason else got:
            yield f"missing for {criterion}: wanted {reason}, got {got}\n{verdict.show(criterion)}"


def _words(wanted: object) -> list[str]:
    return str(wanted).lower().split() if isinstance(wanted, bool) else str(wanted).split()


def _holds(verdict: Verdict, part: str, word: str) -> bool:
    if word in _TRUTHS:
        return verdict.truth(part) == word
    if word in _SORTS:
        return verdict.open(part) == word
    if word[0] in "+!":
        return (Note(word[1:]) in verdict.notes(part)) == (word[0] == "+")
    return Reason(word) in verdict.reasons(part)
