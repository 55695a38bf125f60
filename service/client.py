"""The small synchronous client of the HTTP service, for scripts and cron jobs; the only user of requests.

candor = Candor("http://127.0.0.1:8000")
print(candor.screen(patient="123")["status"])
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict, Unpack
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import requests

from service import __version__
from service.errors import CandorError, Never, SettingError, TryLater
from service.retry_after import retry_after

_LATER = {429, 502, 503, 504}
_PATH = "/api/v1/screenings"
_CONNECT = 10.0  # seconds for a connection to come about
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_encode = msgspec.json.Encoder(decimal_format="number").encode  # decimals leave as they came
_decoder = msgspec.json.Decoder()

Headers = Mapping[str, str]


class Refused(CandorError):  # noqa: N818 - named for what the service did
    """The service answered that it will not: an HTTP ``status`` and a machine-readable ``code`` (openapi.yaml)."""

    def __init__(self, status: int, code: str, detail: str, replaced_by: str | None = None) -> None:
        """Keep what was answered; ``replaced_by`` is the record that is kept, with ``patient-replaced``."""
        self.status, self.code, self.detail, self.replaced_by = status, code, detail, replaced_by
        super().__init__(f"the service answered {status} {code}: {detail}")


class Screening(TypedDict):
    """One screening as the service answers it; openapi.yaml has the inner shapes."""

    id: str
    study: str
    patient: str
    as_of: str
    status: str
    priority: int | None
    person_status: str | None
    recoverable: bool | None
    rescreen_after: str | None
    preconditions: list[dict[str, Any]]
    summary: dict[str, int]
    criteria: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    warnings: list[dict[str, str]]
    written: dict[str, Any] | None
    study_status: str
    rules: dict[str, Any]
    software: dict[str, str]


class Wanted(TypedDict, total=False):
    """What to screen: a ``patient`` of the hospital, or the records of one in a ``bundle``."""

    patient: str  # 123 or Patient/123
    bundle: Mapping[str, Any] | bytes  # FHIR R4, decoded or as JSON
    study: str  # the first one that is loaded, if absent
    as_of: date  # today, if absent
    write_back: bool  # post the result to the hospital's server
    key: str  # makes it the same request as an earlier one with this key; else each call is one of its own


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


class Candor:
    """Asks one service; a context manager, or ``close`` it.

    Every call may be repeated safely, and is, where the service is busy or down. Raises ``Refused`` where it will not,
    ``TryLater`` where patience came to its end, ``Never`` where what answers is no such service.
    """

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
        self._timeout, self._patience, self._sleep = (_CONNECT, seconds), patience, sleep
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

    def screen(self, **wanted: Unpack[Wanted]) -> Screening:
        """Screen one patient and return the result."""
        result: Screening = _decode(self.screen_bytes(**wanted))
        return result

    def screen_bytes(self, **wanted: Unpack[Wanted]) -> bytes:
        """Return what ``screen`` does, as the bytes that the service sent."""
        return self._awaited(self.ask(**wanted))

    def start(self, **wanted: Unpack[Wanted]) -> str:
        """Have a patient screened later, and return the id to ``wait`` for."""
        id_: str = _decode(self.ask(later=True, **wanted).content)["id"]
        return id_

    def wait(self, id_: str) -> Screening:
        """Return a screening as soon as it is there. Raises ``TryLater`` where patience ends before."""
        result: Screening = _decode(self._awaited(self._send("GET", f"{_PATH}/{id_}")))
        return result

    def screenings(
        self,
        *,
        study: str | None = None,
        status: str | None = None,
        priority: int | None = None,
        changed_since: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[Screening]:
        """Give the newest screening of each patient, page by page of ``limit``, the oldest change first."""
        asked = {"study": study, "status": status, "priority": priority, "limit": limit} | {
            "changed_since": changed_since.isoformat() if changed_since else None
        }
        cursor: str | None = None
        while True:
            page = _decode(self._send("GET", _PATH, params=asked | {"cursor": cursor}).content)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def ask(self, *, later: bool = False, **wanted: Unpack[Wanted]) -> Reply:
        """Ask for a screening; ``later``: the answer tells its id at once. Other answers are as openapi.yaml says."""
        key, bundle = wanted.pop("key", None) or str(uuid4()), wanted.get("bundle")
        if isinstance(bundle, bytes):
            wanted = wanted | {"bundle": msgspec.Raw(bundle.removeprefix(BYTE_ORDER_MARK))}
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if later:
            headers["Prefer"] = "respond-async"
        return self._send("POST", _PATH, _encode(wanted), headers)

    def _awaited(self, reply: Reply) -> bytes:
        left = self._patience
        while reply.status == HTTPStatus.ACCEPTED:
            wait = _wait(reply.headers) or 1.0
            left -= wait
            if left < 0:
                raise TryLater("The screening is still under way: ask for it later, by its id.", wait)
            self._sleep(wait)
            reply = self._send("GET", f"{_PATH}/{_decode(reply.content)['id']}")
        return reply.content

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Headers | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        left, longest = self._patience, 1.0
        while True:
            try:
                return self._sent(method, path, content, headers, params)
            except TryLater as error:
                wait = error.retry_after or random.uniform(longest / 2, longest)  # noqa: S311 - no secret
                left, longest = left - wait, longest * 2
                if left < 0:
                    raise
            self._sleep(wait)

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
        raise TryLater(f"The service says later (HTTP {status}, {code}).", _wait(headers))
    if status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        if headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Never("What answers there is no Candor service: it sent no JSON.")
        return Reply(status, headers, response.content)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise Never(f"The service answered with a redirect (HTTP {status}), which is not followed: name its own URL.")
    told = _problem(response)
    raise Refused(status, told.get("code", "unknown"), told.get("detail", ""), told.get("replaced_by"))


def _decode(content: bytes) -> Any:
    """Return what JSON says. Raises ``Never`` for anything else."""
    try:
        return _decoder.decode(content)
    except (ValueError, RecursionError):
        raise Never("What answers there is no Candor service: it sent no JSON.") from None


def _problem(response: requests.Response) -> dict[str, str]:
    """Return the members of a problem (RFC 9457) that are text; none of any other answer."""
    try:
        told = _decode(response.content)
    except Never:
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}


def _wait(headers: Headers) -> float | None:
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
