"""People of a Bulk Data export: selected in its files; of an export of what changed, screened by the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from service.discovery.model import Found, Selection
from service.discovery.ports import People, Told
from service.eligibility.entry import entry_of
from service.eligibility.study import Study
from service.hospital.bulk import Export, Exported, Wish
from service.hospital.bulk_changes import people_changed
from service.hospital.client import FhirClient


class BulkPeople:
    """The port ``People`` over an export of one server; ``local`` looks through a folder."""

    source = "bulk"

    def __init__(
        self,
        client: FhirClient,
        study: Study,
        folder: Path,
        wish: Wish,
        local: Callable[[Path], People],
        rest: People,
    ) -> None:
        """``rest`` gives the charts where the export holds only what changed: no file has them whole then."""
        self._client, self._study, self._folder, self._wish, self._rest = client, study, folder, wish, rest
        self._local = local(folder)
        self.engine = self._local.engine

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Export, and select; in what changed any new record of the entry is enough, and everybody known is taken.

        Raises ``InputError``, ``SettingError``, ``TryLater`` and ``Never``.
        """
        exported = await self._export(told)
        if self._wish.since is None:
            found = await self._local.select(known, told)
        else:
            entry = entry_of(self._study)
            new = await asyncio.to_thread(people_changed, self._folder, self._study, entry)
            found = Selection(seen=None, patients=sorted(known | new.people), unread=new.unread, blind=new.blind)
        unread, until = [*exported.unread, *found.unread], exported.until
        return msgspec.structs.replace(found, unread=unread, until=until, at=until)

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of them with the result. Raises as ``select`` does."""
        charts = self._rest
        if self._wish.since is None:
            charts = self._local
            await self._export(told)  # which a run that is resumed elsewhere has not here
        async for found in charts.screened(patients, as_of, told):
            yield found

    async def _export(self, told: Told) -> Exported:
        """Export, unless that is done."""
        return await Export(self._client, self._folder, self._wish, told).run()
