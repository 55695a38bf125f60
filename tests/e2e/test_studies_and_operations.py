"""The studies in words, rules and codes; and what operators ask."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from service.api import models
from service.api.service import Limits
from tests.e2e.conftest import Doors

STUDY = "NCT06722105"


def rules(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a rule and all below it."""
    return [rule, *(each for child in rule["children"] for each in rules(child))]


def test_the_studies_are_listed(doors: Doors) -> None:
    """The list names each study with its registry status and its rules."""
    answer = doors.http.get("/api/v1/studies")

    TypeAdapter(models.Studies).validate_json(answer.content)
    assert [(each["id"], each["status"]) for each in answer.json()["items"]] == [(STUDY, "not-yet-recruiting")]


def test_a_study_shows_the_protocols_words_rules_and_codes(doors: Doors) -> None:
    """A study gives each criterion's own words, its rules in words and parameters, and the codes looked for."""
    answer = doors.http.get(f"/api/v1/studies/{STUDY}")
    study = answer.json()
    severe = next(each for each in study["criteria"] if each["id"] == "I5")
    notions = {each["id"]: each for each in study["notions"]}
    score = next(rule for rule in rules(severe["rule"]) if rule["parameters"].get("ge") == "20")

    TypeAdapter(models.StudyDetail).validate_json(answer.content)
    assert len(study["criteria"]) == 24
    assert severe["must_pass"]
    assert "at least 20" in score["words"]
    assert score["parameters"]["measure"] == "mrss"
    assert {"system": "http://loinc.org", "code": "718-7"} in notions["hemoglobin"]["codes"]
    assert notions["hemoglobin"]["within"] == "180 d"


def test_an_unknown_study_is_not_found(doors: Doors) -> None:
    """A study that is not loaded is a 404 problem."""
    answer = doors.http.get("/api/v1/studies/NCT00000000")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-study")


def test_an_unknown_path_and_method_are_problems(doors: Doors) -> None:
    """What the service does not offer is answered in the same form, with `Allow` where another method exists."""
    path, method = doors.http.get("/api/v1/nothing"), doors.http.delete("/api/v1/studies")

    assert (path.status_code, path.json()["code"]) == (404, "not-found")
    assert (method.status_code, method.json()["code"], method.headers["allow"]) == (405, "method-not-allowed", "GET")
    assert {path.headers["content-type"], method.headers["content-type"]} == {"application/problem+json"}


def test_the_service_lives_and_is_ready(doors: Doors) -> None:
    """Both probes are good while the service takes work."""
    assert [doors.http.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_probes_may_ask_for_the_head_alone(doors: Doors) -> None:
    """HEAD is answered as GET is, without a body."""
    assert [(one.status_code, one.content) for one in map(doors.http.head, ("/livez", "/readyz"))] == [(200, b"")] * 2


@pytest.mark.parametrize("limits", [Limits(body_bytes=1, entries=1, screenings=0)])
def test_a_busy_service_lives_and_is_not_ready(doors: Doors) -> None:
    """A service that takes no further work is to be left alone, not restarted."""
    live, ready = (doors.http.get(path) for path in ("/livez", "/readyz"))

    assert (live.status_code, ready.status_code, ready.headers["retry-after"]) == (200, 503, "1")


def test_the_openapi_document_is_served(doors: Doors) -> None:
    """The service describes itself in OpenAPI 3.1."""
    assert doors.http.get("/openapi.json").json()["openapi"].startswith("3.1")
