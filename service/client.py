"""The small synchronous client of the HTTP service, for scripts and cron jobs.

candor = Candor("http://127.0.0.1:8000")
print(candor.screen(patient="123")["status"])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Literal, TypedDict, Unpack
from uuid import uuid4

import msgspec

from service.client_http import Calls, Refused, Reply, decode, wait_of
from service.errors import Never, TryLater

__all__ = ["Candor", "Refused", "Run", "RunWanted", "Screening", "Wanted"]

_PATH, _RUNS = "/api/v1/screenings", "/api/v1/discovery-runs"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_encode = msgspec.json.Encoder(decimal_format="number").encode  # decimals leave as they came


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


class RunWanted(TypedDict, total=False):
    """What to search, and for whom."""

    study: str  # the first one that is loaded, if absent
    as_of: date  # today, if absent
    source: Literal["rest", "bulk"]
    full: bool  # everybody, not only what changed since the last run
    limit: int  # screen no more people than that
    dry_run: bool  # post nothing, keep no result
    key: str  # makes it the same request as an earlier one with this key; else each call is one of its own


class Run(TypedDict):
    """A search of the whole hospital as the service answers it."""

    id: str
    study: str
    as_of: str
    source: str
    engine: str
    dry_run: bool
    state: Literal["queued", "running", "done", "failed"]
    progress: dict[str, Any] | None
    reason: str | None
    started: str
    report: dict[str, Any] | None


class Candor(Calls):
    """Asks one service; a context manager, or ``close`` it.

    Every call may be repeated safely, and is, where the service is busy or down. Raises ``Refused`` where it will not,
    ``TryLater`` where patience came to its end, ``Never`` where what answers is no such service.
    """

    def screen(self, **wanted: Unpack[Wanted]) -> Screening:
        """Screen one patient and return the result."""
        result: Screening = decode(self.screen_bytes(**wanted))
        return result

    def screen_bytes(self, **wanted: Unpack[Wanted]) -> bytes:
        """Return what ``screen`` does, as the bytes that the service sent."""
        return self._awaited(self.ask(**wanted))

    def start(self, **wanted: Unpack[Wanted]) -> str:
        """Have a patient screened later, and return the id to ``wait`` for."""
        id_: str = decode(self.ask(later=True, **wanted).content)["id"]
        return id_

    def wait(self, id_: str) -> Screening:
        """Return a screening as soon as it is there. Raises ``TryLater`` where patience ends before."""
        result: Screening = decode(self._awaited(self.send("GET", f"{_PATH}/{id_}")))
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
            page = decode(self.send("GET", _PATH, params=asked | {"cursor": cursor}).content)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def start_run(self, **wanted: Unpack[RunWanted]) -> str:
        """Have the whole hospital searched; return the run's id.

        While another is under way it is ``Refused`` with 409, whose ``run`` is the other's id.
        """
        headers = _once(wanted.pop("key", None))
        id_: str = decode(self.send("POST", _RUNS, _encode(wanted), headers).content)["id"]
        return id_

    def run(self, id_: str) -> Run:
        """Return how far a run is, and its report when it is done."""
        run: Run = decode(self.send("GET", f"{_RUNS}/{id_}").content)
        return run

    def follow_run(self, id_: str, told: Callable[[Run], object] | None = None) -> Run:
        """Return a run when it has ended, however long that takes; ``told`` hears of it now and then.

        Raises ``Never`` where the run failed.
        """
        while True:
            reply = self.send("GET", f"{_RUNS}/{id_}")
            run: Run = decode(reply.content)
            if told is not None:
                told(run)
            if run["state"] == "done":
                return run
            if run["state"] == "failed":
                raise Never(f"The run failed: {run['reason']}")
            self.pause(wait_of(reply.headers) or 1.0)

    def ask(self, *, later: bool = False, **wanted: Unpack[Wanted]) -> Reply:
        """Ask for a screening; ``later``: the answer tells its id at once. Other answers are as openapi.yaml says."""
        headers, bundle = _once(wanted.pop("key", None)), wanted.get("bundle")
        if isinstance(bundle, bytes):
            wanted = wanted | {"bundle": msgspec.Raw(bundle.removeprefix(BYTE_ORDER_MARK))}
        if later:
            headers["Prefer"] = "respond-async"
        return self.send("POST", _PATH, _encode(wanted), headers)

    def _awaited(self, reply: Reply) -> bytes:
        left = self.patience
        while reply.status == HTTPStatus.ACCEPTED:
            wait = wait_of(reply.headers) or 1.0
            left -= wait
            if left < 0:
                raise TryLater("The screening is still under way: ask for it later, by its id.", wait)
            self.pause(wait)
            reply = self.send("GET", f"{_PATH}/{decode(reply.content)['id']}")
        return reply.content


def _once(key: str | None) -> dict[str, str]:
    """Return the headers of a request that is done once, however often it is sent."""
    return {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid4())}
