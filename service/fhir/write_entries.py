"""The entries of a transaction: what is made, unless it is there, and what is written over, by the version read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fhir.resources.R4B import get_fhir_model_class

from service.errors import Never
from service.fhir.codings import codings_of
from service.fhir.references import version_of

Resource = dict[str, Any]

_SUBSETTED = "SUBSETTED"


class Entries:
    """Collects the entries of one transaction."""

    def __init__(self) -> None:
        self._entries: list[Resource] = []

    def add(self, resource: Resource) -> None:
        """Make a resource, whatever is there."""
        request = {"method": "POST", "url": resource["resourceType"]}
        self._entries.append({"resource": _checked(resource), "request": request})

    def create(self, resource: Resource, identifier: str) -> str:
        """Make a resource unless one with ``identifier`` is there; return what others of the transaction call it."""
        full_url = f"urn:uuid:00000000-0000-4000-8000-{len(self._entries) + 1:012}"
        unless = urlencode({"identifier": identifier}, safe=":/|")  # as it stands in an address
        request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": unless}
        self._entries.append({"fullUrl": full_url, "resource": _checked(resource), "request": request})
        return full_url

    def update(self, old: Resource, new: Resource) -> str:
        """Write ``new``, all of it ours, over the version of ``old``, and over no other; return its reference."""
        return self._write_over(old, _checked(new))

    def amend(self, old: Resource, changes: Resource) -> str:
        """Change elements of ``old`` and keep the others, which other tools may have written in their own way."""
        return self._write_over(old, old | changes)

    def transaction(self) -> Resource:
        """Return the Bundle; the bytes sent are ours, decimals as written."""
        return {"resourceType": "Bundle", "type": "transaction", "entry": self._entries}

    def _write_over(self, old: Resource, new: Resource) -> str:
        kind, version = old["resourceType"], version_of(old)
        if version is None:
            raise Never(f"The server tells no version of {kind}: nothing is written over it.")
        if any(tag.get("code") == _SUBSETTED for tag in codings_of({"coding": old["meta"].get("tag")})):
            raise Never(f"The server gives {kind} in part (SUBSETTED): nothing is written over it. Ask for all of it.")
        request = {"method": "PUT", "url": f"{kind}/{old['id']}", "ifMatch": f'W/"{version}"'}
        self._entries.append({"resource": new | {"id": old["id"]}, "request": request})
        return f"{kind}/{old['id']}"


def _checked(resource: Resource) -> Resource:
    """Return a resource that we made. Raises ``ValueError`` for what is not FHIR."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return resource
