"""The shapes that OpenAPI documents; the tests hold what ``service.screening.document`` writes to them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.screening.ports import Why

TruthWord = Literal["true", "false", "unknown"]


class Shape(BaseModel):
    """What all shapes share: no error about one repeats what was sent."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Model(Shape):
    """A shape of our own: every member is named here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(Shape):
    """An error (RFC 9457)."""

    title: str
    status: int
    code: str = Field(description="The machine-readable kind of error.")
    detail: str
    replaced_by: str | None = Field(None, description="With `patient-replaced`: the record that is kept.")
    run: str | None = Field(None, description="With `run-under-way`: the id of that run.")


class ScreeningRequest(Model):
    """A patient of the hospital, or the records themselves: exactly one of the two."""

    patient: str | None = Field(None, description="`123` or `Patient/123`, pulled from the hospital server.")
    bundle: dict[str, Any] | None = Field(None, description="A FHIR R4 Bundle about one patient.")
    study: str | None = Field(None, description="The study's id; the first study that is loaded if absent.")
    as_of: date | None = Field(None, description="The screening date; today if absent.")
    write_back: bool = Field(default=False, description="Post the result to the hospital's server.")


class Value(Model):
    """A value as used, in the canonical unit, and as the record gave it."""

    text: str
    unit: str
    as_received: str


class Leaf(Model):
    """One sentence judged on the records it names."""

    op: str = Field(description="The rule's kind: `measure`, `exists`, `age`, `judgement` …")
    id: str | None = Field(None, description="Only where the protocol's part has a number.")
    notion: str
    rule: str
    truth: TruthWord
    reason: str | None = Field(description="Why the truth is unknown, from a closed list.")
    value: Value | None
    effective: str | None
    sources: list[str]
    notes: list[str]


class Combination(Model):
    """Findings combined by Kleene's logic."""

    op: Literal["all-of", "any-of", "not"]
    id: str | None
    truth: TruthWord
    children: list[Combination | Leaf]


class Criterion(Model):
    """One criterion judged."""

    id: str
    kind: Literal["inclusion", "exclusion"]
    title: str
    quote: str = Field(description="The protocol's own words.")
    truth: TruthWord
    outcome: Literal["pass", "fail", "open"]
    open: Literal["missing-data", "to-confirm"] | None
    explanation: str
    finding: Combination | Leaf


class Precondition(Model):
    """A precondition that fails."""

    code: str
    date: str | None


class Summary(Model):
    """How many criteria have which outcome."""

    passed: int = Field(alias="pass")
    fail: int
    open: int
    missing_data: int
    to_confirm: int


class Missing(Model):
    """What is not known and could still change the criteria named."""

    notion: str
    reason: str
    unlocks: list[str]


class Warned(Model):
    """A record that could not be read as it should."""

    code: str
    source: str
    detail: str


class Written(Model):
    """What became of posting the result."""

    done: bool
    resources: list[str] | None = None
    why: str | None = Field(default=None, description=f"Why nothing was written: {', '.join(f'`{x}`' for x in Why)}.")


class Rules(Model):
    """Which rules judged."""

    version: str
    hash: str
    reviewed: bool


class Software(Model):
    """Which software judged."""

    name: str
    version: str


class Screening(Model):
    """The machine's view of one patient for one study on one day."""

    id: str
    study: str
    patient: str
    as_of: str
    status: Literal["ineligible", "potential-candidate", "candidate"]
    priority: int | None = Field(ge=1, le=4)
    person_status: str | None
    recoverable: bool | None
    rescreen_after: str | None
    preconditions: list[Precondition]
    summary: Summary
    criteria: list[Criterion]
    missing: list[Missing]
    warnings: list[Warned]
    written: Written | None
    study_status: str
    rules: Rules
    software: Software


class StudySummary(Model):
    """One study that is loaded."""

    id: str
    title: str
    sponsor: str
    status: str
    rules: Rules


class Studies(Model):
    """The studies that are loaded."""

    items: list[StudySummary]


class StudyRule(Model):
    """One rule: a combination holds others, a leaf says in words and in parameters what it asks."""

    op: str
    id: str | None
    quote: str | None = Field(description="The protocol's words that it implements.")
    words: str | None
    when_missing: str | None = Field(description="What happens when the chart does not tell.")
    parameters: dict[str, Any]
    children: list[StudyRule]


class Code(Model):
    """One code of a notion's value set."""

    system: str
    code: str


class StudyNotion(Model):
    """What a rule may ask for: where it is recorded and by which codes."""

    id: str
    label: str
    resources: list[str]
    within: str | None
    codes: list[Code]


class StudyCriterion(Model):
    """One criterion with its rule."""

    id: str
    kind: Literal["inclusion", "exclusion"]
    title: str
    quote: str
    must_pass: bool
    rule: StudyRule


class StudyDetail(StudySummary):
    """One study: criteria in words, rules and codes."""

    identifiers: dict[str, str]
    phase: str
    condition: str
    participants: int
    source: str
    criteria: list[StudyCriterion]
    notions: list[StudyNotion]


class Health(Model):
    """Whether the service can work."""

    status: Literal["ok", "busy", "stopping", "store-down"]


class JwkSet(Model):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, str]] = Field(description="Public keys; the members depend on the kind of key.")


class Screenings(Model):
    """A page of screenings."""

    items: list[Screening]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class UnderWay(Model):
    """A screening that is kept and has no result yet."""

    id: str
