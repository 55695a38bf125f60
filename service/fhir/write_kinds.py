"""The resource types that a result is made of: what is done with each, and what where a server does not take it."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One resource type."""

    actions: str  # of c, r, u, d, s; ``s`` finds what is there, so that nothing is made twice
    searches: tuple[str, ...]  # by which parameters
    instead: str | None = None  # what is done where the site says that the server lacks it
    besides: bool = False  # a result stands without it, also where nobody said so


KINDS = {
    "ResearchStudy": Kind("crs", ("identifier",)),
    "Device": Kind("crs", ("identifier",)),
    "ResearchSubject": Kind(
        "crus",
        ("identifier", "individual"),
        "the status stands in the GuidanceResponse, and the List names the patient",
    ),
    "GuidanceResponse": Kind("crus", ("identifier",), "what it would hold is kept under CANDOR_HOME"),
    "Provenance": Kind("crs", ("target",)),
    "List": Kind("crus", ("identifier",), "nobody is put on a screening list", besides=True),
    "AuditEvent": Kind("c", (), "reads are recorded under CANDOR_HOME", besides=True),
}
