"""To whom the records in a piece of JSON belong, be it one resource or a Bundle of several people's.

A resource is only skimmed here (``Outline``): exact JSON, a few fields decoded, the rest passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from service.fhir.decode import decode
from service.fhir.read import located_in
from service.fhir.references import Located, local_name, reference_in, relative, without_version

BY_INDEX = -1
PATIENT = "Patient/"
PERSONAL = frozenset({
    "AdverseEvent", "AllergyIntolerance", "Condition", "Consent", "Coverage", "DiagnosticReport", "Flag",
    "ImagingStudy", "MedicationAdministration", "MedicationRequest", "MedicationStatement", "Observation", "Patient",
    "Procedure", "RelatedPerson", "ResearchSubject",
})  # fmt: skip  # what a screening reads
_FREE = frozenset({"Consent", "DiagnosticReport", "Observation"})  # R4 lets them be of nobody, as a control sample is


class Place(NamedTuple):
    """Where a piece was read: the file by its number, the line and its first byte."""

    file: int
    line: int | None  # None: the whole file; BY_INDEX: to be counted when it is asked for
    offset: int

    @property
    def order(self) -> tuple[int, int, int]:
        """What sorts places as they come in a source, of a file or of its blocks."""
        return self.file, self.offset, self.line or 0


class Piece(NamedTuple):
    """Records of one owner: a resource that is not decoded yet, or those of a Bundle."""

    owner: str  # Patient/id; empty: nobody's
    kind: str  # the resource type
    content: bytes | list[Located]
    place: Place
    certain: bool = True  # False: of somebody who has no Patient in a Bundle that has others; no chart of its own

    def records(self) -> list[Located]:
        """The resources, decoded, with their fullUrl; raises ``NotFhirError``."""
        return self.content if isinstance(self.content, list) else [(decode(self.content), None)]


class Outline(msgspec.Struct):
    """The fields of a resource that tell whose it is; whatever their type."""

    resourceType: Any = None  # noqa: N815 - FHIR's name
    id: Any = None
    subject: Any = None
    patient: Any = None
    individual: Any = None
    beneficiary: Any = None

    @property
    def whose(self) -> Any:
        """What tells whose record it is, if anything does."""
        return self.subject or self.patient or self.individual or self.beneficiary

    @property
    def link(self) -> str | None:
        """The reference to the person whose record it is."""
        return reference_in(self.whose)


_OUTLINE = msgspec.json.Decoder(Outline)


def pieces(data: bytes, place: Place) -> list[Piece]:
    """Return what a line or a file holds, by owner.

    Raises ``NotFhirError`` for what is not JSON or holds no FHIR.
    """
    outline = _skim(data)
    kind = outline.resourceType
    if kind == "Bundle":
        return split(decode(data), place)
    return [Piece(_owner(kind, outline.id, outline.link, {}), kind, data, place)]


def split(bundle: dict[str, Any], place: Place) -> list[Piece]:
    """Return the records of a Bundle by owner.

    Where it holds Patients, what belongs to none of them goes to each of them: studies and medications that they
    refer to, an outcome that says that records are missing, a record with another subject (which the reader reports).
    """
    located = list(located_in(bundle))
    aliases = {}
    for resource, full_url in located:
        if resource["resourceType"] == "Patient" and (name := local_name(resource, full_url)):
            aliases[name] = name
            if isinstance(full_url, str):
                aliases[full_url] = name
    owned: defaultdict[str, list[Located]] = defaultdict(list)
    for resource, full_url in located:
        owned[_owner_in_bundle(resource, full_url, aliases)].append((resource, full_url))
    if not aliases:
        return list(_page(owned, place))
    people = set(aliases.values())
    others = [one for owner, records in owned.items() if owner not in people for one in records]
    found = [Piece(owner, "Bundle", owned[owner] + others, place) for owner in dict.fromkeys(aliases.values())]
    foreign = [owner for owner in owned if owner and owner not in people]
    return found + [Piece(owner, "Bundle", owned[owner], place, certain=False) for owner in foreign]


def _page(owned: Mapping[str, list[Located]], place: Place) -> Iterator[Piece]:
    """A Bundle without a Patient is read as its resources are, one by one: a page of a search."""
    for owner, records in owned.items():
        if owner:
            yield Piece(owner, "Bundle", records, place)
        else:
            yield from (Piece("", resource["resourceType"], [(resource, url)], place) for resource, url in records)


def _owner_in_bundle(resource: Mapping[str, Any], full_url: object, aliases: Mapping[str, str]) -> str:
    if resource["resourceType"] == "Patient":
        return local_name(resource, full_url) or ""
    return _owner(resource["resourceType"], None, _outline(resource).link, aliases)


def _owner(kind: str, identity: object, link: str | None, aliases: Mapping[str, str]) -> str:
    if kind == "Patient":
        return f"{PATIENT}{identity}" if isinstance(identity, str) and identity else ""
    if link is None:
        return ""
    named = aliases.get(without_version(link)) or relative(link)
    return named if named.startswith(PATIENT) else ""


def _outline(resource: Mapping[str, Any]) -> Outline:
    return Outline(**{name: resource.get(name) for name in Outline.__struct_fields__})


def _skim(data: bytes) -> Outline:
    try:
        outline = _OUTLINE.decode(data)
        if not data.isascii():
            data.decode()  # skimming passes over text without looking whether it is UTF-8
        if isinstance(outline.resourceType, str):
            return outline
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _outline(decode(data))  # which says what is wrong, and where


def names_nobody(piece: Piece) -> bool:
    """Whether a record that has to name its patient does not; one of a Group or a Device names somebody else."""
    if piece.owner or piece.kind not in PERSONAL:
        return False
    outline = _outline(piece.records()[0][0])
    if piece.kind in _FREE and not outline.whose:
        return False
    return outline.link is None or outline.link.startswith("urn:") or "/" not in outline.link
