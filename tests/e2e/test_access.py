"""Who is let in where: every operation of openapi.yaml, with and without token, scope and role."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import respx
from fastapi.testclient import TestClient

from service.config import Settings
from tests.doors import ALL, DOCUMENT, GUARDED, OPEN, OPERATIONS, OWN, RULES, Operation
from tests.e2e.conftest import Run, served
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.verdicts import as_json

Candor = Callable[..., Run]
CHECKED = "https://checked.hospital.example"
KEY = "7d3b9c1f2a5e4d6b8f0a1c2e3d4b5f60"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """Give an issuer that everybody trusts."""
    return Issuer()


@pytest.fixture(scope="module")
def http(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give the service as it is with an issuer."""
    settings = Settings(
        home=tmp_path_factory.mktemp("home"), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, pseudonym_key=KEY
    )
    with respx.mock(assert_all_called=False) as router, served(settings) as client:
        issuer.play(router)
        yield client


def test_every_operation_has_a_rule() -> None:
    """A new one fails here until somebody says who may call it; the document tells the same."""
    assert {each.id for each in OPERATIONS} == RULES.keys() | OPEN | OWN
    for methods in DOCUMENT["paths"].values():
        for each in methods.values():
            rule = RULES.get(each["operationId"])
            assert each.get("security") == (None if rule is None else [{"token": [rule.scope]}])


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_nobody_comes_in_without_a_token(http: TestClient, operation: Operation) -> None:
    """401 in the form of the door, with the challenge that says what is asked for."""
    answer = operation.call(http, {})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.headers["Content-Type"] == operation.form


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_a_token_that_is_not_good_is_told_so(http: TestClient, issuer: Issuer, operation: Operation) -> None:
    """401 with the error that RFC 6750 names."""
    answer = operation.call(http, issuer.bearer(aud="another"))

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.headers["Content-Type"] == operation.form


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_another_scope_is_not_enough(http: TestClient, issuer: Issuer, operation: Operation) -> None:
    """403 with the scope that lacks, whatever the role."""
    rule = RULES[operation.id]
    others = " ".join({each.scope for each in RULES.values()} - {rule.scope})
    answer = operation.call(http, issuer.bearer(scope=f"{others} {rule.scope}s"))

    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{rule.scope}"'
    assert answer.headers["Content-Type"] == operation.form


@pytest.mark.parametrize("role", sorted(ALL))
@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_the_role_decides(http: TestClient, issuer: Issuer, operation: Operation, role: str) -> None:
    """Whoever has the scope still needs a role that the operation is for."""
    rule = RULES[operation.id]
    answer = operation.call(http, issuer.bearer(scope=rule.scope, roles=[role]))

    assert (answer.status_code in {401, 403}) is (role not in rule.roles)
    if role not in rule.roles:
        assert "role-missing" in answer.text
        assert answer.headers["Content-Type"] == operation.form


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.id in OPEN], ids=lambda each: each.id)
def test_what_is_public_needs_no_token(http: TestClient, operation: Operation) -> None:
    """Whether the service lives, its keys, what its FHIR door offers."""
    assert operation.call(http, {}).status_code == 200


def test_a_body_is_not_read_before_the_token(http: TestClient) -> None:
    """Strangers cannot make the service take in anything."""
    answer = http.post("/api/v1/screenings", content=b"x" * 1_000_000, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 401


def test_researchers_read_pseudonyms(http: TestClient, issuer: Issuer, sample: dict[str, Any]) -> None:
    """The list and the single result show the same person under one name that tells nothing; the care team sees all."""
    care, research = issuer.bearer(), issuer.bearer(roles=["research"])
    body = as_json({"bundle": sample["01-shown-in-full"], "as_of": "2026-11-23"})
    told = http.post("/api/v1/screenings", content=body, headers=care | {"Content-Type": "application/json"}).json()
    one = http.get(f"/api/v1/screenings/{told['id']}", headers=research).json()
    [listed] = http.get("/api/v1/screenings", headers=research).json()["items"]
    [whole] = http.get("/api/v1/screenings", headers=care).json()["items"]

    assert whole == told
    assert one == listed
    assert re.fullmatch("[0-9a-f]{64}", one["patient"])
    assert "demo-01" not in json.dumps(one)
    assert (one["status"], one["as_of"]) == (told["status"], "2026-11")


def test_researchers_page_without_moments(issuer: Issuer, sample: dict[str, Any], tmp_path: Path) -> None:
    """Their cursor cannot be read, and since when something changed they ask by the month alone."""
    care, research = issuer.bearer() | {"Content-Type": "application/json"}, issuer.bearer(roles=["research"])
    settings = Settings(home=tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE, pseudonym_key=KEY)
    with respx.mock as router, served(settings) as client:
        issuer.play(router)

        def listed(headers: dict[str, str], **asked: Any) -> Any:
            return client.get("/api/v1/screenings", params={"limit": 1} | asked, headers=headers)

        for name in ("01-shown-in-full", "09-low-platelets"):
            client.post("/api/v1/screenings", content=as_json({"bundle": sample[name]}), headers=care)
        now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=32)
        first = listed(research).json()
        second = listed(research, cursor=first["next"]).json()
        read = urlsafe_b64decode(first["next"])
        whole = listed(care).json()

        assert first["items"] != second["items"] != []
        assert second["next"] is None
        assert first["items"][0]["id"].encode() not in read
        assert first["items"][0]["id"].encode() in urlsafe_b64decode(whole["next"])
        assert (
            listed(research, cursor=whole["next"]).status_code == listed(care, cursor=first["next"]).status_code == 422
        )
        assert len(listed(research, changed_since=now.isoformat()).json()["items"]) == 1
        assert listed(care, changed_since=now.isoformat()).json()["items"] == []
        assert listed(research, changed_since=later.isoformat()).json()["items"] == []


