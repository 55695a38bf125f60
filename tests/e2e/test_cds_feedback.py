"""Feedback on cards: kept once however often it comes, and what was dismissed is not shown again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.config import Settings
from tests.cds import SERVICE, call, of_today, prefetch
from tests.e2e.conftest import served

Json = dict[str, Any]
AT = "2026-11-25T10:05:31Z"


@dataclass
class Clinic:
    """A service, and a clinician who opens charts."""

    http: TestClient
    home: Path
    kinds: list[str]

    def card(self, chart: Json, user: str = "Practitioner/dr-1", **members: Any) -> Json | None:
        """Open a chart; return the card, if there is one."""
        said = call(chart, prefetch=prefetch(chart, self.kinds), **members)
        said["context"]["userId"] = user
        answer = self.http.post(f"/cds-services/NCT06722105-{said['hook']}", json=said)
        assert answer.status_code == 200
        return next(iter(answer.json()["cards"]), None)

    def tell(self, *entries: Json, service: str = SERVICE) -> int:
        """Give feedback; return the status."""
        return self.http.post(f"{service}/feedback", json={"feedback": list(entries)}).status_code

    def kept(self) -> list[tuple[Any, ...]]:
        """Return the feedback that is kept."""
        with closing(sqlite3.connect(self.home / "candor.db")) as database:
            return database.execute("SELECT caller, card, outcome FROM card_feedback ORDER BY at").fetchall()


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Give a clinic."""
    with served(Settings(home=tmp_path, cds_budget_ms=20_000)) as http:
        kinds = list(http.get("/cds-services").json()["services"][0]["prefetch"])
        yield Clinic(http, tmp_path, kinds)


@pytest.fixture
def candidate(sample: dict[str, Json]) -> Json:
    """Give the chart of a candidate."""
    return of_today(sample["01-shown-in-full"])


def overridden(card: str, at: str = AT) -> Json:
    """Return the feedback on a card that was dismissed, as rich as the specification allows."""
    reason = {"reason": {"system": "urn:x", "code": "patient-declined"}, "userComment": "Mrs Smith does not want to."}
    return {"card": card, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": at}


def accepted(card: str) -> Json:
    """Return the feedback on a card whose suggestion was accepted."""
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
        "outcomeTimestamp": AT,
    }


def uuid_of(card: Json | None) -> str:
    """Return the id of a card that has to be there."""
    assert card is not None
    return str(card["uuid"])


def test_what_a_clinician_dismissed_is_not_shown_again(clinic: Clinic, candidate: Json) -> None:
    """The same result is not shown again to the same clinician, by either hook; to another one it is."""
    assert clinic.tell(overridden(uuid_of(clinic.card(candidate)))) == 200

    assert clinic.card(candidate) is None
    assert clinic.card(candidate, hook="order-sign") is None
    assert clinic.card(candidate, user="Practitioner/dr-2") is not None


def without_platelets(chart: Json) -> Json:
    """Return the chart without the platelets."""
    return chart | {"entry": [each for each in chart["entry"] if "777-3" not in str(each["resource"].get("code"))]}


def with_diagnosis(chart: Json) -> Json:
    """Return the chart with a diagnosis that a person has to look at."""
    ssc = next(each["resource"] for each in chart["entry"] if each["resource"]["resourceType"] == "Condition")
    cancer = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C50.9"}]}
    return chart | {"entry": [*chart["entry"], {"resource": ssc | {"id": "cancer", "code": cancer}}]}


def ago(**time: float) -> str:
    """Return a moment of the past."""
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


@pytest.mark.parametrize("also", [lambda chart: chart, without_platelets], ids=["alone", "beside a value"])
def test_a_changed_result_is_shown_after_all(clinic: Clinic, candidate: Json, also: Callable[[Json], Json]) -> None:
    """When a diagnosis changes what is judged, the clinician sees the new card, whatever else changed."""
    clinic.tell(overridden(uuid_of(clinic.card(candidate)), ago(hours=1)))

    assert clinic.card(candidate) is None
    assert clinic.card(with_diagnosis(also(candidate))) is not None


def test_what_the_laboratory_changes_is_shown_once_a_day(clinic: Clinic, candidate: Json) -> None:
    """Whoever has dismissed a card is shown none on that day because a value came or went; others are, and later."""
    card, changed = uuid_of(clinic.card(candidate)), without_platelets(candidate)
    clinic.tell(overridden(card, ago(hours=23)))
    today = clinic.card(changed), clinic.card(changed, user="Practitioner/dr-2")
    with closing(sqlite3.connect(clinic.home / "candor.db")) as database, database:
        database.execute("UPDATE card_feedback SET at = at - 2 * 3600 * 1000000")

    assert (today[0], today[1] is not None) == (None, True)
    assert clinic.card(changed) is not None


def test_an_accepted_card_is_no_dismissed_one(clinic: Clinic, candidate: Json) -> None:
    """Until the ResearchSubject is among the records, the card comes again."""
    card = uuid_of(clinic.card(candidate))
    clinic.tell(accepted(card))

    assert uuid_of(clinic.card(candidate)) == card


def test_the_same_feedback_is_kept_once(clinic: Clinic, candidate: Json) -> None:
    """Feedback may come many times; no comment of a clinician is kept."""
    card = uuid_of(clinic.card(candidate))
    for _ in range(3):
        assert clinic.tell(overridden(card), accepted(card), overridden(card, "2026-11-25T11:05:31+01:00")) == 200

    assert sorted(clinic.kept()) == [("anyone", card, "accepted"), ("anyone", card, "overridden")]
    assert b"Smith" not in (clinic.home / "candor.db").read_bytes()


def test_feedback_on_a_card_that_nobody_made_does_no_harm(clinic: Clinic, candidate: Json) -> None:
    """It is taken, and hides nothing."""
    assert clinic.tell(overridden("9368d37b-283f-44a0-93ea-547cebab93ed")) == 200
    assert clinic.card(candidate) is not None


@pytest.mark.parametrize(
    "entry",
    [
        {"card": "not-a-uuid"},
        {"outcome": "ignored"},
        {"outcomeTimestamp": "yesterday"},
        {"outcomeTimestamp": "2026-11-25T10:05:31"},
        {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"},
        {"outcomeTimestamp": "9999-12-31T23:59:59-14:00"},
        {"outcomeTimestamp": None},
    ],
)
def test_what_is_no_feedback_is_refused(clinic: Clinic, entry: Json) -> None:
    """Each entry names a card, what became of it, and when, with its offset."""
    assert clinic.tell(overridden("9368d37b-283f-44a0-93ea-547cebab93ed") | entry) == 400
    assert clinic.kept() == []


def test_feedback_is_for_a_service_that_there_is(clinic: Clinic) -> None:
    """Another service's feedback is not ours."""
    assert clinic.tell(service="/cds-services/another") == 404
    assert clinic.tell() == 200
