"""What operators see of the service: metrics, spans and the log, each by route templates and random ids."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from service import metrics
from service.api.service import Service
from service.errors import Never, TryLater
from service.logs import log_to_stderr
from service.store.store import SqlStore
from tests.e2e.conftest import Doors
from tests.telling import counted, spans
from tests.verdicts import as_json

STUDY = "NCT06722105"
ID = "0af76519-16cd-43dd-8448-eb211c80319c"
REQUESTS = "candor_request_seconds_count"


@pytest.fixture
def _logs_to_stderr() -> Iterator[None]:
    """Log as the commands do."""
    log_to_stderr()
    yield
    logging.root.removeHandler(logging.root.handlers[-1])
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", f"/api/v1/studies/{STUDY}", {"route": "/api/v1/studies/{study}", "method": "GET", "status": "200"}),
        ("GET", "/api/v1/studies/Smith", {"route": "/api/v1/studies/{study}", "status": "404"}),
        ("GET", f"/fhir/ResearchStudy/{STUDY}", {"route": "/fhir/ResearchStudy/{id}", "status": "200"}),
        ("GET", "/Smith", {"route": "other", "status": "404"}),
        ("SMITH", "/livez", {"route": "/livez", "method": "other", "status": "405"}),
    ],
)
def test_requests_are_counted_by_their_template(doors: Doors, method: str, path: str, labels: dict[str, str]) -> None:
    """A request counts once, by the route's template, the method and the status; what callers make up is `other`."""
    before = counted(REQUESTS, **labels), counted(REQUESTS)
    doors.http.request(method, path)

    assert (counted(REQUESTS, **labels), counted(REQUESTS)) == (before[0] + 1, before[1] + 1)


def test_screenings_and_criteria_are_counted(doors: Doors, sample: dict[str, Any]) -> None:
    """A result counts by study, status and what asked for it; each criterion by what came of it."""
    status = {"study": STUDY, "status": "candidate", "trigger": "api"}
    severe, all_ = {"criterion": "I5", "outcome": "pass"}, {"study": STUDY}
    before = counted("candor_screenings_total", **status), counted("candor_criteria_total", **severe)
    criteria = counted("candor_criteria_total", **all_)
    doors.screen(patient="demo-01")

    assert counted("candor_screenings_total", **status) == before[0] + 1
    assert counted("candor_criteria_total", **severe) == before[1] + 1
    assert counted("candor_criteria_total", **all_) == criteria + 24


def test_a_patient_who_could_not_be_screened_is_counted(doors: Doors, sample: dict[str, Any]) -> None:
    """Such a result is none of the statuses, and has no criteria."""
    error = {"status": "error", "trigger": "evaluate"}
    before, criteria = counted("candor_screenings_total", **error), counted("candor_criteria_total")
    chart = as_json(sample["12-replaced-record"])
    headers = {"Content-Type": "application/fhir+json"}
    doors.http.post(f"/fhir/ResearchStudy/{STUDY}/$evaluate-eligibility", content=chart, headers=headers)

    assert counted("candor_screenings_total", **error) == before + 1
    assert counted("candor_criteria_total") == criteria


def test_jobs_are_shown_by_state(doors: Doors) -> None:
    """Jobs that wait, run or were set aside are shown with the age of the oldest; those that are done are not."""
    doors.results.failure = Never("The server refuses.")
    doors.screen(patient="demo-01", write_back=True)
    text = doors.http.get("/metrics").text

    assert 'candor_jobs{kind="post",state="parked"} 1.0' in text
    assert 'candor_jobs{kind="screen",state="ready"} 0.0' in text
    assert 0 < counted("candor_oldest_job_seconds", kind="post", state="parked") < 60
    assert 'state="done"' not in text
    assert counted("candor_store_up") == 1


def test_metrics_tell_that_the_store_is_down(doors: Doors) -> None:
    """Whatever else was counted is told, and no figure about jobs that may be wrong."""
    service: Service = doors.http.app.state.service  # type: ignore[attr-defined]
    store = service.desk.worker.jobs.store
    assert isinstance(store, SqlStore)
    store.database.now(lambda connection: connection.exec_driver_sql("ALTER TABLE jobs RENAME TO gone"))
    answer = doors.http.get("/metrics")

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert counted("candor_store_up") == 0
    assert counted("candor_jobs") == 0
    assert "candor_jobs{" not in answer.text
    assert REQUESTS in answer.text


