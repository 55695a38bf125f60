"""One chart on one day, as the rules may see it: records of the future, set-aside and excepted ones are gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from service.eligibility.chart import Activity, Certainty, Chart, Entry, Reading, Standing, Warning_
from service.eligibility.codes import Role
from service.eligibility.findings import Note, Reason
from service.eligibility.moment import Span, When
from service.eligibility.notions import Notion
from service.eligibility.study import Study

_NOT_MEASURABLE = "test_not_measurable"  # the value set of Observation.dataAbsentReason
_DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


class Context:
    """What a leaf needs to be evaluated: the study, the chart, the day, and what was already worked out."""

    __slots__ = (
        "_entries", "_readings", "_starts", "as_of", "chart", "declared", "memo", "on_record", "study", "warnings",
    )  # fmt: skip

    def __init__(self, study: Study, chart: Chart, as_of: date) -> None:
        """Bind a chart to a study and a screening date."""
        self.study, self.chart, self.as_of = study, chart, as_of
        self.memo: dict[object, object] = {}
        self.warnings: list[Warning_] = []
        self._entries: dict[str, Sequence[Entry]] = {}
        self._readings: dict[str, Sequence[Reading]] = {}
        self._starts: dict[Span, date] = {}
        whole = not (chart.incomplete or chart.incomplete_types or chart.unreadable_types)
        # The concepts that have records; ``None`` where others may have some that could not be had or read.
        self.on_record = {*chart.readings, *chart.entries} if whole else None
        self.declared = bool(chart.consents or chart.coverages or chart.participations)

    def readings(self, concept: str) -> Sequence[Reading]:
        """Observations of a concept that are not of the future."""
        known = self._readings.get(concept)
        if known is None:
            found = self.chart.readings.get(concept)
            known = [r for r in found if r.when is None or r.when.first <= self.as_of] if found else ()
            self._readings[concept] = known
        return known

    def entries(self, notion: str) -> Sequence[Entry]:
        """Coded statements of a notion on the screening date.

        Applied here: a site's coding dates, records of the future, excepted concepts, and abatement.
        """
        known = self._entries.get(notion)
        if known is None:
            known = self._entries[notion] = self._read_entries(self.study.notions[notion])
        return known

    def _read_entries(self, notion: Notion) -> Sequence[Entry]:
        entries = self.chart.entries
        found = [
            e
            for concept in notion.concepts or (notion.id,)
            for e in entries.get(concept, ())
            if e.kind in notion.resources  # an allergy to a drug is not its use
        ]
        if notion.excepts:
            # A code under review for an exception (skin cancer without its type) is under review here too.
            found += [e for concept in notion.excepts for e in entries.get(concept, ()) if e.role is Role.REVIEW]
        if not found:
            return ()
        excepted = frozenset(notion.excepts)
        kept = (self._on_the_day(e, notion) for e in found if e.also.isdisjoint(excepted))
        return [e for e in kept if e is not None]

    def _on_the_day(self, entry: Entry, notion: Notion) -> Entry | None:
        onset, recorded = entry.onset, entry.recorded
        if entry.kind == "Condition" and self.study.onset_is_coding_date and onset is not None:
            recorded = onset if recorded is None or onset.first < recorded.first else recorded
            entry, onset = entry._replace(onset=None, recorded=recorded), None
        starts = [when.first for when in (onset, recorded) if when is not None]
        if starts and min(starts) > self.as_of:
            return None
        if entry.activity is Activity.ACTIVE and entry.until is not None and entry.until.first <= self.as_of:
            entry = entry._replace(activity=Activity.PAST)
        return self._beside(entry, notion)

    def _beside(self, entry: Entry, notion: Notion) -> Entry | None:
        """Return a code that counts only beside another diagnosis as far as that one is confirmed."""
        for tag, other in notion.beside.items():
            if tag in entry.tags:
                beside = self.entries(other)
                if not beside:
                    return None
                if not any(e.role is Role.MATCH and e.certainty is Certainty.CONFIRMED for e in beside):
                    return entry._replace(certainty=Certainty.UNCONFIRMED)
        return entry

    def not_measurable(self, reading: Reading) -> bool:
        """Whether a record that counts says that the quantity could not be had."""
        if reading.absent is None or reading.when is None or reading.standing is Standing.PENDING:
            return False
        meanings = self.study.lexicon.meanings(_DATA_ABSENT, reading.absent)
        return any(m.concept == _NOT_MEASURABLE and m.role is Role.MATCH for m in meanings)

    def gap(self, notion: Notion, reason: Reason = Reason.NO_RECORD) -> tuple[Reason, tuple[Note, ...]]:
        """Return why nothing is known of a notion: ``reason``, unless records are withheld or unreadable."""
        if self.incomplete(notion):
            return Reason.RECORDS_INCOMPLETE, ()
        if reason is Reason.NO_RECORD and not self.chart.unreadable_types.isdisjoint(notion.resources):
            return Reason.NO_USABLE_VALUE, (Note.RECORD_UNREADABLE,)
        return reason, ()

    def incomplete(self, notion: Notion) -> bool:
        """Whether records of a notion may be withheld."""
        chart = self.chart
        return chart.incomplete or not chart.incomplete_types.isdisjoint(notion.resources)

    def within(self, when: When, span: Span) -> bool | None:
        """Whether a moment lies at most ``span`` before the screening date; ``None`` where it straddles."""
        start = self._starts.get(span)
        if start is None:
            start = self._starts[span] = span.before(self.as_of)
        if when.first >= start:
            return True
        return False if when.last < start else None

    def later(self, one: When | None, than: When) -> bool:
        """Whether a moment is strictly later than another, whatever a partial date may be; an undated one never is."""
        if one is None:
            return False
        if one.instant is not None and than.instant is not None:
            return one.instant > than.instant
        return one.first > self.last_day(than)

    def last_day(self, when: When) -> date:
        """Return the latest day that a moment can be: never after the screening date."""
        return min(when.last, self.as_of)


def usable(reading: Reading) -> bool:
    """Whether a record may be used at all: a counting status and no unknown modifier."""
    return reading.standing is not Standing.PENDING and not reading.unusable
