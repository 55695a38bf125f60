"""The entries of a transaction: what is made, unless it is there, and what is written over, by the version read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fhir.resources.R4B.bundle import Bundle

Resource = dict[str, Any]


class Entries:
    """Collects the entries of one transaction."""

    def __init__(self) -> None:
        self._entries: list[Resource] = []

    def add(self, resource: Resource) -> None:
        """Make a resource, whatever is there."""
        request = {"method": "POST", "url": resource["resourceType"]}
        self._entries.append({"resource": resource, "request": request})

    def create(self, resource: Resource, identifier: str) -> str:
        """Make a resource unless one with ``identifier`` is there; return what others of the transaction call it."""
        full_url = f"urn:uuid:00000000-0000-4000-8000-{len(self._entries) + 1:012}"
        unless = urlencode({"identifier": identifier}, safe=":/|")  # as it stands in an address
        request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": unless}
        self._entries.append({"fullUrl": full_url, "resource": resource, "request": request})
        return full_url

    def update(self, old: Resource, new: Resource) -> str:
        """Write ``new`` over the version of ``old``, and over no other; return its reference."""
        reference = f"{old['resourceType']}/{old['id']}"
        request = {"method": "PUT", "url": reference, "ifMatch": f'W/"{old["meta"]["versionId"]}"'}
        self._entries.append({"resource": new | {"id": old["id"]}, "request": request})
        return reference

    def transaction(self) -> Resource:
        """Return the Bundle. Raises for anything that is not FHIR; the bytes sent are ours, decimals as written."""
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": self._entries}
        Bundle.model_validate(bundle)
        return bundle
