"""Callers with tokens of a real OpenID provider: on every operation, and when its keys change."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import partial
from time import monotonic, sleep

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey

from service.config import Settings
from service.hospital.published_keys import PublishedKeys
from service.trust.bearers import ALGORITHMS, Bearers, fetch_keys
from service.trust.key_sets import PAUSE, KeySets
from service.trust.signed import Untrusted, read_token
from tests.doors import ALL, CARE, GUARDED, RULES, Operation
from tests.e2e.conftest import served
from tests.servers.issuing import ANOTHER, AUDIENCE, SCOPES, Issuing, started_issuer

pytestmark = pytest.mark.servers

KEY = "7d3b9c1f2a5e4d6b8f0a1c2e3d4b5f60"


@pytest.fixture(scope="module")
def issuing() -> Iterator[Issuing]:
    """Give a provider whom the service trusts."""
    with started_issuer() as provider:
        yield provider


@pytest.fixture(scope="module")
def http(issuing: Issuing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give the service."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, oidc_issuer=issuing.url, oidc_audience=AUDIENCE, pseudonym_key=KEY)
    with served(settings) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """Return the header."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_scope_and_role_decide_at_every_operation(http: TestClient, issuing: Issuing, operation: Operation) -> None:
    """With the scope the roles come in that the operation is for, without it nobody does."""
    rule = RULES[operation.id]
    others = [scope for scope in SCOPES if scope != rule.scope]
    statuses = {
        role: operation.call(http, bearer(issuing.token(f"{role}.300", rule.scope))).status_code for role in ALL
    }

    assert {role for role, status in statuses.items() if status not in {401, 403}} == rule.roles
    assert {role for role, status in statuses.items() if status == 403} == ALL - rule.roles
    for role in CARE:
        assert operation.call(http, bearer(issuing.token(f"{role}.300", *others))).status_code == 403
        assert operation.call(http, bearer(issuing.token(f"{role}.300", *SCOPES, audience=ANOTHER))).status_code == 401


def test_an_expired_token_is_refused(http: TestClient, issuing: Issuing) -> None:
    """It was good a moment before."""
    headers = bearer(issuing.token("care-team.1", *SCOPES))
    deadline = monotonic() + 10
    while (answer := http.get("/api/v1/studies", headers=headers)).status_code == 200 and monotonic() < deadline:
        sleep(0.1)

    assert answer.status_code == 401
    assert "exp" in answer.json()["detail"]


def test_the_token_of_another_provider_is_refused(http: TestClient) -> None:
    """Of the same make, with the same names."""
    with started_issuer() as other:
        answer = http.get("/api/v1/studies", headers=bearer(other.token("care-team.300", *SCOPES)))

    assert answer.status_code == 401
    assert "iss" in answer.json()["detail"]


def test_a_token_that_was_changed_or_signed_by_another_key_is_refused(http: TestClient, issuing: Issuing) -> None:
    """Its claims are the provider's to the letter, but the signature is not."""
    token = issuing.token("research.300", *SCOPES)
    header, claims = read_token(token, ALGORITHMS, ("jwt", "at+jwt"))
    key = RSAKey.generate_key(2048, {"kid": header["kid"]})
    forged = jwt.encode(header, claims | {"roles": ["care-team"]}, key, ["RS256"])
    head, body, tail = token.split(".")
    unsigned = urlsafe_b64encode(b'{"alg":"none","kid":"key-1"}').decode().rstrip("=")
    for changed in (forged, f"{head}.{forged.split('.')[1]}.{tail}", f"{unsigned}.{body}."):
        answer = http.get("/api/v1/studies", headers=bearer(changed))
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")


@pytest.mark.anyio
async def test_a_new_key_is_believed_and_the_one_before_no_longer(issuing: Issuing) -> None:
    """The provider's keys are asked for once, again for a key that nobody knew, and not again within the pause."""
    now = 0.0
    async with PublishedKeys(None) as published:
        keys = KeySets(partial(fetch_keys, fetch=published.fetch), clock=lambda: now)
        there = Bearers(issuer=issuing.url, audience=AUDIENCE, roles_claim="roles", keys=keys)
        old, asked = f"Bearer {issuing.token('care-team.300', *SCOPES)}", issuing.asked()
        for _ in range(5):
            assert (await there.admit(old)).roles == CARE
        assert issuing.asked() == asked + 1
        issuing.rotate()
        new = f"Bearer {issuing.token('care-team.300', *SCOPES)}"
        with pytest.raises(Untrusted, match="kid"):  # within the pause
            await there.admit(new)
        now += PAUSE
        assert (await there.admit(new)).scopes == set(SCOPES)
        for _ in range(5):
            with pytest.raises(Untrusted, match="kid"):
                await there.admit(old)
        assert issuing.asked() == asked + 2