@pytest.mark.parametrize("told", [ID, ID.replace("-", ""), ID.upper()])
def test_a_random_id_of_the_caller_is_kept(doors: Doors, told: str) -> None:
    """A caller finds its own request in our log by the id that it gave."""
    assert doors.http.get("/livez", headers={"X-Request-Id": told}).headers["x-request-id"] == told


@pytest.mark.parametrize("told", ["", "Smith", "277017555555555", f"{ID} Smith"])
def test_any_other_id_is_replaced(doors: Doors, told: str) -> None:
    """What is no random id could name a patient: it is not taken over."""
    given = doors.http.get("/livez", headers={"X-Request-Id": told}).headers["x-request-id"]

    assert UUID(given).version == 4


@pytest.mark.usefixtures("_logs_to_stderr")
def test_a_request_is_logged_without_its_path(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    """The log has template, method, status, time and id of a request, probes excepted; an error line has the id too."""
    doors.records.failure = ValueError("Smith has 12 g/dL")
    answer = doors.http.post("/api/v1/screenings?Smith", json={"patient": "demo-01"}, headers={"X-Request-Id": ID})
    doors.http.get("/readyz")
    bug, request = (json.loads(line) for line in capsys.readouterr().err.splitlines())

    assert answer.headers["x-request-id"] == ID
    assert (bug["event"], bug["request"], bug["error"]) == ("bug", ID, "ValueError")
    assert request.keys() == {"event", "level", "timestamp", "request", "route", "method", "status", "seconds"}
    assert (request["route"], request["method"], request["status"]) == ("/api/v1/screenings", "POST", 500)


@pytest.mark.usefixtures("_logs_to_stderr")
def test_libraries_are_heard_and_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library logs could repeat a URL or a value: only where it stands is told, and the kind of error."""
    logging.getLogger("some.package").error("no %s at /Patient/Smith", "Smith", exc_info=KeyError("Smith"))
    logging.getLogger("some.package").error(OSError(98, "('127.0.0.1', 8000)"))
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())

    assert (first["event"], first["library"], first["error"]) == ("library", "some.package", "KeyError")
    assert second["error"] == "Address already in use"
    assert "Smith" not in str(first)


def test_a_request_is_a_span_with_what_it_caused(doors: Doors) -> None:
    """A span is named by template, continues the caller's trace, and holds neither path nor message."""
    doors.records.failure = TryLater("Smith is not to be found.")
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    headers = {"traceparent": f"00-{trace}-{parent}-01", "tracestate": "smith=1", "baggage": "patient=Smith"}
    with spans() as kept:
        doors.http.post("/api/v1/screenings?Smith", json={"patient": "demo-01"}, headers=headers)
    (request,) = [span for span in kept if span.name == "POST /api/v1/screenings"]

    assert request.parent is not None
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (trace, parent)
    assert dict(request.attributes or {}) == {
        "http.route": "/api/v1/screenings",
        "http.request.method": "POST",
        "http.response.status_code": 503,
    }
    assert "mith" not in request.to_json()


@pytest.mark.parametrize("told", ["", "Smith", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_span_without_a_valid_parent_is_a_root(doors: Doors, told: str) -> None:
    """What is no trace context is passed over."""
    with spans() as kept:
        doors.http.get("/livez", headers={"traceparent": told})

    assert [span.parent for span in kept] == [None]


def test_frameworks_own_spans_are_off(doors: Doors) -> None:
    """The web framework would record paths and queries, and bodies for its exporters: it makes no span."""
    with spans() as kept:
        doors.http.get("/api/v1/studies/Smith?name=Smith")

    assert [span.name for span in kept] == ["GET /api/v1/studies/{study}"]
    assert {span.instrumentation_scope.name for span in kept if span.instrumentation_scope} == {"candor"}


def test_every_metric_is_described() -> None:
    """The page for operators names every metric with its labels, and none that is not there."""
    page = (Path(__file__).parents[2] / "docs/watching.md").read_text(encoding="utf-8")
    described = set(re.findall(r"candor_\w+", page.partition("Worth an alarm")[0]))
    families = text_string_to_metric_families(metrics.exposition().decode())
    ours = {f"{each.name}_total" if each.type == "counter" else each.name for each in families}

    assert described == {name for name in ours if name.startswith("candor_")}
