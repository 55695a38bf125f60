"""The words of explanations, by language: one small table each, so that a twin needs no code."""

from __future__ import annotations

from typing import NamedTuple

from service.eligibility.findings import Open, Reason
from service.eligibility.results import Outcome


class Phrases(NamedTuple):
    """Sentence parts; ``{label}``, ``{value}`` and ``{day}`` are filled in."""

    outcomes: dict[tuple[Outcome, Open | None], str]
    reasons: dict[Reason, str]
    value: str
    on_day: str
    recorded: str
    absent: str
    more: str
    age: str
    sex: str


ENGLISH = Phrases(
    outcomes={
        (Outcome.PASS, None): "Passes: {parts}.",
        (Outcome.FAIL, None): "Fails: {parts}.",
        (Outcome.OPEN, Open.MISSING_DATA): "Open, data missing: {parts}.",
        (Outcome.OPEN, Open.TO_CONFIRM): "Open, to confirm: {parts}.",
    },
    reasons={
        Reason.NO_RECORD: "no {label} on record",
        Reason.TOO_OLD: "the {label}{value} is too old",
        Reason.NO_USABLE_VALUE: "the {label} on record has no usable value",
        Reason.UNIT_NOT_COMPARABLE: "the unit of the {label}{value} cannot be compared",
        Reason.NO_REFERENCE_RANGE: "the {label}{value} has no upper limit of normal",
        Reason.VALUE_NOT_DECISIVE: "the {label}{value} does not decide",
        Reason.DATE_NOT_DECISIVE: "the date of the {label} does not decide",
        Reason.RECORDS_DISAGREE: "records of the {label} disagree",
        Reason.NEEDS_JUDGEMENT: "{label}{value}: a person has to judge",
        Reason.NOT_CONFIRMED: "{label} is on record but not confirmed",
        Reason.RECORDS_INCOMPLETE: "records of {label} were withheld or could not be obtained",
    },
    value=" {value}",
    on_day=" on {day}",
    recorded="{label} on record",
    absent="no {label} on record",
    more="and {count} more",
    age="aged {text}",
    sex="gender {text}",
)

LANGUAGES = {"en": ENGLISH}
