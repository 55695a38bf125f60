"""Whom a folder holds that a study looks for, and their results: the port ``People`` of the local engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import structlog

from service.discovery.model import Found, Selection, Uncoded
from service.discovery.ports import Told
from service.eligibility.entry import Entry, entry_of
from service.fhir.coded import codings_in
from service.fhir.coverage import tally
from service.population.files import find_files, nothing_in
from service.population.look import Look, Looking, chosen, members_of
from service.population.reading import PatientRecords
from service.population.scan import BLOCK, Sample
from service.population.selected import UNIT, Selected
from service.population.sources import open_source
from service.population.workers import workers
from service.screening.patient import Screener
from service.screening.ports import Pulled

T = TypeVar("T")
Tell = Callable[[str, int], None]

SAMPLE = BLOCK // 8  # bytes at the beginning of each file, and once in 512 MiB, that are counted line by line
PROCESSES = max(2, min(os.cpu_count() or 2, 4))  # more of them wait for the disk
_AT_ONCE = 16  # people judged before others have their turn
log = structlog.get_logger()


class LocalPeople:
    """A folder or a file, of which only those lines are parsed that may be about the people looked for."""

    engine = "local"

    def __init__(  # noqa: PLR0913 - the sizes are for tests
        self,
        screener: Screener,
        folder: Path,
        work: Path,
        *,
        source: str | None = None,
        processes: int = PROCESSES,
        whole_count: bool = False,
        sample: int = SAMPLE,
        unit: int = UNIT,
        block: int = BLOCK,
    ) -> None:
        """``work`` is a folder of ours, which is made and emptied as needed; its content is patient data.

        ``whole_count``: Conditions without a code are counted in all lines, not in a sample.
        """
        self.source = str(folder) if source is None else source
        self._screener, self._folder, self._work = screener, folder, work
        self._entry = entry_of(screener.study)
        self._processes, self._whole = processes, whole_count
        self._sample, self._unit, self._block = Sample(sample, 1 if whole_count else 4096), unit, block
        self._selected: Selected | None = None

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Find whom the entry rule names, and who of those known is in the folder.

        Raises ``InputError`` as ``open_source`` does, and ``SettingError`` where the disk has no room.
        """
        if self._entry is None:
            return await _off_loop(lambda _: self._everybody(), told)
        selected = await asyncio.to_thread(self._open)
        total = 2 * sum(unit.weight for unit in selected.units)
        return await _off_loop(partial(self._select, selected, self._entry, known), told, total)

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of these people who has a chart in the folder with the result. Raises as ``select`` does."""
        charts = await _off_loop(partial(self._charts, frozenset(patients)), told)
        judge = partial(self._judge, as_of=as_of)
        while found := await asyncio.to_thread(lambda: [judge(each) for each in islice(charts, _AT_ONCE)]):
            for each in found:
                yield each

    def _select(self, selected: Selected, entry: Entry, known: frozenset[str], told: Tell) -> Selection:
        looks = list[Look]()
        with workers(self._processes) as those:  # they start while the patterns are compiled
            looking = Looking(self._screener.study.lexicon, entry.concepts, self._sample, self._block)
            for unit, look in zip(selected.units, those.map(looking, selected.units), strict=True):
                looks.append(look)
                told("select", unit.weight)
            wanted = known | chosen(entry, looks)
            wanted |= members_of(self._screener.study.record.identifiers.values(), looks)
            people, some = sum(look.people for look in looks), set[str]().union(*(look.some for look in looks))
            plain = [unit for unit, look in zip(selected.units, looks, strict=True) if look.plain]
            selected.fill(wanted, some, len(wanted) / max(people, 1), those, partial(told, "select"), plain)
        if not any(look.fhir for look in looks) and self._sample.size:
            raise nothing_in("There is no FHIR JSON in the source.", "no-fhir", selected.unread)
        if not (people or some or selected.present) and self._sample.size:
            raise nothing_in("The source holds no patient.", "no-patient", selected.unread)
        conditions, uncoded = sum(look.conditions for look in looks), sum(look.uncoded for look in looks)
        return Selection(
            seen=people,
            patients=sorted(selected.present & wanted),
            unread=[str(each) for each in selected.unread],
            uncoded=Uncoded(uncoded, conditions, sampled=not self._whole),
        )

    def _everybody(self) -> Selection:
        """No absence decides anything in the study, so everybody is looked at."""
        source = open_source(self._folder)
        patients, conditions, uncoded = [], 0, 0
        for chart in source.patients():
            patients.append(chart.patient)
            codes = [each.get("code") for each, _ in chart.resources if each["resourceType"] == "Condition"]
            conditions += len(codes)
            uncoded += sum(not any(codings_in(code)) for code in codes)
        return Selection(
            seen=len(patients),
            patients=sorted(patients),
            unread=[str(each) for each in source.problems],
            uncoded=Uncoded(uncoded, conditions, sampled=False),
        )

    def _charts(self, patients: frozenset[str], told: Tell) -> Iterator[PatientRecords]:
        if self._entry is None:
            charts = open_source(self._folder).patients()
        elif self._selected is not None and patients <= self._selected.present:
            charts = self._selected.charts()
        else:  # a run that is resumed
            selected = self._open()
            with workers(self._processes) as those:
                selected.fill(patients, (), 0.0, those, partial(told, "collect"))
            charts = selected.charts()
        return (chart for chart in charts if chart.patient in patients)

    def _open(self) -> Selected:
        files, passed_over = find_files(self._folder)
        self._selected = Selected(self._work, files, passed_over, self._sample, self._unit, self._block)
        return self._selected

    def _judge(self, chart: PatientRecords, as_of: date) -> Found:
        try:
            pulled = Pulled(chart.resources, incomplete=chart.incomplete)
            judged = self._screener.judged_records(pulled, chart.patient, as_of)
            return Found(chart.patient, judged, coverage=tally(chart.resources, self._screener.study))
        except Exception as bug:  # noqa: BLE001 - one chart stops nothing; what it says could hold clinical values
            log.warning("patient-unreadable", error=type(bug).__name__)
            return Found(chart.patient, None, "patient-unreadable")


async def _off_loop(work: Callable[[Tell], T], told: Told, total: int | None = None) -> T:
    """Do something long off the event loop; of its progress is told on it. Broken off, it ends at its next word."""
    loop, done, over = asyncio.get_running_loop(), 0, False

    def tell(stage: str, size: int) -> None:
        nonlocal done
        if over:
            raise asyncio.CancelledError
        done += size
        loop.call_soon_threadsafe(told, stage, done, total)

    try:
        return await asyncio.to_thread(work, tell)
    except asyncio.CancelledError:
        over = True
        raise
