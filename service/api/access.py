"""Who may call which endpoint: the token of an issuer, the scope that the endpoint asks for, and a role.

Without an issuer the service is reached from this machine alone, and whoever is on it may do everything.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import OAuth2, SecurityScopes

from service.api.problems import RETRY_AFTER, Problem
from service.api.service import Service, TheService
from service.errors import ServerError, TryLater
from service.screening.research import Pseudonyms
from service.trust.bearers import Caller, NoToken
from service.trust.signed import Untrusted
from service.work.model import StoredScreening

SCREEN, READ, RUN, METRICS = "candor/screen", "candor/read", "candor/run", "candor/metrics"
CARE_TEAM, RESEARCH = "care-team", "research"
ANYONE = Caller("anyone", frozenset({SCREEN, READ, RUN, METRICS}), frozenset({CARE_TEAM}))

_SCOPES = {
    SCREEN: "Have patients judged; for the role care-team.",
    READ: "Read studies and results; the role research sees pseudonyms.",
    RUN: "Have the whole hospital searched, and read the reports; for the role care-team.",
    METRICS: "Scrape what was counted; no role is asked for.",
}
_scheme = OAuth2(
    scheme_name="token",
    description="An access token (JWT) of the issuer and for the audience that the site has set.",
    flows={"clientCredentials": {"tokenUrl": "https://login.hospital.example/token", "scopes": _SCOPES}},
    auto_error=False,
)


async def _let_in(
    request: Request, asked: SecurityScopes, service: TheService, _: Annotated[object, Security(_scheme)]
) -> Caller:
    """Return the caller, who has every scope that is asked for. Raises a ``Problem``: 401, 403, 503."""
    if service.bearers is None:
        return ANYONE
    try:
        caller = await service.bearers.admit(request.headers.get("authorization"))
    except NoToken as error:
        raise Problem(HTTPStatus.UNAUTHORIZED, "no-token", str(error)) from None
    except Untrusted as error:
        challenge = 'Bearer error="invalid_token"'
        raise Problem(HTTPStatus.UNAUTHORIZED, "invalid-token", str(error), challenge=challenge) from None
    except ServerError as error:
        wait = error.retry_after if isinstance(error, TryLater) else None
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "issuer-down", str(error), retry_after=wait or RETRY_AFTER
        ) from None
    if lacking := [scope for scope in asked.scopes if scope not in caller.scopes]:
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(lacking)}"'
        detail = f"The token lacks the scope {' '.join(lacking)}."
        raise Problem(HTTPStatus.FORBIDDEN, "scope-missing", detail, challenge=challenge)
    return caller


async def _care_team(caller: Annotated[Caller, Security(_let_in)]) -> Caller:
    if CARE_TEAM not in caller.roles:
        raise Problem(HTTPStatus.FORBIDDEN, "role-missing", f"This is for the role {CARE_TEAM}.")
    return caller


async def _either(caller: Annotated[Caller, Security(_let_in)], service: TheService) -> Caller:
    if caller.roles.isdisjoint({CARE_TEAM, RESEARCH}):
        detail = f"This is for the roles {CARE_TEAM} and {RESEARCH}."
        raise Problem(HTTPStatus.FORBIDDEN, "role-missing", detail)
    if CARE_TEAM not in caller.roles and service.pseudonyms is None:
        detail = f"The role {RESEARCH} sees pseudonyms alone, and this site has none: set CANDOR_PSEUDONYM_KEY."
        raise Problem(HTTPStatus.FORBIDDEN, "no-pseudonyms", detail)
    return caller


async def _scraper(
    request: Request, asked: SecurityScopes, service: TheService, _: Annotated[object, Security(_scheme)]
) -> None:
    if not service.metrics_open:
        await _let_in(request, asked, service, None)


MayScreen = Annotated[Caller, Security(_care_team, scopes=[SCREEN])]
MayRun = Annotated[Caller, Security(_care_team, scopes=[RUN])]
MayReadCharts = Annotated[Caller, Security(_care_team, scopes=[READ])]
MayRead = Annotated[Caller, Security(_either, scopes=[READ])]  # what is answered goes through ``shown_to``
MAY_SCRAPE = Security(_scraper, scopes=[METRICS])


def names_for(caller: Caller, service: Service) -> Pseudonyms | None:
    """Return how people are named for the caller; ``None``: as they are."""
    return None if CARE_TEAM in caller.roles else service.pseudonyms


async def shown_to(caller: Caller, service: Service, *results: StoredScreening) -> list[StoredScreening]:
    """Return kept results as the caller may see them, once it is recorded who reads them. Raises ``StoreDown``."""
    await service.desk.shown(caller.name, *results)
    pseudonyms = names_for(caller, service)
    if pseudonyms is None:
        return list(results)

    def shown() -> list[StoredScreening]:
        return [replace(each, document=pseudonyms.shown(each.document, each.study)) for each in results]

    return await asyncio.get_running_loop().run_in_executor(service.worker, shown)


def describe_refusals(document: dict[str, Any]) -> None:
    """Tell in an OpenAPI document, of every operation that asks for a token, how it refuses."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if "security" in operation:
                responses = operation["responses"]
                form = responses["default"]["content"]
                for status, meaning in _REFUSALS.items():
                    responses.setdefault(status, {"description": meaning, "content": deepcopy(form)})
                operation["responses"] = dict(sorted(responses.items()))


_REFUSALS = {
    "401": "No token, or none of the issuer, for this service and this moment; see `WWW-Authenticate`.",
    "403": "The token lacks the scope or the role.",
    "503": "The issuer's keys cannot be had; see `Retry-After`.",
}
