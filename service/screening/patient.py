"""Screen one patient: from records that a caller brings or from the hospital, and have the result posted if asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from service.eligibility.chart import Chart, Person, Warning_
from service.eligibility.results import OPPOSITION, NotScreened, Screening
from service.eligibility.screen import screen
from service.eligibility.study import Study
from service.errors import InputError, ServerError
from service.fhir.read import Reader, located_in, located_in_bytes
from service.fhir.references import Located
from service.fhir.whose_status import own_subjects
from service.screening.document import Document
from service.screening.ports import Pulled, Records, Results, Why, Written

_ID = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})\Z")  # FHIR R4 id
_FIRST_YEAR, _LAST_YEAR = (
    1900,
    2199,
)  # windows and ages stay within the calendar; charts of some test servers lie in the next century
_STATUS_NOT_ASKED = Warning_(
    "records-incomplete", "ResearchSubject", "the write server did not tell whether a person has set a status"
)

Resource = dict[str, Any]
Result = Screening | NotScreened


class Answer(NamedTuple):
    """The result for one patient, and what became of posting it (``None``: not asked for)."""

    result: Result
    written: Written | None = None

    @property
    def written_document(self) -> Document | None:
        """As callers see it."""
        return self.written.document if self.written else None


class Judged(NamedTuple):
    """The result for one patient, and who it is (``None``: the Patient cannot be read)."""

    result: Result
    person: Person | None


@dataclass(frozen=True, slots=True)
class Screener:
    """Screens for one study; without ``records`` or ``results`` it works on what callers bring."""

    study: Study
    reader: Reader
    records: Records | None = None
    results: Results | None = None
    laboratory: frozenset[str] = frozenset()  # the notions whose values come by the hour
    worker: Executor | None = None  # judges off the event loop; ``None``: the loop's own threads

    def screen_records(self, pulled: Pulled, patient: str, as_of: date) -> Result:
        """Screen the records of one patient; where the Patient itself cannot be read, the result says so."""
        return self.judged_records(pulled, patient, as_of).result

    def judged_records(self, pulled: Pulled, patient: str, as_of: date) -> Judged:
        """Screen the records of one patient, and tell who it is as far as that can be read."""
        try:
            chart = self.reader.read(pulled.resources, patient)
        except InputError as error:
            return Judged(NotScreened(patient, error.code, str(error)), None)
        chart.incomplete_types |= pulled.failed
        if pulled.incomplete:  # what is missing may be an opposition
            chart.incomplete, chart.incomplete_types = True, chart.incomplete_types | OPPOSITION
        return self._judge(chart, lambda: pulled.resources, as_of)

    def screen_bundle(self, bundle: Resource, as_of: date) -> Result:
        """Screen a Bundle about one patient. Raises ``InputError``."""
        return self._judge(self.reader.read_bundle(bundle), lambda: located_in(bundle), as_of).result

    async def answer_bundle(self, bundle: bytes, as_of: date, *, write_back: bool) -> Answer:
        """Read and screen a Bundle off the event loop, and post the result if asked. Raises ``InputError``."""
        self.needs(patient=False, write_back=write_back)
        return await self.answer(await self.judge_bundle(bundle, as_of), write_back=write_back)

    async def answer_patient(self, patient: str, as_of: date, *, write_back: bool) -> Answer:
        """Screen a patient of the hospital. Raises ``TryLater``, ``Never``, and ``InputError`` without a hospital."""
        self.needs(patient=True, write_back=write_back)
        return await self.answer(await self.judge_patient(patient, as_of), write_back=write_back)

    def needs(self, *, patient: bool, write_back: bool) -> None:
        """Raise ``InputError`` where the server that a ``patient`` or a ``write_back`` needs is not configured."""
        if patient and self.records is None:
            raise InputError(
                "No hospital server is configured: set CANDOR_FHIR_URL, or bring a Bundle.", "no-hospital-server"
            )
        if write_back and self.results is None:
            raise InputError(
                "No server to write to is configured: set CANDOR_FHIR_WRITE_URL or CANDOR_FHIR_URL.",
                "no-hospital-server",
            )

    async def judge_bundle(self, bundle: bytes, as_of: date) -> Judged:
        """Read and screen a Bundle off the event loop. Raises ``InputError``."""
        return await self._off_loop(
            lambda: self._judge(self.reader.read_bytes(bundle), lambda: located_in_bytes(bundle), as_of)
        )

    async def judge_patient(self, patient: str, as_of: date) -> Judged:
        """Pull and screen a patient of the hospital; nothing is posted. Raises ``TryLater`` and ``Never``."""
        assert self.records is not None  # noqa: S101 - `needs` told the caller
        try:
            pulled = await self.records.fetch(patient)
        except InputError as error:
            return Judged(NotScreened(patient, error.code, str(error)), None)
        return await self.judge_records(pulled, patient, as_of)

    async def judge_records(self, pulled: Pulled, patient: str, as_of: date) -> Judged:
        """Screen the records of one patient off the event loop."""
        return await self._off_loop(partial(self.judged_records, pulled, patient, as_of))

    async def with_persons_status(self, judged: Judged) -> Result:
        """Return the result with the status that a person has set, which the server knows better than the chart."""
        result, person = judged
        if self.results is None or person is None or isinstance(result, NotScreened) or not _ID.match(person.reference):
            return result
        try:
            return result._replace(person_status=await self.results.person_status(result, person))
        except ServerError:  # what the chart itself shows stays
            return result._replace(warnings=(*result.warnings, _STATUS_NOT_ASKED))

    async def post(self, result: Screening, person: Person, *, listed: bool = True) -> Written:
        """Post a result, unless the person may be opposed. Raises ``TryLater`` and ``Never``."""
        assert self.results is not None  # noqa: S101 - `needs` told the caller
        if not _ID.match(person.reference):  # a search for it could be about somebody else
            return Written(done=False, why=Why.NOT_THERE, person_status=result.person_status)
        if result.permission_unknown:
            status = await self.results.person_status(result, person)
            return Written(done=False, why=Why.PERMISSION, person_status=status)
        return await self.results.post(result, person, listed=listed)

    async def answer(self, judged: Judged, *, write_back: bool) -> Answer:
        """Post what was judged, if asked, and tell a person's own status. Raises ``TryLater`` and ``Never``."""
        result, person = judged
        if not write_back or self.results is None or person is None or isinstance(result, NotScreened):
            return Answer(await self.with_persons_status(judged))
        written = await self.post(result, person)
        return Answer(result._replace(person_status=written.person_status), written)

    async def _off_loop(self, judge: Callable[[], Judged]) -> Judged:
        import asyncio  # noqa: PLC0415 - who screens a file needs none, and it takes long to load

        return await asyncio.get_running_loop().run_in_executor(self.worker, judge)

    def _judge(self, chart: Chart, records: Callable[[], Iterable[Located]], as_of: date) -> Judged:
        """Screen a chart; its records are asked for again where they have to tell whose status it is."""
        person = chart.person
        if not person.reference.isprintable():  # a database may refuse to keep it
            detail = "The Patient's id holds characters that no id may have."
            return Judged(NotScreened("", "patient-unreadable", detail), None)
        ours = own_subjects(self.study, person.reference, records()) if chart.participations else frozenset[str]()
        return Judged(screen(self.study, chart, (), as_of, own_subjects=ours), person)


def reference_of(patient: str) -> str:
    """Return ``Patient/123`` for ``123`` or ``Patient/123``. Raises ``InputError`` for anything else."""
    match = _ID.match(patient)
    if match is None:
        raise InputError("A patient is named by 123 or Patient/123.", "invalid-patient")
    return f"Patient/{match[1]}"


def screening_day(day: date | None) -> date:
    """Return the day to screen for, today where none is given. Raises ``InputError`` for one out of all reason."""
    day = day or today()
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise InputError(f"The screening date lies between {_FIRST_YEAR} and {_LAST_YEAR}.", "invalid-date")
    return day


def today() -> date:
    """Return the day in the process's time zone."""
    return datetime.now().astimezone().date()
