"""Commands as a site runs them, at a FHIR server that asks for a token of SMART Backend Services."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.hospital.keys import make_key
from tests.servers.guarded import Guarded
from tests.servers.written import load_chart

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]

Candor = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def candor(guarded: Guarded, tmp_path: Path) -> Candor:
    """Give the command line in a process of its own, for a client of the server; ``settings`` are added."""
    guarded.seen()  # what was before does not count

    def run(*arguments: str, client: str = "whole", **settings: str) -> "subprocess.CompletedProcess[str]":
        ours = {"FHIR_URL": guarded.base, "FHIR_CLIENT_ID": client, "FHIR_KEY_FILE": str(guarded.keys[client])}
        named = {f"CANDOR_{name}": value for name, value in ({"HOME": str(tmp_path)} | ours | settings).items()}
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments],
            cwd=ROOT,
            env={**os.environ, **named},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_patient_is_screened_and_written_about_with_one_token(hapi: str, guarded: Guarded, candor: Candor) -> None:
    """A whole screening, with its result posted, takes one token and is never turned away."""
    patient = load_chart(hapi, "authorised")

    run = candor("screen", "--patient", patient, "--as-of", "2026-11-23", "--json", "--write-back")

    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert (result["status"], result["written"]["done"]) == ("candidate", True)
    assert guarded.seen() == {"granted": 1, "refused": [], "turned_away": 0}


def test_what_check_and_show_tell_a_client_that_is_known(guarded: Guarded, candor: Candor) -> None:
    """A client whose scopes are those that `keys show` prints is let in, and `check` says so."""
    shown = candor("keys", "show")
    run = candor("check")

    assert f"{guarded.base}: client whole, key {guarded.key('whole').id}, scopes: system/" in shown.stderr
    assert run.returncode == 0, run.stdout
    assert "CANDOR_FHIR_URL: a token for 300 seconds, with every scope that was asked for." in run.stdout


@pytest.mark.parametrize("command", [("check",), ("screen", "--patient", "1", "--json")])
def test_a_key_that_is_not_known(guarded: Guarded, candor: Candor, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A wrong key is told with the key that is to be registered: exit 3, and no private part in what is printed."""
    key = make_key("ES384", tmp_path / "new.pem")

    run = candor(*command, FHIR_KEY_FILE=str(tmp_path / "new.pem"))

    assert run.returncode == 3
    assert f"is registered there with the public key {key.id}" in run.stdout + run.stderr
    assert not [line for line in (tmp_path / "new.pem").read_text().splitlines() if line in run.stdout + run.stderr]
    assert guarded.seen()["granted"] == 0


def test_a_scope_that_is_not_granted(candor: Candor) -> None:
    """A scope that the client is not registered for is told by the settings that matter: exit 3."""
    run = candor("check", client="narrow")

    assert run.returncode == 3
    assert "HTTP 400 invalid_scope. Have the scopes granted that candor keys show prints" in run.stdout
    assert "CANDOR_FHIR_SCOPE" in run.stdout


def test_fewer_scopes_by_a_setting(candor: Candor) -> None:
    """With the scopes set to those that are granted the client is let in."""
    run = candor("check", client="narrow", FHIR_SCOPE="system/Patient.rs")

    assert run.returncode == 0, run.stdout


def test_an_authorisation_server_elsewhere(guarded: Guarded, candor: Candor) -> None:
    """A token URL of another port is asked where it is set; where nothing listens, `check` says later: exit 75."""
    right = candor("check", FHIR_TOKEN_URL=guarded.token_url)
    wrong = candor("check", FHIR_TOKEN_URL="http://127.0.0.1:9/token")  # noqa: S106 - an address

    assert right.returncode == 0, right.stdout
    assert wrong.returncode == 75
    assert "127.0.0.1 cannot be reached for the access token" in wrong.stdout
