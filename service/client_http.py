"""How the client talks HTTP, the only user of requests: with patience, and wary of what is no answer of the service."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec
import requests

from service import __version__
from service.errors import CandorError, Never, SettingError, TryLater
from service.retry_after import retry_after

_LATER = {429, 502, 503, 504}
_CONNECT = 10.0  # seconds for a connection to come about
_decoder = msgspec.json.Decoder()

Headers = Mapping[str, str]


class Refused(CandorError):  # noqa: N818 - named for what the service did
    """The service answered that it will not: an HTTP ``status`` and a machine-readable ``code`` (openapi.yaml)."""

    def __init__(
        self, status: int, code: str, detail: str, replaced_by: str | None = None, run: str | None = None
    ) -> None:
        """Keep what was answered.

        ``replaced_by`` is the record that is kept, with ``patient-replaced``; ``run`` the id of the other one, with
        ``run-under-way``.
        """
        self.status, self.code, self.detail, self.replaced_by, self.run = status, code, detail, replaced_by, run
        super().__init__(f"the service answered {status} {code}: {detail}")


class Reply(NamedTuple):
    """What the service answered: JSON, and no refusal."""

    status: int
    headers: Headers
    content: bytes


class _Bearer(requests.auth.AuthBase):
    """Shows the token, or nothing: without it, requests would look for a password in ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Calls:
    """The connection to one service; a context manager, or ``close`` it."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: Path | None = None,
        seconds: float = 60.0,
        patience: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Give each attempt ``seconds``, and wait no more than ``patience`` of them in all before giving up.

        ``ca_file``: whom to trust instead of the public authorities (PEM). Raises ``SettingError`` for an address that
        is none, and for a token that would travel unencrypted.
        """
        self._url = _address(url, secret=token is not None)
        self._timeout, self.patience, self.pause = (_CONNECT, seconds), patience, sleep
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = f"candor-client/{__version__}"
        if ca_file is not None:
            self._session.verify = str(ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Headers | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        left, longest = self.patience, 1.0
        while True:
            try:
                return self._sent(method, path, content, headers, params)
            except TryLater as error:
                wait = error.retry_after or random.uniform(longest / 2, longest)  # noqa: S311 - no secret
                left, longest = left - wait, longest * 2
                if left < 0:
                    raise
            self.pause(wait)

    def _sent(
        self, method: str, path: str, content: bytes | None, headers: Headers | None, params: Mapping[str, Any] | None
    ) -> Reply:
        try:
            response = self._session.request(
                method,
                self._url + path,
                data=content,
                headers=headers,
                params=params,
                timeout=self._timeout,
                allow_redirects=False,  # the token is for this service alone
            )
        except requests.exceptions.SSLError:
            raise Never("The service's certificate is not to be trusted: see ca_file.") from None
        except requests.RequestException as error:  # its text holds the URL
            raise TryLater(f"The service cannot be reached, or was too slow ({type(error).__name__}).") from None
        return _read(response)


def _read(response: requests.Response) -> Reply:
    status, headers = response.status_code, response.headers
    if status in _LATER:
        code = _problem(response).get("code", "no reason given")
        raise TryLater(f"The service says later (HTTP {status}, {code}).", wait_of(headers))
    if status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        if headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Never("What answers there is no Candor service: it sent no JSON.")
        return Reply(status, headers, response.content)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise Never(f"The service answered with a redirect (HTTP {status}), which is not followed: name its own URL.")
    told = _problem(response)
    members = {"replaced_by": told.get("replaced_by"), "run": told.get("run")}
    raise Refused(status, told.get("code", "unknown"), told.get("detail", ""), **members)


def decode(content: bytes) -> Any:
    """Return what JSON says. Raises ``Never`` for anything else."""
    try:
        return _decoder.decode(content)
    except (ValueError, RecursionError):
        raise Never("What answers there is no Candor service: it sent no JSON.") from None


def _problem(response: requests.Response) -> dict[str, str]:
    """Return the members of a problem (RFC 9457) that are text; none of any other answer."""
    try:
        told = decode(response.content)
    except Never:
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}


def wait_of(headers: Headers) -> float | None:
    return retry_after(headers.get("Retry-After"), datetime.now(UTC))


def _address(url: str, *, secret: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingError("The service is named by an address such as https://candor.hospital.example.")
    if secret and parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SettingError("A token is not sent unencrypted: name the service by an https address.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
