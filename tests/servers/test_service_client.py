"""The synchronous client and `screen --service` against the service itself, over loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from service.client import Candor, Refused
from service.demo import charts
from tests.e2e.conftest import Run, candor  # noqa: F401 - a fixture
from tests.servers.fixtures import free_port
from tests.servers.running import Running, running
from tests.verdicts import as_json

pytestmark = pytest.mark.servers

DAY = date(2026, 11, 23)
FOLDER = Path(__file__).parents[2] / "service/demo_charts"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a service without a hospital."""
    with running(tmp_path_factory.mktemp("candor")) as started:
        yield started


@pytest.fixture
def client(service: Running) -> Iterator[Candor]:
    """Give a client of it."""
    with Candor(service.url) as client:
        yield client


def test_records_are_screened_now_and_later(client: Candor) -> None:
    """A Bundle gives the same result at once, started and waited for, and in the list."""
    bundle = as_json(charts()["01-shown-in-full"])
    now = client.screen(bundle=bundle, as_of=DAY)
    later = client.wait(client.start(bundle=bundle, as_of=DAY))
    listed = [each for each in client.screenings(status="candidate", limit=1) if each["patient"] == "Patient/demo-01"]

    assert (now["patient"], now["status"], len(now["criteria"])) == ("Patient/demo-01", "candidate", 24)
    assert later["id"] != now["id"]
    assert {name: value for name, value in later.items() if name != "id"} == {
        name: value for name, value in now.items() if name != "id"
    }
    assert [each["id"] for each in listed] == [later["id"]]


def test_the_same_key_is_the_same_screening(client: Candor) -> None:
    """Who repeats a call with its key gets the very same screening."""
    bundle = as_json(charts()["02-early-disease"])
    ids = {client.screen(bundle=bundle, as_of=DAY, key="of-the-engine")["id"] for _ in range(2)}

    assert len(ids) == 1


def test_the_list_has_every_page(client: Candor) -> None:
    """Pages of one give what one page of all gives."""
    for name in ("03-french-codes", "04-us-codes", "05-one-result-missing"):
        client.screen(bundle=as_json(charts()[name]), as_of=DAY)
    by_one, at_once = list(client.screenings(limit=1)), list(client.screenings())

    assert len(by_one) >= 3
    assert by_one == at_once


def test_a_run_whose_answer_was_lost_is_begun_once(tmp_path: Path) -> None:
    """The service has begun it, the client asks again and gets its id; whoever asks for another is told of it."""
    answers = iter([requests.ConnectionError("lost")])

    def lost(answer: requests.Response, **_: object) -> None:
        for error in answers:
            answer.close()
            raise error

    down = f"http://127.0.0.1:{free_port()}/fhir"
    with running(tmp_path, FHIR_URL=down) as service, Candor(service.url) as client:
        client._session.hooks["response"].append(lost)  # noqa: SLF001 - the network, after the service answered
        run = client.start_run(as_of=DAY)
        with pytest.raises(Refused) as refused:
            client.start_run(as_of=DAY)

    assert list(answers) == []
    assert (refused.value.code, refused.value.run) == ("run-under-way", run)


def test_a_refusal_has_the_services_code(client: Candor) -> None:
    """What the service will not is told with its status and code."""
    with pytest.raises(Refused) as without:
        client.screen(patient="1")
    with pytest.raises(Refused) as replaced:
        client.screen(bundle=as_json(charts()["12-replaced-record"]))

    assert (without.value.status, without.value.code) == (409, "no-hospital-server")
    assert (replaced.value.code, replaced.value.replaced_by) == ("patient-replaced", "Patient/demo-12-survivor")


def without_id(line: str) -> dict[str, Any]:
    """Return a result without what differs between two screenings."""
    return {name: value for name, value in json.loads(line).items() if name != "id"}


def test_the_command_has_the_service_judge(service: Running, candor: Any) -> None:  # noqa: F811 - pytest's way
    """A folder of charts gives the same lines as without the service, the one in error in its place: exit 4."""
    own: Run = candor("screen", FOLDER, "--as-of", "2026-11-23", "--json")
    run: Run = candor("screen", FOLDER, "--as-of", "2026-11-23", "--json", "--service", service.url)

    assert (own.code, run.code) == (4, 4)
    assert [without_id(line) for line in run.out.splitlines()] == [without_id(line) for line in own.out.splitlines()]


def test_the_command_draws_the_table(service: Running, candor: Any) -> None:  # noqa: F811
    """The table is the one that is drawn without the service."""
    file = FOLDER / "06-skin-score-too-old.json"
    own: Run = candor("screen", file, "--as-of", "2026-11-23")
    run: Run = candor("screen", file, "--as-of", "2026-11-23", "--service", service.url)

    assert (run.code, run.out) == (0, own.out)


def test_the_command_tells_what_the_service_refuses(service: Running, candor: Any) -> None:  # noqa: F811
    """Without a hospital server the service's setting is missing: exit 3; an unknown study is wrong usage: exit 2."""
    file = FOLDER / "06-skin-score-too-old.json"
    hospital: Run = candor("screen", "--patient", "1", "--service", service.url)
    study: Run = candor("screen", file, "--study", "NCT00000000", "--service", service.url)
    address: Run = candor("screen", file, "--service", "candor.example")

    assert (hospital.code, study.code, address.code) == (3, 2, 3)
    assert "no-hospital-server" in hospital.err
    assert "unknown-study" in study.err
