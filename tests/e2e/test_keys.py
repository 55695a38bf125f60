"""Keys for SMART Backend Services: made and shown by the command line, published over HTTP, their public part alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.config import Access, Settings
from service.hospital.keys import load_key, make_key
from tests.e2e.conftest import served
from tests.e2e.test_command_line import SERVER, Candor

PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.parametrize(("options", "algorithm"), [((), "ES384"), (("--alg", "RS384"), "RS384")])
def test_a_new_key_is_kept_and_what_to_register_is_printed(
    candor: Candor, tmp_path: Path, options: tuple[str, ...], algorithm: str
) -> None:
    """A JWK Set of the public key alone goes to stdout, to stderr what to do with it; the file is for its owner."""
    file = tmp_path / "key.pem"

    run = candor("keys", "new", file, *options)

    [printed] = json.loads(run.out)["keys"]
    assert run.code == 0
    assert (printed["alg"], printed["kid"]) == (algorithm, load_key(file).id)
    assert not PRIVATE_PARTS & printed.keys()
    assert "CANDOR_FHIR_KEY_FILE" in run.err
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_overwritten(candor: Candor, tmp_path: Path) -> None:
    """A file that is there already is left alone: exit 3."""
    file = tmp_path / "key.pem"
    candor("keys", "new", file)
    before = file.read_bytes()

    run = candor("keys", "new", file)

    assert (run.code, run.out, file.read_bytes()) == (3, "", before)
    assert "exists already" in run.err


def test_the_keys_in_use_are_shown_with_what_to_have_granted(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Current and next key are printed, and for whom they are and which scopes are asked for."""
    current, coming = make_key("ES384", tmp_path / "a.pem"), make_key("RS384", tmp_path / "b.pem")
    monkeypatch.setenv("CANDOR_FHIR_URL", SERVER)
    monkeypatch.setenv("CANDOR_FHIR_CLIENT_ID", "candor-1")
    monkeypatch.setenv("CANDOR_FHIR_KEY_FILE", str(tmp_path / "a.pem"))
    monkeypatch.setenv("CANDOR_FHIR_NEXT_KEY_FILE", str(tmp_path / "b.pem"))

    run = candor("keys", "show")

    assert run.code == 0
    assert [key["kid"] for key in json.loads(run.out)["keys"]] == [current.id, coming.id]
    assert f"{SERVER}: client candor-1, key {current.id}, scopes: system/AdverseEvent.rs" in run.err


def test_without_a_key_there_is_nothing_to_show(candor: Candor) -> None:
    """Where no key is set, how to make one is said: exit 3."""
    run = candor("keys", "show")

    assert (run.code, run.out) == (3, "")
    assert "candor keys new" in run.err


def test_the_keys_are_published_without_their_private_parts(tmp_path: Path) -> None:
    """The URL that is registered gives the keys of the settings, to be kept for a while; the answer holds no secret."""
    kept = [make_key("ES384", tmp_path / "a.pem"), make_key("RS384", tmp_path / "b.pem")]
    access = Access(client_id="candor", key_file=tmp_path / "a.pem", next_key_file=tmp_path / "b.pem")
    with served(Settings(fhir=access, home=tmp_path)) as http:
        answer = http.get("/.well-known/jwks.json")

    published = answer.json()["keys"]
    assert [key["kid"] for key in published] == [key.id for key in kept]
    assert all(not PRIVATE_PARTS & key.keys() for key in published)
    assert answer.headers["Cache-Control"] == "public, max-age=900"


def test_a_service_without_keys_publishes_none(tmp_path: Path) -> None:
    """The URL answers with an empty set."""
    with served(Settings(home=tmp_path)) as http:
        assert http.get("/.well-known/jwks.json").json() == {"keys": []}
