"""Screen one patient: from records that a caller brings or from the hospital, and have the result posted if asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from service.eligibility.chart import Chart
from service.eligibility.results import NotScreened, Screening
from service.eligibility.screen import screen
from service.eligibility.study import Study
from service.errors import InputError
from service.fhir.read import Reader
from service.screening.document import Document
from service.screening.ports import Pulled, Records, Results, Written

_ID = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})\Z")  # FHIR R4 id

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


@dataclass(frozen=True, slots=True)
class Screener:
    """Screens for one study; without ``records`` or ``results`` it works on what callers bring."""

    study: Study
    reader: Reader
    records: Records | None = None
    results: Results | None = None
    worker: Executor | None = None  # judges off the event loop; ``None``: the loop's own threads

    def screen_records(self, pulled: Pulled, patient: str, as_of: date) -> Result:
        """Screen the records of one patient; where the Patient itself cannot be read, the result says so."""
        try:
            chart = self.reader.read(pulled.resources, patient)
        except InputError as error:
            return NotScreened(patient, error.code, str(error))
        chart.incomplete_types |= pulled.failed
        chart.incomplete |= pulled.incomplete
        return self._screen(chart, as_of)

    def screen_bundle(self, bundle: Resource, as_of: date) -> Result:
        """Screen a Bundle about one patient. Raises ``InputError``."""
        return self._screen(self.reader.read_bundle(bundle), as_of)

    async def answer_bundle(self, bundle: bytes, as_of: date, *, write_back: bool) -> Answer:
        """Read and screen a Bundle off the event loop, and post the result if asked. Raises ``InputError``."""
        return await self._answer(lambda: self._screen(self.reader.read_bytes(bundle), as_of), write_back=write_back)

    async def answer_patient(self, patient: str, as_of: date, *, write_back: bool) -> Answer:
        """Screen a patient of the hospital. Raises ``TryLater``, ``Never``, and ``InputError`` without a hospital."""
        if self.records is None:
            raise InputError(
                "No hospital server is configured: set CANDOR_FHIR_URL, or bring a Bundle.", "no-hospital-server"
            )
        try:
            pulled = await self.records.fetch(patient)
        except InputError as error:
            return Answer(NotScreened(patient, error.code, str(error)))
        return await self._answer(partial(self.screen_records, pulled, patient, as_of), write_back=write_back)

    async def _answer(self, judge: Callable[[], Result], *, write_back: bool) -> Answer:
        if write_back and self.results is None:
            raise InputError(
                "No server to write to is configured: set CANDOR_FHIR_WRITE_URL or CANDOR_FHIR_URL.",
                "no-hospital-server",
            )
        import asyncio  # noqa: PLC0415 - who screens a file needs none, and it takes long to load

        result = await asyncio.get_running_loop().run_in_executor(self.worker, judge)
        if self.results is None or isinstance(result, NotScreened):
            return Answer(result)
        if write_back:
            written = await self.results.post(result)
            return Answer(result._replace(person_status=written.person_status), written)
        if result.person_status is not None:  # the chart shows a status; whose it is, the server's history tells
            person_status = await self.results.person_status(self.study, result.patient)
            result = result._replace(person_status=person_status)
        return Answer(result)

    def _screen(self, chart: Chart, as_of: date) -> Result:
        return screen(self.study, chart, (), as_of)


def reference_of(patient: str) -> str:
    """Return ``Patient/123`` for ``123`` or ``Patient/123``. Raises ``InputError`` for anything else."""
    match = _ID.match(patient)
    if match is None:
        raise InputError("A patient is named by 123 or Patient/123.", "invalid-patient")
    return f"Patient/{match[1]}"


def today() -> date:
    """Return the day in the process's time zone."""
    return datetime.now().astimezone().date()
