"""A report as tables of texts in one language; a page and a terminal only draw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from service.discovery.phrases import LANGUAGES, Phrases
from service.eligibility.study import Study

Report = dict[str, Any]
_DAY = len("2026-11-23")
_MANY = 10  # a second; of these no tenths are told


class Section(NamedTuple):
    """A table with its title; without rows ``note`` alone is said, if anything is."""

    name: str  # such as new
    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


class Told:
    """One report, told in one language."""

    def __init__(self, report: Report, study: Study, language: str = "en") -> None:
        self.report, self.study, self.language = report, study, language
        self.words: Phrases = LANGUAGES[language]
        self._titles = {criterion.id: _in(criterion.title, language) for criterion in study.criteria}

    @property
    def title(self) -> str:
        """What is told of."""
        return self.words.title.format(study=self.report["study"], day=self.report["as_of"])

    def criterion(self, id_: str) -> str:
        """Return a criterion's number and title."""
        return f"{id_} {self._titles.get(id_, '')}".rstrip()

    def sections(self) -> Iterator[Section]:
        """Give everything, in the order in which it is read; what there is nothing to say of is left out."""
        words, report = self.words, self.report
        yield Section("run", "", (), list(self._run()), words.dry if report["dry_run"] else "")
        yield Section("standing", words.standing, (words.status, words.people), list(self._standing()))
        yield Section(
            "funnel",
            words.funnel,
            (words.criterion, *words.outcomes.values()),
            [
                (self.criterion(row["id"]), *(str(row[outcome]) for outcome in words.outcomes))
                for row in report["funnel"]
            ],
        )
        yield from self._news()
        yield from (section for section in self._to_do() if section.rows or section.note)
        yield self._timings()

    def _run(self) -> Iterator[tuple[str, str]]:
        words, report = self.words, self.report
        yield words.source, words.sources.get(report["source"], report["source"])
        yield words.engine, report["engine"]
        yield words.since, report["since"] or words.everything
        yield words.seen, "–" if report["seen"] is None else str(report["seen"])
        yield words.selected, str(report["selected"])
        yield words.screened, str(report["screened"])
        if report["not_permitted"]:
            yield words.not_permitted, str(report["not_permitted"])
        if (uncoded := report["uncoded_conditions"]) is not None:
            samples = words.in_samples if uncoded["sampled"] else ""
            yield words.uncoded, words.uncoded_of.format(**uncoded, samples=samples)

    def _standing(self) -> Iterator[tuple[str, str]]:
        words, report = self.words, self.report
        yield from ((words.statuses.get(status, status), str(n)) for status, n in report["by_status"].items())
        yield from ((f"{words.priority} {priority}", str(n)) for priority, n in report["by_priority"].items())

    def _news(self) -> Iterator[Section]:
        words, report = self.words, self.report
        heads = (words.patient, words.now, words.because)
        for name, title in (("new", words.new), ("lost", words.lost)):
            rows = [(each["patient"], self._stands(each), self._because(each)) for each in report[name]]
            yield Section(name, title, heads, rows, "" if rows else words.nobody)
        changed = [
            (each["patient"], self._stands(each["from"]), self._stands(each["to"]), self._because(each))
            for each in report["changed"]
        ]
        both = (words.patient, words.before, words.now, words.because)
        yield Section("changed", words.changed, both, changed, "" if changed else words.nobody)

    def _to_do(self) -> Iterator[Section]:
        words, report = self.words, self.report
        missing = [
            (self.notion(each["notion"]), str(each["patients"]), ", ".join(each["unlocks"]))
            for each in report["missing"]
        ]
        yield Section("missing", words.missing, (words.notion, words.people, words.unlocks), missing)
        due = [(each["patient"], each["rescreen_after"]) for each in report["rescreen_due"]]
        yield Section("due", words.due, (words.patient, words.day), due)
        failed = [(each["patient"], self._error(each["error"])) for each in report["failed"]]
        yield Section("failed", words.failed, (words.patient, words.error), failed)
        yield Section("unread", words.unread, (words.place,), [(each,) for each in report["unread"]])
        yield self._coverage()

    def _coverage(self) -> Section:
        """Tell of what looks like a fault: local codes, units that are not read, nothing at all."""
        words, coverage = self.words, self.report["coverage"]
        rows = [
            (self.notion(each["notion"]), str(each["known_codes"]), str(each["local_only"]), self._units(each))
            for each in coverage
            if each["local_only"] or each["unreadable_units"]
        ]
        nothing = [self.notion(each["notion"]) for each in coverage if not (each["known_codes"] or each["local_only"])]
        note = words.nothing_of.format(notions=", ".join(nothing)) if nothing and self.report["screened"] else ""
        return Section("coverage", words.coverage, (words.notion, words.known, words.local, words.units), rows, note)

    def _timings(self) -> Section:
        words, report = self.words, self.report
        rows = [(words.stages.get(stage, stage), str(seconds)) for stage, seconds in report["timings"].items()]
        rows.append((words.in_all, str(report["seconds"])))
        return Section("timings", words.timings, (words.stage, words.seconds), rows, self._rate())

    def _rate(self) -> str:
        """Tell how many people a second: of a source that was looked through whole, else of those screened."""
        words, report, timings = self.words, self.report, self.report["timings"]
        if next(iter(timings), "select") != "select":  # who was found or screened before took no time now
            return words.resumed
        if report["source"] != "rest" and report["since"] is None:
            told, people, seconds = words.rate_of_all, report["seen"], report["seconds"]
        else:
            told, people, seconds = words.rate_of_screening, report["screened"], timings.get("screen")
        if not (people and seconds):
            return ""
        rate = people / seconds
        return told.format(people=people, rate=round(rate) if rate >= _MANY else round(rate, 1))

    def _units(self, covered: Report) -> str:
        units = covered["unreadable_units"]
        return ", ".join(
            f"{each['unit']} × {each['n']}" if each["unit"] else self.words.no_unit.format(n=each["n"])
            for each in units
        )

    def notion(self, id_: str) -> str:
        """Return a notion's name for people."""
        known = self.study.notions.get(id_)
        return _in(known.label, self.language) if known else id_.replace("_", " ")

    def _stands(self, standing: Report) -> str:
        words, priority = self.words, standing["priority"]
        status = words.statuses.get(standing["status"]) or self._error(standing["status"])
        return f"{status}, {words.priority} {priority}" if priority else status

    def _error(self, code: str) -> str:
        return self.words.errors.get(code) or _plain(code)

    def _because(self, told: Report) -> str:
        return "; ".join(self._cause(each) for each in told["because"])

    def _cause(self, cause: Report) -> str:
        """Say in a few words what did it: ``E11: platelets 49 10*9/L, 2026-11-20 (Observation/1)``."""
        value = f" {cause['value']['text']} {cause['value']['unit']}".rstrip() if cause["value"] else ""
        shown = f"{self.notion(cause['notion'])}{value}" if cause["notion"] else ""
        reason = cause["reason"] and self.words.reasons.get(cause["reason"], _plain(cause["reason"]))
        effective = cause["effective"] and cause["effective"][:_DAY]
        parts = ", ".join(part for part in (shown, effective, reason) if part)
        source = f" ({cause['source']})" if cause["source"] else ""
        return f"{cause['criterion']}: {parts}{source}" if cause["criterion"] else f"{parts}{source}"


def _in(texts: dict[str, str], language: str) -> str:
    """Return the text in the language, in English where there is none."""
    return texts.get(language) or texts["en"]


def _plain(code: str) -> str:
    return code.replace("-", " ")
