"""What an authorisation server's refusal means, and what the operator can do; its own words are never repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from service.errors import Never, TryLater
from service.hospital.refusals import Unsent, refusal
from service.hospital.transport import Reply

_CODE = re.compile(r"[a-z_]{1,40}\Z")
_UNKNOWN_CLIENT = "invalid_client"
# What the free text of an error speaks of, by the words of servers in use.
_SPEAKS_OF = {
    "audience": re.compile(r"\baud(ience)?\b"),
    "replay": re.compile(r"\bjti\b|replay|used once|already (been )?used"),
    "clock": re.compile(r"expir|\bexp\b|\biat\b|\bnbf\b|in the future|not (yet )?active"),
    "key": re.compile(r"signature|\bkeys?\b|\bkid\b|jwks"),
}


def no_token(reply: Reply, said: Mapping[str, object], host: str, setting: str, kid: str) -> Unsent | Never:
    """Return the error for an answer without an access token.

    ``said`` is the answer's JSON, ``setting`` begins the names of the settings, ``kid`` names our key.
    """
    if (passing := _passing(reply, host, "access token")) is not None:
        return passing
    code = said.get("error")
    if not (isinstance(code, str) and _CODE.match(code)):
        return Never(
            f"{host} answered HTTP {reply.status} and gives no access token: "
            f"set {setting}_TOKEN_URL to its token endpoint."
        )
    remedies = _remedies(setting, kid)
    about = next((name for name, words in _SPEAKS_OF.items() if words.search(_text(said))), code)
    remedy = remedies.get(about if code in {_UNKNOWN_CLIENT, "invalid_grant", "invalid_request"} else code, "")
    return Never(f"{host} gives no access token: HTTP {reply.status} {code}. {remedy}".rstrip())


def no_endpoint(reply: Reply, host: str, setting: str) -> Unsent | Never:
    """Return the error for a server that does not say where its tokens are had."""
    passing = _passing(reply, host, "SMART configuration")
    return passing or Never(
        f"{host} names no token endpoint in its SMART configuration (HTTP {reply.status}): set {setting}_TOKEN_URL."
    )


def _passing(reply: Reply, host: str, what: str) -> Unsent | None:
    """Return the error for a refusal that may pass: nothing was sent to the FHIR server yet."""
    if reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    error = refusal(reply.status, what, host, None, reply.headers)
    return Unsent(str(error), error.retry_after) if isinstance(error, TryLater) else None


def _text(said: Mapping[str, object]) -> str:
    return str(said.get("error_description", "")).lower()


def _remedies(setting: str, kid: str) -> dict[str, str]:
    other_scope = f"Have the scopes granted that candor keys show prints, or set {setting}_SCOPE to those that are."
    return {
        "audience": f"It expects another audience: set {setting}_TOKEN_URL to the URL by which it calls itself.",
        "clock": "It finds our assertion too old or too new: set the clocks of both machines.",
        "replay": "It has seen our assertion before: no proxy between us may repeat a request.",
        "key": f"It cannot check our signature: register the public key {kid} there, which candor keys show prints.",
        _UNKNOWN_CLIENT: (
            f"See that {setting}_CLIENT_ID is registered there with the public key {kid} (candor keys show prints it), "
            "that it knows itself by the token URL that we use, and that both clocks are right."
        ),
        "invalid_scope": other_scope,
        "access_denied": other_scope,
        "unauthorized_client": "Have the client registered for client_credentials with private_key_jwt.",
        "unsupported_grant_type": "It offers no SMART Backend Services: ask for another way in.",
    }
