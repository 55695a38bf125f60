"""R4 Subscriptions on the hospital's server that lead to us: which the studies need, made, looked at, removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from service.errors import TryLater
from service.hospital.client import FhirClient
from service.hospital.instants import changed_at
from service.hospital.pages import all_pages
from service.hospital.plan import Plan, chunks, escape
from service.hospital.ports import Resource
from service.hospital.refusals import Refused
from service.hospital.searches import keeps
from service.subscriptions.ports import MISSING, Standing

PATH = "/subscriptions/notifications"
REASON = "Candor screens again whoever's records change."  # by which ours are known
_CODES_AT_ONCE = 500
_GOING = ("requested", "active")
_NOT_SO = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}  # what servers answer to criteria they do not take


class Channel(NamedTuple):
    """How the server is to tell us: where, with which secret, and whether with the resource itself."""

    endpoint: str
    secret: str | None = None
    payload: bool = False

    def written(self) -> Resource:
        """As FHIR has it."""
        written: Resource = {"type": "rest-hook", "endpoint": self.endpoint}
        if self.payload:
            written["payload"] = "application/fhir+json"
        if self.secret is not None:
            written["header"] = [f"Authorization: Bearer {self.secret}"]
        return written


def criteria_for(plans: Iterable[Plan]) -> list[tuple[str, ...]]:
    """Return what to subscribe to: for each, the ways to say it, the next one for a server that refuses the one before.

    What a screening asks for by a patient is subscribed to for all of them, and the Patient itself.
    """
    together = list(plans)
    kinds = dict.fromkeys(kind for plan in together for kind in ("Patient", *plan.kinds))
    codes = tuple(dict.fromkeys(code for plan in together for code in plan.observation_codes))
    wanted: list[tuple[str, ...]] = []
    for kind in kinds:
        if kind == "Observation" and codes:
            parts = (",".join(map(escape, part)) for part in chunks(codes, _CODES_AT_ONCE))
            wanted += [(f"{kind}?combo-code={part}", f"{kind}?code={part}", f"{kind}?") for part in parts]
        else:
            wanted.append((f"{kind}?",))
    return wanted


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Those on one server that lead to ``endpoint``. Every method raises ``TryLater`` and ``Never``."""

    client: FhirClient
    wanted: Sequence[tuple[str, ...]]
    endpoint: str

    async def standings(self) -> list[Standing]:
        """Return how each stands, those that others made included, and which are missing."""
        found = await self._found()
        there = {each.get("criteria") for each in found}
        missing = [ways[0] for ways in await self._needed() if there.isdisjoint(ways)]
        return [*map(_standing, found), *(Standing(criteria, MISSING) for criteria in missing)]

    async def register(self, channel: Channel) -> None:
        """Make what is missing, set going what stopped, bring the others up to date, and remove what is not needed."""
        needless = {each["id"]: each for each in await self._found() if each.get("reason") == REASON}
        for ways in await self._needed():
            same = next((each for each in needless.values() if each.get("criteria") in ways), None)
            if same is None:
                await self._create(ways, channel)
            else:
                del needless[same["id"]]
                await self._renew(same, channel)
        for each in needless.values():
            await self.client.delete(f"Subscription/{each['id']}")

    async def remove(self) -> int:
        """Delete those that we made; return how many."""
        ours = [each for each in await self._found() if each.get("reason") == REASON]
        for each in ours:
            await self.client.delete(f"Subscription/{each['id']}")
        return len(ours)

    async def _needed(self) -> list[tuple[str, ...]]:
        """Return what is wanted and about types that the server keeps."""
        return [ways for ways in self.wanted if await keeps(self.client, ways[0].partition("?")[0])]

    async def _found(self) -> list[Resource]:
        page = await self.client.search("Subscription", [("url", self.endpoint), ("_count", "200")])
        found = await all_pages(self.client, page)
        if not found.complete:
            raise TryLater(f"{self.client.host} did not give all Subscriptions.")
        return [resource for resource, _ in found.records if _channel(resource).get("endpoint") == self.endpoint]

    async def _create(self, ways: Sequence[str], channel: Channel) -> None:
        *others, last = ways
        for criteria in others:
            try:
                await self.client.create(_subscription(criteria, channel))
            except Refused as error:
                if error.status not in _NOT_SO:
                    raise
            else:
                return
        await self.client.create(_subscription(last, channel))

    async def _renew(self, there: Resource, channel: Channel) -> None:
        now, wanted = _channel(there), channel.written()
        same = all(now.get(name) == wanted.get(name) for name in ("type", "endpoint", "payload", "header"))
        if same and there.get("status") in _GOING:
            return
        renewed = _subscription(str(there["criteria"]), channel) | {"id": there["id"]}
        version = there.get("meta", {}).get("versionId")
        await self.client.update(renewed, f'W/"{version}"')


def _subscription(criteria: str, channel: Channel) -> Resource:
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": REASON,
        "criteria": criteria,
        "channel": channel.written(),
    }


def _channel(resource: Resource) -> dict[str, Any]:
    channel = resource.get("channel")
    return channel if isinstance(channel, dict) else {}


def _standing(resource: Resource) -> Standing:
    error = resource.get("error")
    return Standing(
        criteria=str(resource.get("criteria")),
        status=str(resource.get("status")),
        id=str(resource.get("id")),
        since=changed_at(resource),
        error=error if isinstance(error, str) else None,
    )
