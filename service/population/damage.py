r"""What damage of an export looks like in its bytes, as patterns: so that it is found without parsing.

Every pattern may stand in a healthy line (a text may hold ``}{"``): what it finds is parsed, and only what does not
parse is broken. Not every break is found so: see ``Lost``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Two records in one line, the first of them whole or cut: an object begins where none can, and not a line.
GLUED = (rb'[^\n:,\[\s]\{"resourceType"', rb'\}\{"')
# Bytes that JSON never holds, blanks beside a line apart: control characters, and what is no UTF-8 at a glance.
_NEVER = (rb"[\x00-\x08\x0b\x0c\x0e-\x1f\xc0\xc1\xf5-\xff]", rb"[\x00-\x7f][\x80-\xbf]", rb"[\xc2-\xf4][^\x80-\xbf]")
# Of raw lines: one that does not end or does not begin as an object does.
BROKEN = (rb"[^}]\n", rb"(?:^|\n)[^{]", *_NEVER)
# A number that no decimal holds: JSON, but no record can be made of it.
WILD = rb"[0-9][eE][+\-]?[0-9]{18}"

_SEEN = re.compile(b"|".join([rb"[^}]\Z", rb"\A[^{]", *_NEVER, *GLUED]), re.DOTALL)
_TORN = re.compile(b"|".join([rb"\x00", *GLUED]))
_NAMED = re.compile(rb'"reference"\s*:\s*"[^"]*?\bPatient\\?/([^"/\\]+)')
_PATIENT = re.compile(rb'\A\{"resourceType":"Patient","id":"([^"\\]+)"')


class Lost(NamedTuple):
    """What could not be read."""

    why: str
    # Whom alone it concerns, where nothing is seen of it but by whoever parses it: told only where one of them is
    # looked for, or where everything is read. Empty: told in any case.
    only: frozenset[str] = frozenset()

    def concerns(self, people: frozenset[str] | set[str] | None) -> bool:
        """Whether it is told where these people are looked for; ``None``: where everything is read."""
        return people is None or not self.only or not self.only.isdisjoint(people)


def named_in(data: bytes) -> frozenset[str]:
    """Return whom a broken text names, as ``Patient/id``: by references, or as the Patient that it begins with."""
    names = [*_NAMED.findall(data), *_PATIENT.findall(data)]
    return frozenset(f"Patient/{name.decode(errors='replace')}" for name in names)


def is_seen(line: bytes) -> bool:
    """Whether a broken line shows its damage to whoever only looks for patterns."""
    return _SEEN.search(line) is not None


def is_torn(line: bytes) -> bool:
    """Whether a broken line is what is left of several: of whom the others were, nobody knows."""
    return _TORN.search(line) is not None
