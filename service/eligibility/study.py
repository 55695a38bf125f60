"""A study's definitions, loaded: what the evaluator needs besides a chart and a date."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.eligibility.codes import Lexicon
from service.eligibility.notions import Formula, Notion
from service.eligibility.quantity import UnitTable
from service.eligibility.rules import Criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to ask about the study."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One group of participants."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """The registry's record of the study."""

    id: str  # the first identifier, e.g. the NCT number
    identifiers: dict[str, str]  # system -> value, protocol order
    title: str
    short_title: dict[str, str]
    sponsor: str
    phase: str  # FHIR research-study-phase code
    category: str
    condition: str
    arms: tuple[Arm, ...]
    participants: int
    status: str  # the registry's word, e.g. not-yet-recruiting
    fhir_status: str  # research-study-status of FHIR R4
    contacts: tuple[Contact, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Version, content hash and sign-off of the rules."""

    version: str
    hash: str  # sha256:…
    reviewed: bool  # every criterion is signed with its present content
    signatures: dict[str, str] = field(default_factory=dict)  # criterion -> who signed its present content


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a study is compared by identity
class Study:
    """Everything that defines one study's screening."""

    record: StudyRecord
    criteria: tuple[Criterion, ...]
    notions: dict[str, Notion]
    formulas: dict[str, Formula]
    lexicon: Lexicon
    units: UnitTable
    rulebook: Rulebook
    base: str  # canonical base of our own addresses
    onset_is_coding_date: bool = False  # a site's Condition.onset is the date of coding
