"""What a discovery run is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from service.fhir.coverage import Tally
from service.screening.document import Document
from service.screening.patient import Judged
from service.work.model import StoredScreening

TRIGGER = "discovery"  # what asked for the results of a run
GONE = "patient-not-found"  # the source does not have somebody any more
NOT_PERMITTED = "not-permitted"  # somebody may not be screened
NOT_POSTED = "not-posted"  # somebody was screened, and the server did not take the result


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Uncoded(msgspec.Struct, frozen=True):
    """Conditions without any code: people whose disease stands in such a text only are not found."""

    conditions: int
    of: int  # Conditions looked at
    sampled: bool  # only a part of the source was counted


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a source holds that the entry rule names, and everybody already known who is in it."""

    seen: int | None  # people in the source; ``None``: it does not tell
    patients: list[str]  # Patient/id, in order, each once: these are screened
    unread: list[str] = []  # files, lines or searches that could not be read; nothing of their content
    blind: list[str] = []  # what is not seen, nor when looked for again: records that name nobody, codes not searched
    uncoded: Uncoded | None = None
    until: datetime | None = None  # what changed later is for the next run (``since``)
    at: datetime | None = None  # when the source was made, where it tells


class Found(NamedTuple):
    """What came of one selected patient; without ``judged`` the code of what failed: it is tried again next time."""

    patient: str  # Patient/id
    judged: Judged | None
    error: str | None = None
    coverage: dict[str, Tally] = {}  # noqa: RUF012 - by notion; never changed
    at: datetime | None = None  # since when the records may have changed; ``None``: since they all were collected


class Overtaken(NamedTuple):
    """There is something newer about somebody than what a run found: nothing is posted of that."""

    document: bytes | None  # what was found since the records were taken; ``None``: a later day's result stands


class Ended(NamedTuple):
    """A patient of a run, as it is kept: ``document`` is the screening or the error in its place."""

    patient: str
    document: Document | None
    error: str | None = None  # the code of what failed, also where only the posting did
    coverage: dict[str, Tally] = {}  # noqa: RUF012 - by notion; never changed
    before: Document | None = None  # what the last run kept

    @property
    def found(self) -> bool:
        """Whether this run found what is in ``document``; else it could not, and that is what the last run kept."""
        return self.error is None or self.error == NOT_POSTED


class Facts(NamedTuple):
    """What the report says about the run itself."""

    run: str
    study: str
    as_of: date
    source: str  # rest, bulk, or the folder
    engine: str  # local, spark
    selection: Selection
    seconds: float
    since: datetime | None = None  # only what changed after that was looked through for people
    dry_run: bool = False
    timings: Mapping[str, float] = {}  # seconds by stage


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked to be run."""

    study: str
    as_of: date
    source: str = "rest"  # rest, bulk, or a folder
    engine: str = "local"
    full: bool = False  # everything, though what changed since the last run would do
    limit: int | None = None  # no more people than that are screened
    dry_run: bool = False  # nothing is posted, and no result kept
    whole_count: bool = False  # what carries no code is counted in the whole source, not in samples
    caller: str = ""
    day_named: bool = False  # whoever asked wants that very day, not just the present one

    def goes_on_with(self, broken_off: RunOrder, *, lately: bool) -> bool:
        """Whether to resume that run is what is asked for here: all was asked for alike.

        A run keeps its day; a day before is gone on with when the run broke off ``lately`` and no day is named.
        """
        same_day = {"as_of": self.as_of, "day_named": self.day_named, "caller": self.caller}
        if msgspec.structs.replace(broken_off, **same_day) != self:
            return False
        return broken_off.as_of == self.as_of or (lately and broken_off.as_of < self.as_of and not self.day_named)

    @property
    def for_good(self) -> bool:
        """Whether the next run may go on from this one: it looked at everybody, and told everybody."""
        return self.limit is None and not self.dry_run


class Terms(NamedTuple):
    """Under what a run begins; what changed is looked through only where the last run had the same ones."""

    rules: str  # the hash of the rules that judge
    scope: str  # what is looked through: the server, and which part of it
    whole_every: timedelta  # everybody is looked through so often


class Run(NamedTuple):
    """A run as it is kept; ``fence`` is the number of the lease in our hands."""

    id: str
    order: RunOrder
    state: RunState
    fence: int
    scope: str
    since: datetime | None  # only what changed after that is looked through for people; ``None``: everything
    selection: Selection | None
    progress: str | None  # JSON: stage, done, total
    reason: str | None  # why it failed
    report: bytes | None
    started: datetime

    @property
    def at(self) -> datetime:
        """Since when the records of its people may have changed."""
        at = self.selection.at if self.selection is not None else None
        return at or self.started


class Kept(NamedTuple):
    """One patient's end in a run, to be kept: the result goes to the results too, where ``result`` is given."""

    patient: str
    document: bytes | None
    error: str | None = None
    without_disease: bool = False
    coverage: dict[str, Tally] = {}  # noqa: RUF012 - by notion; never changed
    result: StoredScreening | None = None
