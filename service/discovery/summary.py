"""What is told outside of a run that is done: how many, and a link. Nothing of patients leaves this way."""

from __future__ import annotations

from typing import Any, NamedTuple

from service.discovery.phrases import LANGUAGES
from service.discovery.sections import Report

_COUNTED = ("new", "changed", "lost", "failed", "unread")


class Summary(NamedTuple):
    """A run in a line."""

    subject: str
    text: str


def summarise(report: Report, link: str, language: str = "en") -> Summary:
    """Return the words of a mail in a language of the report."""
    words, counts = LANGUAGES[language], _counts(report)
    told = words.mail.format(study=report["study"], day=report["as_of"], **counts)
    subject = words.mail_subject.format(study=report["study"], **counts)
    return Summary(subject, f"{told}\n\n{words.mail_link}\n{link}\n")


def announcement(report: Report, link: str) -> dict[str, Any]:
    """Return the same for machines."""
    about = {name: report[name] for name in ("run", "study", "as_of")}
    return about | _counts(report) | {"link": link}


def _counts(report: Report) -> dict[str, int]:
    return {name: len(report[name]) for name in _COUNTED}
