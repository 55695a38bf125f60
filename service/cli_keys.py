"""``candor keys``: makes a key pair for SMART Backend Services, and prints what to register where."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.config import load_settings
from service.errors import SettingError

keys = typer.Typer(
    name="keys",
    help="Make a key pair by which a hospital's authorisation server knows us, and print what to register there.",
    no_args_is_help=True,
)


class Algorithm(StrEnum):
    """How the key signs."""

    ES384 = "ES384"
    RS384 = "RS384"


@keys.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key is kept; it must not exist.")],
    alg: Annotated[Algorithm, typer.Option(help="RS384 for a server that takes no ES384.")] = Algorithm.ES384,
) -> None:
    """Make a key pair: the private key goes into FILE, the public one is printed as a JWK Set to register."""
    from service.hospital.keys import jwks, make_key  # noqa: PLC0415

    _print(jwks([make_key(alg, file)]))
    _say(f"{file} is the private key, which only you can read: it is sent to nobody.")
    _say(
        "Register the JWK Set above with the hospital's authorisation server, or the URL where candor serve is reached"
    )
    _say("with /.well-known/jwks.json at its end. Then set CANDOR_FHIR_CLIENT_ID to the client id that you are given,")
    _say(f"and CANDOR_FHIR_KEY_FILE to {file.absolute()}.")


@keys.command()
def show(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of settings; the environment wins.")
    ] = None,
) -> None:
    """Print the public keys of the settings as a JWK Set, and the scopes to have granted."""
    from service.access import hospital_servers, signing_keys  # noqa: PLC0415
    from service.hospital.keys import jwks  # noqa: PLC0415
    from service.hospital.tokens import BackendServices  # noqa: PLC0415

    settings = load_settings(config or context.obj)
    found = list(signing_keys(settings))
    if not found:
        raise SettingError("No key is set: make one by candor keys new, then set CANDOR_FHIR_KEY_FILE to its file.")
    _print(jwks(found))
    for server in dict.fromkeys(hospital_servers(settings)):
        if server is not None and isinstance(server.credentials, BackendServices):
            client = server.credentials.client
            _say(f"{server.base}: client {client.id}, key {client.key.id}, scopes: {client.scope}")


def _print(key_set: dict[str, list[dict[str, str]]]) -> None:
    sys.stdout.write(json.dumps(key_set, indent=2) + "\n")


def _say(line: str) -> None:
    typer.echo(line, err=True)
