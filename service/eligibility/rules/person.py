"""Leaves about the person and what people declare: age, sex, judgement, consent, cover, another study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from service.eligibility.findings import Note
from service.eligibility.rules.base import Bounds, LeafRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Age(LeafRule, Bounds):
    """Completed years on the screening date."""

    op: ClassVar[str] = "age"
    age: str  # the notion


@dataclass(frozen=True, slots=True, kw_only=True)
class Sex(LeafRule):
    """Administrative gender is one of those listed; neither male nor female needs a person."""

    op: ClassVar[str] = "sex"
    sex: tuple[Literal["male", "female"], ...]
    notion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(LeafRule):
    """Never computed: a person's word, with the records of these notions as evidence."""

    op: ClassVar[str] = "judgement"
    judgement: Literal["participant", "investigator"]
    notion: str
    evidence: tuple[str, ...] = ()  # notions
    evidence_of: tuple[str, ...] = ()  # ids of criteria whose leaves are evidence too


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented(LeafRule):
    """An active research Consent names this study and permits; the newest one decides."""

    op: ClassVar[str] = "consent"
    consent: str  # the notion


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered(LeafRule):
    """An active Coverage whose period includes the screening date."""

    op: ClassVar[str] = "coverage"
    coverage: str  # the notion


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherStudy(LeafRule):
    """Included in another interventional study, by its ResearchSubject and ResearchStudy."""

    op: ClassVar[str] = "other-study"
    other_study: str
    judged_notes: tuple[Note, ...] = ()