def test_whoever_has_both_roles_is_of_the_care_team(http: TestClient, issuer: Issuer, sample: dict[str, Any]) -> None:
    """The wider one counts."""
    both = issuer.bearer(roles=["research", "care-team"])
    body = as_json({"bundle": sample["01-shown-in-full"], "as_of": "2026-11-23"})
    answer = http.post("/api/v1/screenings", content=body, headers=both | {"Content-Type": "application/json"})

    assert answer.json()["patient"] == "Patient/demo-01"


def test_without_a_key_researchers_see_nothing(issuer: Issuer, tmp_path: Path) -> None:
    """Rather than names; the sentence tells which setting is missing."""
    settings = Settings(home=tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE)
    with respx.mock as router, served(settings) as client:
        issuer.play(router)
        answer = client.get("/api/v1/screenings", headers=issuer.bearer(roles=["research"]))

    assert (answer.status_code, answer.json()["code"]) == (403, "no-pseudonyms")
    assert "CANDOR_PSEUDONYM_KEY" in answer.json()["detail"]


def test_an_issuer_that_is_down_is_not_the_callers_fault(issuer: Issuer, tmp_path: Path) -> None:
    """503 and when to come again: an engine keeps its message."""
    down = "https://down.hospital.example"
    with respx.mock as router, served(Settings(home=tmp_path, oidc_issuer=down, oidc_audience=AUDIENCE)) as client:
        router.get(url__startswith=down).respond(503)
        answer = client.get("/api/v1/studies", headers=issuer.bearer(iss=down))

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer-down")
    assert int(answer.headers["Retry-After"]) > 0


def test_one_caller_does_not_meet_anothers_keys(http: TestClient, issuer: Issuer, sample: dict[str, Any]) -> None:
    """An Idempotency-Key is its caller's own."""
    body = as_json({"bundle": sample["01-shown-in-full"], "as_of": "2026-11-23"})
    told = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    ids = {
        http.post("/api/v1/screenings", content=body, headers=issuer.bearer(sub=name) | told).json()["id"]
        for name in ("a", "b", "a")
    }

    assert len(ids) == 2


def test_metrics_can_be_left_open(tmp_path: Path) -> None:
    """Where the network keeps the port from others, a scraper needs no token."""
    settings = Settings(home=tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE, metrics_open=True)
    with served(settings) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/api/v1/studies").status_code == 401


@pytest.mark.parametrize(
    ("status", "configuration", "says"),
    [
        (200, {"issuer": CHECKED, "jwks_uri": f"{CHECKED}/keys"}, "✓ CANDOR_OIDC_ISSUER: its keys can be had"),
        (200, {"issuer": "https://another.example", "jwks_uri": f"{CHECKED}/keys"}, "it names itself otherwise"),
        (200, {"issuer": CHECKED, "jwks_uri": "http://169.254.169.254/keys"}, "over https"),
        (503, {}, "refused the public keys"),
    ],
)
def test_check_tells_whether_callers_can_be_let_in(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, status: int, configuration: dict[str, str], says: str
) -> None:
    """Before the first caller is turned away: the issuer's name to the letter, and keys that may be fetched."""
    monkeypatch.setenv("CANDOR_OIDC_ISSUER", CHECKED)
    with respx.mock(assert_all_called=False) as router:
        router.get(f"{CHECKED}/.well-known/openid-configuration").respond(status, json=configuration)
        router.get(f"{CHECKED}/keys").respond(json={"keys": []})
        run = candor("check")

    assert says in run.out
    assert (run.code == 0) is says.startswith("✓")
