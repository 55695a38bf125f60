"""A kept result as researchers see it: nobody is named, no record quoted, and dates are cut to the month."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hmac import digest

from service.screening.document import Document, encode
from service.screening.stored import decode

_DAY = re.compile(r"(\d{4}-\d{2})-\d{2}(?:T[\d:.]*(?:Z|[+-]\d{2}:\d{2})?)?")
_DATE = re.compile(r"\d{4}(?:-\d{2}){0,2}(?:T[\d:.]*(?:Z|[+-]\d{2}:\d{2})?)?\Z")
_GENDERS = {"female", "male", "other", "unknown"}
_LEFT_OUT = "…"
# R4 ResearchSubjectStatus. A server may give any other text.
_STATUSES = {
    *("candidate", "eligible", "follow-up", "ineligible", "not-registered", "off-study", "on-study", "withdrawn"),
    *("on-study-intervention", "on-study-observation", "pending-on-study", "potential-candidate", "screening"),
}


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names people by a secret key: the same in one study, and by nobody told without the key."""

    key: bytes = field(repr=False)

    def of(self, study: str, patient: str) -> str:
        """Return the name of ``Patient/id``: HMAC-SHA-256, so that other studies' names do not tell whose it is."""
        return digest(self.key, f"{study} {patient}".encode(), "sha256").hex()

    def shown(self, document: bytes, study: str) -> bytes:
        """Return the document of a result, or of a patient who could not be screened, for researchers."""
        told = decode(document)
        told["patient"] = self._name(study, told["patient"])
        if "error" in told:
            error = told["error"]
            if "replaced_by" in error:
                error["replaced_by"] = self._name(study, error["replaced_by"])
            return encode(told)
        for name in ("as_of", "rescreen_after"):
            told[name] = _month(told[name])
        if told["person_status"] is not None and told["person_status"] not in _STATUSES:
            told["person_status"] = _LEFT_OUT
        for failed in told["preconditions"]:
            failed["date"] = _month(failed["date"])
        for criterion in told["criteria"]:
            hidden = _hide(criterion["finding"])
            criterion["explanation"] = _month(_without(criterion["explanation"], hidden))
        for warning in told["warnings"]:
            warning["source"] = ""
        if told["written"] and "resources" in told["written"]:
            told["written"]["resources"] = []
        return encode(told)

    def _name(self, study: str, patient: str) -> str:
        return self.of(study, patient) if patient else patient


def _hide(finding: Document) -> list[str]:
    """Take out of a finding what researchers do not see; return the words of records that it held."""
    if "children" in finding:
        return [words for child in finding["children"] for words in _hide(child)]
    finding["sources"], finding["effective"] = [], _month(finding["effective"])
    value, hidden = finding["value"], []
    if value is not None:
        if not _is_ours(value):
            hidden = [value["text"], value["as_received"]]
            value["text"] = ""
        value["text"], value["as_received"] = _month(value["text"]), ""
    return [words for words in hidden if words]


def _is_ours(value: Document) -> bool:
    """Whether a value's text was made here, of a number or a date: any other stands as the record has it."""
    text = value["text"]
    return text != "" and (value["unit"] != "" or text in _GENDERS or _DATE.match(text) is not None)


def _without(sentence: str, hidden: list[str]) -> str:
    for words in sorted(hidden, key=len, reverse=True):
        sentence = sentence.replace(words, _LEFT_OUT)
    return sentence


def _month(text: str | None) -> str | None:
    """Cut every date in a text to its month."""
    return None if text is None else _DAY.sub(r"\1", text)
