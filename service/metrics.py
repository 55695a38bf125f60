"""What is counted, as Prometheus reads it: never who. Every label has few values, all of them ours.

The only user of prometheus_client; what asks the store for its figures is the door's to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from service.eligibility.results import NotScreened, Screening
from service.errors import CandorError

MEDIA_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER = "other"  # a method or a path that callers made up
_STATUSES = ("requested", "active", "error", "off", "missing")

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

disable_created_metrics()  # type: ignore[no-untyped-call] # a series beside each other one, which nobody asks for
_registry = CollectorRegistry()
ProcessCollector(registry=_registry)

_requests = Histogram(
    "candor_request_seconds",
    "Requests answered, by the template of the route.",
    ("route", "method", "status"),
    registry=_registry,
    buckets=_SECONDS,
)
_screenings = Counter(
    "candor_screenings",
    "Patients screened; the status `error` stands for those who could not be.",
    ("study", "status", "trigger"),
    registry=_registry,
)
_criteria = Counter(
    "candor_criteria",
    "Criteria judged, by what came of it: the share of `missing-data` and `to-confirm` is undetermined.",
    ("study", "criterion", "outcome"),
    registry=_registry,
)
_hospital = Histogram(
    "candor_hospital_request_seconds",
    "Requests to the hospital's servers: the status, `unsent`, `trylater` (broken off), `paused` or `never`.",
    ("outcome",),
    registry=_registry,
    buckets=_SECONDS,
)
_store = Gauge("candor_store_up", "Whether the store answers.", registry=_registry)
_jobs = Gauge(
    "candor_jobs",
    "Jobs that are not done: `parked` ones were set aside and need somebody to look.",
    ("kind", "state"),
    registry=_registry,
)
_subscriptions = Gauge(
    "candor_subscriptions",
    "Our Subscriptions on the hospital's server: of `error`, `off` and `missing` ones nothing comes.",
    ("status",),
    registry=_registry,
)
_oldest = Gauge(
    "candor_oldest_job_seconds",
    "For how long the oldest such job has been kept; 0 without one.",
    ("kind", "state"),
    registry=_registry,
)
_discovered = Gauge(
    "candor_discovery_last_success_timestamp_seconds",
    "When the last search of the whole hospital began that ended well.",
    ("study",),
    registry=_registry,
)


def request(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request; ``route`` is the template (``/x/{id}``) or ``OTHER``, ``method`` one of ``METHODS`` or so."""
    _requests.labels(route, method, status).observe(seconds)


def screened(study: str, result: Screening | NotScreened, trigger: str) -> None:
    """Count a result and each of its criteria; ``trigger`` is what asked for it."""
    if isinstance(result, NotScreened):
        _screenings.labels(study, "error", trigger).inc()
        return
    _screenings.labels(study, result.status.value, trigger).inc()
    for each in result.criteria:
        _criteria.labels(study, each.criterion.id, each.open or each.outcome).inc()


def discovered(study: str, began: float) -> None:
    """Show when the last run of a study that ended well began, in seconds since 1970."""
    _discovered.labels(study).set(began)


@contextmanager
def hospital() -> Iterator[list[str]]:
    """Count a request to a server of the hospital; its status is appended to what is given.

    Without one the name of our exception tells: that it could not be sent, broke off, or was not even tried.
    """
    start, outcome = perf_counter(), list[str]()
    try:
        yield outcome
    except CandorError as error:
        outcome.append(type(error).__name__.lower())
        raise
    finally:
        _hospital.labels(outcome[0] if outcome else OTHER).observe(perf_counter() - start)


def jobs(counts: Iterable[tuple[str, str, int, float]]) -> None:
    """Show the jobs that are not done as they stand now: kind, state, how many, and the age of the oldest."""
    _store.set(1)
    for kind, state, number, seconds in counts:
        _jobs.labels(kind, state).set(number)
        _oldest.labels(kind, state).set(seconds)


def store_is_down() -> None:
    """Show that the store does not answer; nothing is known of the jobs then."""
    _store.set(0)
    _jobs.clear()
    _oldest.clear()


def subscriptions(counts: Mapping[str, int]) -> None:
    """Show how many Subscriptions stand how; those that the server gives another status count as such."""
    for status in _STATUSES:
        _subscriptions.labels(status).set(counts.get(status, 0))
    _subscriptions.labels(OTHER).set(sum(counts.values()) - sum(counts.get(status, 0) for status in _STATUSES))


def subscriptions_unknown() -> None:
    """Show nothing of Subscriptions: the server does not tell."""
    _subscriptions.clear()


def exposition() -> bytes:
    """Return everything that was counted, as text."""
    return generate_latest(_registry)
