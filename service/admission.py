"""Whether a server lets us in, told to the operator: a token, all that was asked for granted, a question answered."""

from __future__ import annotations

from typing import NamedTuple

from service.errors import CandorError, ServerError, TryLater
from service.hospital.client import FhirClient, Server
from service.hospital.refusals import TURNED_AWAY, Refused
from service.hospital.scopes import lacking
from service.hospital.tokens import BackendServices


class Told(NamedTuple):
    """One thing about the way in: whether it is good, what it is, what to do if not, and whether waiting may do."""

    good: bool
    what: str
    remedy: str = ""
    later: bool = False


async def admission(server: Server) -> list[Told]:
    """Return what an operator should know, in the order in which to repair it; nothing of a patient is asked for."""
    told: list[Told] = []
    if isinstance(server.credentials, BackendServices):
        try:
            told.append(await _granted(server.credentials))
        except ServerError as error:
            return [*told, Told(False, str(error), later=isinstance(error, TryLater))]
    if (turned_away := await _turned_away(server)) is not None:
        told.append(turned_away)
    return told


async def _granted(credentials: BackendServices) -> Told:
    granted, client = await credentials.granted(), credentials.client
    if missing := lacking(client.scope, granted.scope):
        return Told(
            False,
            f"not granted: {', '.join(missing)}.",
            f"Have them granted to client {client.id}, or set {client.setting}_SCOPE to what is needed here.",
        )
    return Told(True, f"a token for {granted.life:g} seconds, with every scope that was asked for.")


async def _turned_away(server: Server) -> Told | None:
    """Ask how many patients there are, which a server answers to those alone whom it lets in."""
    try:
        async with FhirClient(server) as client:
            await client.search("Patient", [("_summary", "count")])
    except Refused as error:
        if error.status not in TURNED_AWAY:
            return None  # some take no such search; they let us in
        return Told(False, str(error), "" if server.credentials else "Set a token, a password or a client id and key.")
    except CandorError as error:
        return Told(False, str(error), later=isinstance(error, TryLater))
    return None
