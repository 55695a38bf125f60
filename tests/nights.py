"""Nights for tests of reports: people as sample charts, screened as a run does, and the report of it.

tonight = report({"Patient/a": complete_chart()}, before={"Patient/a": complete_chart().drop("mrss")})
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from service.discovery.model import Ended, Facts, Selection
from service.discovery.report import make_report
from service.fhir.coverage import tally
from service.fhir.read import located_in
from service.screening.document import Document, document, encode
from service.screening.patient import Screener
from service.screening.stored import decode
from tests.builders import SampleChart
from tests.verdicts import AS_OF, shipped_reader, shipped_study

People = Mapping[str, SampleChart | str]  # by reference: the chart, or the code of what failed


def night(chart: SampleChart, as_of: str = AS_OF, patient: str = "Patient/p") -> Document:
    """Return the document of a chart on a day, as it is kept."""
    named = chart.elements("patient", id=patient.removeprefix("Patient/"))
    screener = Screener(shipped_study(), shipped_reader())
    return decode(encode(document(screener.screen_bundle(named.bundle(), date.fromisoformat(as_of)), id="run-1-p")))


def ended(people: People, as_of: str = AS_OF) -> list[Ended]:
    """Return the ends of people, in order."""
    return [_end(patient, people[patient], as_of) for patient in sorted(people)]


def report(
    people: People, *, before: People | None = None, as_of: str = AS_OF, day_before: str | None = None, **facts: Any
) -> dict[str, Any]:
    """Return the report of a run over people, after one over those ``before``; ``day_before`` is when that was."""
    last = {one.patient: one.document for one in ended(before or {}, day_before or as_of) if one.document is not None}
    told = Facts(
        **{
            "run": "run-1",
            "study": "NCT06722105",
            "as_of": date.fromisoformat(as_of),
            "source": "rest",
            "engine": "local",
            "selection": Selection(seen=1000, patients=sorted(people)),
            "seconds": 1.5,
        }
        | facts
    )
    return make_report(shipped_study(), told, ended(people, as_of), last)


def _end(patient: str, of: SampleChart | str, as_of: str) -> Ended:
    if isinstance(of, str):
        return Ended(patient, None, of)
    return Ended(patient, night(of, as_of, patient), None, tally(located_in(of.bundle()), shipped_study()))
