"""A real server tells of changes: Subscriptions that our command made, delivered by HAPI to the service as it runs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.demo import charts
from tests.cds import of_today
from tests.servers.fixtures import free_port
from tests.servers.running import Running, environment_of, running
from tests.verdicts import as_json

pytestmark = pytest.mark.servers

Json = dict[str, Any]
FHIR = {"Content-Type": "application/fhir+json"}


@dataclass
class Site:
    """A hospital's server, and the service that it tells of changes; the service may be down."""

    fhir: str
    home: Path
    port: str

    @property
    def settings(self) -> dict[str, str]:
        """Those of the service and of its commands."""
        return {
            "FHIR_URL": self.fhir,
            "HOME": str(self.home),
            "PORT": self.port,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "NOTIFICATION_SECRET": "the-newer-secret,the-older-secret",
            "SUBSCRIPTION_POLL_SECONDS": "2",
        }

    @contextmanager
    def up(self) -> Iterator[Running]:
        """Run the service."""
        with running(self.home, **{name: value for name, value in self.settings.items() if name != "HOME"}) as service:
            yield service

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments],
            env=environment_of(self.settings),
            capture_output=True,
            text=True,
            check=False,
        )

    def register(self, *options: str) -> None:
        """Have the Subscriptions made, and wait until all are active."""
        assert self.command("subscriptions", "register", *options).returncode == 0
        until(lambda: {each["status"] for each in self.subscriptions()} == {"active"})

    def subscriptions(self) -> list[Json]:
        """Return the Subscriptions that lead to the service, as the server has them."""
        told = {"url": f"{self.settings['PUBLIC_URL']}/subscriptions/notifications", "_count": "100"}
        found = httpx.get(f"{self.fhir}/Subscription", params=told, timeout=60).json()
        return [entry["resource"] for entry in found.get("entry", ())]

    def set_off(self) -> None:
        """Have every Subscription stopped, as an operator of the server may."""
        for each in self.subscriptions():
            off = each | {"status": "off"}
            assert httpx.put(f"{self.fhir}/Subscription/{each['id']}", json=off, timeout=60).status_code == 200

    def load(self, patient: str, name: str = "01-shown-in-full") -> None:
        """Put a sample chart on the server in one transaction, under ids of its own."""
        chart = of_today(json.loads(as_json(charts()[name]).decode().replace(f"demo-{name[:2]}", patient)))
        requests = [
            {
                "resource": each["resource"],
                "request": {"method": "PUT", "url": f"{each['resource']['resourceType']}/{each['resource']['id']}"},
            }
            for each in chart["entry"]
        ]
        sent = {"resourceType": "Bundle", "type": "transaction", "entry": requests}
        assert httpx.post(self.fhir, content=as_json(sent), headers=FHIR, timeout=60).status_code == 200

    def change(self, reference: str, value: float) -> None:
        """Have another value measured."""
        record = httpx.get(f"{self.fhir}/{reference}", timeout=60).json()
        record["valueQuantity"]["value"] = value
        assert httpx.put(f"{self.fhir}/{reference}", json=record, timeout=60).status_code == 200

    def subjects(self, patient: str) -> list[str]:
        """Return the statuses of a patient's ResearchSubjects."""
        found = httpx.get(
            f"{self.fhir}/ResearchSubject", params={"individual": f"Patient/{patient}"}, timeout=60
        ).json()
        return [entry["resource"]["status"] for entry in found.get("entry", ())]

    def screened(self, patient: str) -> list[str]:
        """Return the statuses of a patient's screenings, in their order."""
        with closing(sqlite3.connect(self.home / "candor.db", timeout=30)) as store:
            rows = store.execute(
                "SELECT status FROM screenings WHERE patient = ? ORDER BY created", [f"Patient/{patient}"]
            )
            return [status for (status,) in rows]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


def settled() -> None:
    """Wait until nothing more can come of what was told."""
    time.sleep(8)


@pytest.fixture
def site(hapi: str, tmp_path: Path) -> Iterator[Site]:
    """Give a site; its Subscriptions are removed in the end, for other tests share the server."""
    one = Site(hapi, tmp_path / "home", str(free_port()))
    yield one
    assert one.command("subscriptions", "remove").returncode == 0
    assert one.subscriptions() == []


@pytest.mark.parametrize("options", [(), ("--payload",)], ids=["without payload", "with payload"])
def test_what_is_told_is_screened_once_and_posted(site: Site, options: tuple[str, ...]) -> None:
    """Twenty records in one transaction are one screening and one ResearchSubject, and what we write causes none.

    What changes while the listener is down is told late or found: either way it is screened.
    """
    patient = f"told-{len(options)}"
    with site.up():
        site.register(*options)
        site.load(patient)
        until(lambda: site.subjects(patient) == ["candidate"])
        settled()
        once = site.screened(patient)
    site.change(f"Observation/{patient}-platelets", 9)
    site.change(f"Observation/{patient}-crp", 11)
    with site.up():
        until(lambda: site.subjects(patient) == ["ineligible"])

    assert once == ["candidate"]
    assert site.screened(patient)[-1] == "ineligible"


def test_what_was_not_told_is_found(site: Site) -> None:
    """The listener is down and the Subscriptions are switched off: when it is up again, what changed is screened.

    That they are off shows at once: in the metric, in the log, in `check` and by the command; registering repairs it.
    """
    with site.up():
        site.register()
        site.load("lost")
        until(lambda: site.subjects("lost") == ["candidate"])
    site.set_off()
    site.change("Observation/lost-platelets", 9)
    site.load("new")
    with site.up() as service:
        until(lambda: site.subjects("lost") == ["ineligible"] and site.subjects("new") == ["candidate"])
        shown = httpx.get(f"{service.url}/metrics").text
        checked, listed = site.command("check"), site.command("subscriptions", "status")
        site.register()
        until(lambda: 'candor_subscriptions{status="off"} 0.0' in httpx.get(f"{service.url}/metrics").text)

    assert 'candor_subscriptions{status="active"} 0.0' in shown
    assert '"event": "subscriptions-stopped"' in service.log.read_text()
    assert (checked.returncode, listed.returncode) == (3, 4)
    assert " off. Repair what made them stop" in " ".join(checked.stdout.split())
    assert len(site.screened("new")) == 1
