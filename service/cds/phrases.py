"""The words of cards, by language: one small table each, so that a twin needs no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from service.eligibility.phrases import LANGUAGES as EXPLAINED


class Phrases(NamedTuple):
    """Sentences; what stands in braces is filled in."""

    summaries: Mapping[int, str]  # by priority
    counts: str
    study_status: str
    statuses: Mapping[str, str]  # of the registry
    criterion: str
    assessment: str
    person_status: str
    unreadable: str
    rules: str
    signed: str
    unsigned: str
    source: str
    topic: str
    worklist: str
    registry: str
    add: str
    adding: str
    overrides: Mapping[str, str]  # code -> display
    title: str
    description: str
    usage: str


ENGLISH = Phrases(
    summaries={
        1: "Candidate for the trial {study}",
        2: "Possible candidate for the trial {study}",
        3: "May be worth a look for the trial {study}",
    },
    counts="{passed} criteria pass, {open} open",
    study_status="This study is {status}.",
    statuses={
        "not-yet-recruiting": "not yet recruiting",
        "recruiting": "recruiting",
        "enrolling-by-invitation": "enrolling by invitation",
        "active-not-recruiting": "active, and not recruiting",
        "suspended": "suspended",
        "terminated": "terminated",
        "completed": "completed",
        "withdrawn": "withdrawn",
    },
    criterion="Criterion",
    assessment="Assessment",
    person_status="A person has set the status on this study's list: {status}.",
    unreadable="Records that could not be read as they should: {count}.",
    rules="Pre-screened by the rules {version}, {signed}. A person decides.",
    signed="signed by a clinician",
    unsigned="not yet signed by a clinician",
    source="Candor trial pre-screening",
    topic="Clinical trial pre-screening",
    worklist="Open the worklist",
    registry="Read about the trial",
    add="Add to the screening list",
    adding="Create the ResearchSubject of {study} with the status screening",
    overrides={
        "patient-declined": "Patient declined",
        "already-in-trial": "Already in another trial",
        "not-appropriate": "Not appropriate now",
        "not-my-patient": "Not my patient",
    },
    title="Pre-screening for {study}",
    description="Compares the chart with the criteria of {study}, with a card where the patient may be a candidate.",
    usage="No card for whoever is no candidate. All of the prefetch is needed, or access to the FHIR server.",
)

LANGUAGES: dict[str, Phrases] = {"en": ENGLISH}
DEFAULT = "en"


def language_of(accepted: str) -> str:
    """Return the language that an ``Accept-Language`` header likes best of those that cards and findings have."""
    wishes = [_wish(part) for part in accepted.split(",")]
    liked = sorted((wish for wish in wishes if wish[0] > 0), key=lambda wish: -wish[0])
    return next((tag for _, tag in liked if tag in LANGUAGES and tag in EXPLAINED), DEFAULT)


def _wish(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
    except ValueError:
        quality = 0.0
    return quality, tag.strip().lower().partition("-")[0]
