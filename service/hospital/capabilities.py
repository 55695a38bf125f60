"""What a server says that it can do: its CapabilityStatement, of which much may be missing or odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from service.errors import Never
from service.hospital.ports import Resource


class TypeCapabilities(NamedTuple):
    """What may be done with one resource type."""

    interactions: frozenset[str]  # read, search-type, create, update …
    searches: frozenset[str]  # names of search parameters
    conditional_create: bool
    update_create: bool  # an update makes what is not there, under the id that it names


class Capabilities(NamedTuple):
    """What a server declares; nothing of it binds the server, so that a refusal still has to be expected."""

    fhir_version: str | None
    software: str | None
    url: str | None  # where it believes to be
    interactions: frozenset[str]  # of the whole server: batch, transaction …
    types: Mapping[str, TypeCapabilities]

    def lacks(self, kind: str, interactions: Iterable[str] = ()) -> list[str]:
        """Return which of ``interactions`` it does not allow on ``kind``."""
        declared = self.types.get(kind)
        return sorted(set(interactions) - (declared.interactions if declared else frozenset()))

    def ignores(self, kind: str, searches: Iterable[str]) -> list[str]:
        """Return by which parameters it does not search ``kind``, where it says by which it does."""
        declared = self.types.get(kind)
        return sorted(set(searches) - declared.searches) if declared and declared.searches else []

    def knows(self, kind: str) -> bool:
        """Whether it keeps resources of this type; ``True`` where it declares no types at all."""
        return not self.types or kind in self.types

    @property
    def takes_transactions(self) -> bool:
        return "transaction" in self.interactions


def read_capabilities(statement: Resource, host: str) -> Capabilities:
    """Read a CapabilityStatement. Raises ``Never`` for anything else."""
    if statement.get("resourceType") != "CapabilityStatement":
        raise Never(f"{host} describes itself by no CapabilityStatement: is this the base URL of a FHIR server?")
    rests = list(_objects(statement, "rest"))
    types = {
        str(each.get("type")): TypeCapabilities(
            frozenset(_texts(each, "interaction", "code")),
            frozenset(_texts(each, "searchParam", "name")),
            each.get("conditionalCreate") is True,
            each.get("updateCreate") is True,
        )
        for rest in rests
        for each in _objects(rest, "resource")
    }
    return Capabilities(
        _text(statement, "fhirVersion"),
        _text(statement.get("software"), "name"),
        _text(statement.get("implementation"), "url"),
        frozenset(code for rest in rests for code in _texts(rest, "interaction", "code")),
        types,
    )


def _objects(parent: Resource, name: str) -> Iterator[Resource]:
    """Give what is usable of an array that a server may have left out or filled in its own way."""
    given = parent.get(name)
    return (each for each in given if isinstance(each, dict)) if isinstance(given, list) else iter(())


def _texts(parent: Resource, name: str, field: str) -> Iterator[str]:
    return (text for each in _objects(parent, name) if (text := _text(each, field)))


def _text(parent: Any, name: str) -> str | None:
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, str) else None
