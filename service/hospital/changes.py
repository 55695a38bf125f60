"""What changed on the hospital's server since a moment, of the types that the studies need: found, not told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import structlog

from service.hospital.client import FhirClient
from service.hospital.instants import changed_at, instant
from service.hospital.pages import each_page
from service.hospital.plan import Plan, escape
from service.hospital.ports import Params, Resource
from service.hospital.refusals import TURNED_AWAY, Refused
from service.hospital.searches import keeps
from service.hospital.subscriptions import Subscriptions
from service.subscriptions.notification import named_by
from service.subscriptions.ports import Change, Changes, Standing

_WHOSE = ("_elements", "subject,patient,individual,beneficiary")  # no more than that is needed

log = structlog.get_logger()


class HospitalChanges:
    """The port ``Watched`` over one server. Every method raises ``TryLater`` and ``Never``."""

    def __init__(self, client: FhirClient, plans: Sequence[Plan], subscriptions: Subscriptions) -> None:
        self._client, self._subscriptions = client, subscriptions
        self._kinds = tuple(dict.fromkeys(kind for plan in plans for kind in ("Patient", *plan.kinds)))
        self._codes = ",".join(dict.fromkeys(escape(code) for plan in plans for code in plan.observation_codes))
        self._ways: dict[str, int] = {}  # type -> the first way of asking that the server takes

    async def standings(self) -> list[Standing]:
        """Return the Subscriptions that lead to us, and those that are missing."""
        return await self._subscriptions.standings()

    async def look(self, reference: str) -> Change | None:
        """Read ``Type/id``."""
        try:
            resource = await self._client.read(reference)
        except Refused as error:
            if error.status in TURNED_AWAY:
                raise
            return None
        return self._change(resource)

    async def changes(self, since: datetime) -> AsyncIterator[Changes]:
        """Give what changed at or after a moment, whatever else a server gives that knows no ``_lastUpdated``.

        A type that the server refuses to search is left out.
        """
        refused = 0
        for kind in self._kinds:
            try:
                first = await self._first_page(kind, since)
            except Refused:
                refused += await keeps(self._client, kind)
                continue
            async for page in each_page(self._client, first):
                found = (each for each in _resources(page, kind) if (changed_at(each) or since) >= since)
                yield Changes([self._change(each) for each in found], changed_at(page))
        if refused:
            log.warning("changes-refused", count=refused)

    async def _first_page(self, kind: str, since: datetime) -> Resource:
        """Ask in the first way that the server takes."""
        ways = self._params(kind, since)
        for number in range(self._ways.get(kind, 0), len(ways)):
            try:
                page = await self._client.search(kind, ways[number])
            except Refused as error:
                if error.status in TURNED_AWAY or number == len(ways) - 1:
                    raise
            else:
                self._ways[kind] = number
                return page
        raise AssertionError  # pragma: no cover - the last way returned or raised

    def _params(self, kind: str, since: datetime) -> tuple[Params, ...]:
        least = [("_lastUpdated", f"ge{instant(since)}"), ("_count", str(self._client.server.page_size))]
        if kind == "Observation" and self._codes:
            of_ours = [*least, ("combo-code", self._codes)]
            return ([*of_ours, _WHOSE], of_ours, least)
        return ([*least, _WHOSE], least)

    def _change(self, resource: Resource) -> Change:
        named = named_by(resource, self._client.own)
        meta = resource.get("meta")
        told = (meta.get(name) for name in ("versionId", "lastUpdated")) if isinstance(meta, dict) else ()
        version = next((each for each in told if isinstance(each, str)), None)
        return Change(str(named.reference), version, named.patient)


def _resources(page: Resource, kind: str) -> list[Resource]:
    entries = page.get("entry")
    found = (entry.get("resource") for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
    return [each for each in found if isinstance(each, dict) and each.get("resourceType") == kind]
