"""References: whose record it is, and which record of the same source a reference means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]
Located = tuple[dict[str, Any], str | None]  # a resource and its fullUrl

# Types that name studies and medications, which are needed to understand them and no search by patient brings.
NAMING = {"ResearchSubject", "Consent", "MedicationRequest", "MedicationStatement", "MedicationAdministration"}
NEEDED = {"ResearchStudy", "Medication"}

_URN = "urn:uuid:"


def local_name(resource: Resource, full_url: object) -> str | None:
    """``Type/id``, of a ``urn:uuid:`` Bundle without ids ``Type/uuid``; ``None`` for a resource without identity."""
    kind, name = resource.get("resourceType"), resource.get("id")
    if isinstance(name, str) and name:
        return f"{kind}/{name}"
    if isinstance(full_url, str) and full_url:
        last = full_url.removeprefix(_URN) if full_url.startswith(_URN) else full_url.rpartition("/")[2]
        return f"{kind}/{last}"
    return None


def without_version(reference: str) -> str:
    """``Condition/1356/_history/1`` means the record ``Condition/1356``."""
    return reference.partition("/_history/")[0]


def relative(reference: str) -> str:
    """``Type/id`` of a relative, absolute or versioned reference; anything else as it is."""
    reference = without_version(reference)
    return reference if reference.startswith("urn:") else "/".join(reference.rsplit("/", 2)[-2:])


def reference_in(value: object) -> str | None:
    """The string of a Reference."""
    reference = value.get("reference") if isinstance(value, dict) else None
    return reference.strip() if isinstance(reference, str) else None


def references_in(resource: Resource) -> Iterator[str]:
    """Give every reference of a resource, however deep it stands, in no order."""
    waiting: list[Any] = [resource]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, Mapping):
            if isinstance(written := part.get("reference"), str):
                yield written
            waiting.extend(part.values())


def addresses(resource: Resource, full_url: object, server: str | None) -> set[str]:
    """Every way in which a reference may name this resource: relative, absolute, ``urn:uuid:``."""
    names = {full_url} if isinstance(full_url, str) else set()
    if name := local_name(resource, full_url):
        names.add(name)
        if server:
            names.add(f"{server.rstrip('/')}/{name}")
    return names


def contained(resource: Resource, reference: str) -> dict[str, Any] | None:
    """The contained resource that ``#id`` means."""
    inside = resource.get("contained")
    for candidate in inside if isinstance(inside, list) else ():
        if isinstance(candidate, dict) and candidate.get("id") in (reference, reference.removeprefix("#")):
            return candidate
    return None


class Index:
    """The records of one source by the ways in which a reference may name them; built when first asked."""

    def __init__(self, located: Iterable[Located], server: str | None) -> None:
        self._located, self._server = located, server
        self._by_address: dict[str, dict[str, Any]] | None = None

    def resolve(self, holder: Resource, value: object) -> dict[str, Any] | None:
        """The record that a Reference in ``holder`` means; ``None`` when it is not in this source."""
        reference = reference_in(value)
        if reference is None:
            return None
        if reference.startswith("#"):
            return contained(holder, reference)
        if self._by_address is None:
            self._by_address = {
                address: resource
                for resource, full_url in self._located
                for address in addresses(resource, full_url, self._server)
            }
        return self._by_address.get(without_version(reference))


def version_of(resource: Resource) -> str | None:
    """The version of a resource as its server tells it."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) and version else None


def identifiers(resource: Resource) -> list[tuple[str | None, str]]:
    """The (system, value) pairs of a resource's identifiers."""
    found = resource.get("identifier")
    return [
        (system if isinstance(system := each.get("system"), str) else None, value.strip())
        for each in (found if isinstance(found, list) else [found])
        if isinstance(each, dict) and isinstance(value := each.get("value"), str)
    ]
