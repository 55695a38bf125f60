"""What is kept: jobs with their states, and the results of screenings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a job does."""

    SCREEN = "screen"  # judge one patient, and keep the result
    POST = "post"  # post one result that is kept to the hospital's server: the outbox
    DISCOVER = "discover"  # search the whole hospital
    LOOK = "look"  # look at what a server told us has changed, or at what changed since we looked last


class JobState(StrEnum):
    """Where a job stands."""

    READY = "ready"  # to be claimed from its time on
    RUNNING = "running"  # claimed: nobody else takes it before the lease ends
    DONE = "done"
    PARKED = "parked"  # set aside with a reason, until somebody puts it back


UNDER_WAY = (JobState.READY, JobState.RUNNING)


class NewJob(NamedTuple):
    """A job to be kept, and done after ``wait``.

    Of jobs with the same ``dedup`` one waits at a time; of those with the same ``lane`` one runs at a time.
    """

    id: str
    kind: Kind
    screening: str  # the id of the result that it makes or posts
    payload: bytes
    patient: str | None = None  # where the request names one
    lane: str | None = None
    dedup: str | None = None
    wait: timedelta = timedelta()


class Claim(NamedTuple):
    """A job in our hands: ``fence`` is the number of this lease, and whoever has an older one changes nothing."""

    id: str
    kind: Kind
    screening: str
    fence: int
    attempts: int  # this one included
    strikes: int  # attempts before it that broke off: a bug, or a lease that ran out
    payload: bytes
    created: datetime


class JobStatus(NamedTuple):
    """A job as operators see it; ``reason`` says why it failed last, without anything of the patient."""

    id: str
    kind: Kind
    state: JobState
    attempts: int
    reason: str | None
    created: datetime
    changed: datetime


class JobCount(NamedTuple):
    """How many jobs of a kind stand in a state, and since when the oldest of them has been to be done."""

    kind: Kind
    state: JobState
    number: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScreening:
    """The result for one patient, as it is kept: ``document`` is what callers get, byte for byte."""

    id: str
    study: str
    patient: str | None  # Patient/id; ``None`` where what was brought does not tell
    as_of: date
    status: str | None = None
    priority: int | None = None
    error: str | None = None  # the code, where the patient could not be screened
    rules: str | None = None  # the hash of the rules that judged
    trigger: str  # what asked for it: api …
    document: bytes
    changed: datetime | None = None  # set by the store


class Audit(NamedTuple):
    """A line of the record of who did what; it is added to, and never changed."""

    action: str  # screened, posted, read, forgotten, requeued …
    caller: str
    patient: str | None = None
    screening: str | None = None


class Key(NamedTuple):
    """An ``Idempotency-Key`` of a caller, with the hash of the body it came with."""

    caller: str
    key: str
    body: str


class Accepted(NamedTuple):
    """A request that is kept; with a ``claim`` it is ours to run at once, without one it was known or waits."""

    screening: str
    claim: Claim | None = None
    again: bool = False  # the same key came with the same body before


class Event(NamedTuple):
    """Something that a server told or that was found there, with the jobs that it asks for.

    It is known by the first three, each time that it comes.
    """

    source: str  # topic, changes
    subscription: str  # among events of this: a Subscription, or a resource type
    event: str
    patient: str | None
    jobs: tuple[NewJob, ...]


class Filter(NamedTuple):
    """Which results to list: the newest of each patient and study, oldest change first, after ``after``.

    The newest is of the latest day, of one day the last made; there is none where the patient was refused since.
    """

    study: str | None = None
    status: str | None = None
    priority: int | None = None
    since: datetime | None = None  # changed at or after
    after: tuple[datetime, str] | None = None  # time of change and id of the last one seen
    limit: int = 50
