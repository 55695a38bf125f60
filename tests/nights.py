"""Nights for tests of reports: people as sample charts, screened as a run does, and the report of it.

tonight = report({"Patient/a": complete_chart()}, before={"Patient/a": complete_chart().drop("mrss")})
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from service.discovery.model import Ended, Facts, Selection, Uncoded
from service.discovery.report import ReportMaker
from service.fhir.coverage import tally
from service.fhir.read import located_in
from service.screening.document import Document, document, encode
from service.screening.patient import Screener
from service.screening.stored import decode
from tests.builders import SampleChart, complete_chart, observation, quantity
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
    about = Facts(
        **{
            "run": "run-1",
            "study": "NCT06722105",
            "as_of": date.fromisoformat(as_of),
            "source": "rest",
            "engine": "local",
            "selection": Selection(seen=1000, patients=sorted(people)),
            "seconds": 1.5,
            "timings": {"select": 0.4, "screen": 1.0, "report": 0.1},
        }
        | facts
    )
    return told_of(about, ended(people, as_of), last)


def told_of(about: Facts, people: list[Ended], before: Mapping[str, Document]) -> dict[str, Any]:
    """Return the report of people as they ended, and of what the last run kept."""
    maker = ReportMaker(shipped_study(), about.as_of)
    maker.take(one._replace(before=before.get(one.patient)) for one in people)
    here = {one.patient for one in people}
    maker.miss((patient, before[patient]) for patient in before if patient not in here)
    return maker.report(about)


def _end(patient: str, of: SampleChart | str, as_of: str) -> Ended:
    if isinstance(of, str):
        return Ended(patient, None, of)
    return Ended(patient, night(of, as_of, patient), None, tally(located_in(of.bundle()), shipped_study()))


def eventful() -> dict[str, Any]:
    """Return the report of a night in which everything happened that a report tells of."""
    whole = complete_chart()
    low = observation("777-3", "49 10*9/L", "2026-11-12", id="plt-2", meta={"versionId": "1"})
    local = {"coding": [{"system": "https://lab.hospital.example", "code": "PLT"}], "text": "Plaquettes"}
    tonight: People = {
        "Patient/back": whole.add(low | {"valueQuantity": quantity("180 10*9/L"), "meta": {"versionId": "2"}}),
        "Patient/dead": whole.elements("patient", deceasedDateTime="2026-11-20"),
        "Patient/<i>new</i>": whole.drop("dlco").add(observation(local, "250 G/L")).value("crp", "3 zorgs"),
        "Patient/later": "try-later",
        "Patient/less": whole.drop("platelets"),
        "Patient/low": whole.add(low),
        "Patient/same": whole,
    }
    before: People = {
        "Patient/back": whole.add(low),
        "Patient/dead": whole,
        "Patient/gone": whole,
        "Patient/less": whole,
        "Patient/low": whole,
        "Patient/same": whole,
    }
    selection = Selection(
        seen=1000,
        patients=sorted(tonight),
        unread=["Condition.ndjson:7", "Observation.ndjson.gz"],
        uncoded=Uncoded(conditions=3, of=90, sampled=True),
    )
    since = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    return report(tonight, before=before, selection=selection, since=since)
