"""The scopes of SMART App Launch: the smallest set that a screening needs, and what of it was not granted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from service.fhir.write_kinds import KINDS

V1, V2 = "v1", "v2"  # of the form of scopes: system/Type.read, and system/Type.rs

READ = "rs"
FOLLOWED = ("Patient", "ResearchStudy", "Medication")  # not searched, but read by reference
# A write needs to know that the patient exists there.
_WRITES = {kind: each.actions for kind, each in KINDS.items()} | {"Patient": READ}
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)\Z")


class _Allowed(NamedTuple):
    kind: str  # * for every type
    actions: str  # of c, r, u, d, s


def scopes_for(reads: Iterable[str], *, writes: bool, form: str = V2) -> str:
    """Return what to ask for: to read the types ``reads``, and to write results where ``writes``."""
    wanted: dict[str, set[str]] = {}
    for kind, actions in [(kind, READ) for kind in reads] + list((_WRITES if writes else {}).items()):
        wanted.setdefault(kind, set()).update(actions)
    return " ".join(f"system/{kind}.{action}" for kind in sorted(wanted) for action in _spelt(wanted[kind], form))


def lacking(asked: str, granted: str) -> list[str]:
    """Return those of the scopes ``asked`` that ``granted`` does not cover, in whatever form either is written."""
    allowed = [_read(scope) for scope in granted.split()]
    return [scope for scope in asked.split() if not _covered(scope, set(granted.split()), allowed)]


def _spelt(actions: set[str], form: str) -> list[str]:
    if form == V2:
        return ["".join(action for action in "cruds" if action in actions)]
    return [name for name in ("read", "write") if actions & set(_V1[name])]


def _covered(scope: str, literally: set[str], allowed: list[_Allowed | None]) -> bool:
    if scope in literally:
        return True
    wanted = _read(scope)
    if wanted is None:  # one that we do not know how to read, with a search in it or of another kind
        return False
    given = {action for one in allowed if one and one.kind in ("*", wanted.kind) for action in one.actions}
    return given >= set(wanted.actions)


def _read(scope: str) -> _Allowed | None:
    match = _SCOPE.match(scope)
    return _Allowed(match[1], _V1.get(match[2], match[2])) if match else None
