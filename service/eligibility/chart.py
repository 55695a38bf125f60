"""The facts of one patient, as records gave them: no FHIR JSON, nothing interpreted away.

Readers (``service.fhir``) fill a chart; the evaluator chooses among its records. Records that are
void (entered in error, cancelled, refuted, another patient's) never enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple

from service.eligibility.codes import Role
from service.eligibility.moment import When


class Standing(IntEnum):
    """How an Observation's status counts; of equals, the higher one is used."""

    PENDING = 0  # registered, preliminary, unknown: shown, never used
    FINAL = 1
    AMENDED = 2
    CORRECTED = 3


class Certainty(StrEnum):
    """A Condition's verification, as far as it matters."""

    CONFIRMED = "confirmed"  # confirmed, or not stated
    UNCONFIRMED = "unconfirmed"  # unconfirmed, provisional, differential


class Activity(StrEnum):
    """Whether a Condition is going on."""

    ACTIVE = "active"
    PAST = "past"


class Quantity(NamedTuple):
    """A FHIR Quantity as received; ``value`` keeps the decimals as written."""

    value: Decimal | None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None

    @property
    def text(self) -> str:
        """As received, for people: ``< 5 mg/L``."""
        parts = (self.comparator, str(self.value) if self.value is not None else None, self.unit or self.code)
        return " ".join(filter(None, parts))


class Limits(NamedTuple):
    """One reference range of a result; ``normal`` for type normal or no type."""

    low: Quantity | None
    high: Quantity | None
    normal: bool


class Reading(NamedTuple):
    """One Observation or component that carries a code of ``concept``."""

    concept: str
    role: Role
    tags: frozenset[str]  # of the codings, the method and the site's mapping
    source: str  # Observation/id[/_history/version]
    standing: Standing
    when: When | None
    quantity: Quantity | None = None
    answer: bool | None = None  # a boolean or coded yes / no, positive / negative
    flags: frozenset[str] = frozenset()  # interpretation: "positive", "negative", "high", "normal"
    limits: tuple[Limits, ...] = ()
    date: When | None = None  # valueDateTime
    absent: str | None = None  # dataAbsentReason code
    text: str = ""  # the value as received, for people
    unusable: bool = False  # an unknown modifier, a broken value, text for a number
    unreadable: bool = False  # broken: goes with the note record-unreadable
    contested: bool = False  # copies of it differ and cannot be ordered


class Entry(NamedTuple):
    """One coded statement: Condition, Procedure, medication, allergy, report conclusion, relation …"""

    concept: str
    role: Role
    tags: frozenset[str]
    source: str
    kind: str  # the resource type
    certainty: Certainty = Certainty.CONFIRMED
    activity: Activity = Activity.ACTIVE
    activity_given: bool = False  # a clinicalStatus is on record
    onset: When | None = None  # onset, performed, authored, conclusion's date: an interval of days
    recorded: When | None = None
    until: When | None = None  # abatement, end of a period or of a prescription's validity
    severity: frozenset[str] = frozenset()  # tags of Condition.severity
    also: frozenset[str] = frozenset()  # other concepts that the record's codes match (role match)
    status: str = ""  # the resource's own status (medications: active, stopped …)
    text: str = ""
    contested: bool = False
    unreadable: bool = False


class ConsentRecord(NamedTuple):
    """A Consent of scope research."""

    source: str
    status: str
    permits: bool | None  # provision.type permit / deny; None: not stated
    nested_permit: bool  # a deny that holds a nested permit is an opt-in form, no opposition
    when: When | None
    studies: frozenset[str]  # identifiers and references named; empty: names no study
    uris: tuple[str, ...] = ()  # policy URIs
    contested: bool = False


class Coverage(NamedTuple):
    """A Coverage and its period."""

    source: str
    status: str
    start: When | None
    end: When | None
    contested: bool = False


class Participation(NamedTuple):
    """A ResearchSubject with what is known of its study."""

    source: str
    status: str
    end: When | None
    study: str  # reference as written
    identifiers: frozenset[str]  # of the study, values
    interventional: bool | None  # None: study type not known
    study_status: str | None
    version: str | None = None
    start: When | None = None
    contested: bool = False


class Person(NamedTuple):
    """The Patient."""

    reference: str  # Patient/id
    birth: When | None
    gender: str | None  # male, female, other, unknown
    deceased: When | bool | None
    active: bool = True
    replaced_by: str | None = None
    source: str = ""
    identifiers: tuple[tuple[str | None, str], ...] = ()  # system and value; other servers know the person by them


class Warning_(NamedTuple):  # noqa: N801 - Warning is Python's own
    """A record that could not be read as it should, in the closed list of the contract."""

    code: str
    source: str
    detail: str


@dataclass(slots=True)
class Chart:
    """Everything that is known of one patient."""

    person: Person
    readings: dict[str, list[Reading]] = field(default_factory=dict)  # by concept
    entries: dict[str, list[Entry]] = field(default_factory=dict)  # by concept
    consents: list[ConsentRecord] = field(default_factory=list)
    coverages: list[Coverage] = field(default_factory=list)
    participations: list[Participation] = field(default_factory=list)
    incomplete: bool = False  # the server said that records are missing
    incomplete_types: frozenset[str] = frozenset()  # resource types whose search failed
    unreadable_types: frozenset[str] = frozenset()  # a resource of that type could not be read at all
    opposed: bool = False  # the site's opposition flag is set
    warnings: list[Warning_] = field(default_factory=list)
