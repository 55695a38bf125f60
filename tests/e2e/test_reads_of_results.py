"""Whoever reads a kept result leaves a line in the record of who did what, before it is handed out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import respx
from sqlalchemy import select, text

from service.config import Settings
from service.store.database import Database, opened
from service.store.tables import audit
from tests.e2e.conftest import served
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.verdicts import as_json

SCREENINGS = "/api/v1/screenings"


def lines(database: Database) -> list[tuple[str, str, str | None, str | None]]:
    """Return the record."""
    asked = select(audit.c.action, audit.c.caller, audit.c.patient, audit.c.screening).order_by(audit.c.number)
    return [tuple(row) for row in database.now(lambda connection: connection.execute(asked).all())]


def test_each_read_is_recorded(sample: dict[str, Any], tmp_path: Path) -> None:
    """By id, in a list and as FHIR, of the care team and of researchers; what is not found is read by nobody."""
    issuer = Issuer()
    care, research = issuer.bearer(sub="doctor"), issuer.bearer(sub="scholar", roles=["research"])
    settings = Settings(home=tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE, pseudonym_key="k" * 32)
    with respx.mock as router, served(settings) as http, opened(None, tmp_path, alone=False) as database:
        issuer.play(router)
        body = as_json({"bundle": sample["01-shown-in-full"]})
        id_ = http.post(SCREENINGS, content=body, headers=care | {"Content-Type": "application/json"}).json()["id"]
        asked = [(f"{SCREENINGS}/{id_}", research), (SCREENINGS, care), (f"/fhir/evaluations/{id_}", care)]
        answers = [http.get(path, headers=headers).status_code for path, headers in asked]
        http.get(f"{SCREENINGS}/00000000-0000-4000-8000-000000000000", headers=care)
        told = lines(database)

    assert answers == [200, 200, 200]
    assert [(action, caller) for action, caller, _, _ in told] == [
        ("screened", "doctor"), ("read", "scholar"), ("read", "doctor"), ("read", "doctor"),
    ]  # fmt: skip
    assert {(patient, screening) for _, _, patient, screening in told} == {("Patient/demo-01", id_)}


@pytest.mark.parametrize("place", [f"{SCREENINGS}/{{id}}", SCREENINGS, "/fhir/evaluations/{id}"])
def test_what_cannot_be_recorded_is_not_read(sample: dict[str, Any], tmp_path: Path, place: str) -> None:
    """Where the record takes no line the answer is 503, and shows nothing."""
    body = as_json({"bundle": sample["01-shown-in-full"]})
    with served(Settings(home=tmp_path)) as http, opened(None, tmp_path, alone=False) as database:
        id_ = http.post(SCREENINGS, content=body, headers={"Content-Type": "application/json"}).json()["id"]
        database.now(lambda connection: connection.execute(text("ALTER TABLE audit RENAME TO gone")))
        answer = http.get(place.format(id=id_))

    assert answer.status_code == 503
    assert "demo-01" not in answer.text
