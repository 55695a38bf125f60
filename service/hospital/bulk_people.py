"""People of a Bulk Data export: selected in its files; of an export of what changed, screened by the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from service.discovery.model import Found, Selection
from service.discovery.ports import People, Told
from service.errors import InputError
from service.hospital.bulk import Export, Wish
from service.hospital.client import FhirClient


class BulkPeople:
    """The port ``People`` over an export of one server; ``local`` looks through a folder."""

    source = "bulk"

    def __init__(
        self, client: FhirClient, folder: Path, wish: Wish, local: Callable[[Path], People], rest: People
    ) -> None:
        """``rest`` gives the charts where the export holds only what changed: no file has them whole then."""
        self._client, self._folder, self._wish, self._rest = client, folder, wish, rest
        self._local = local(folder)
        self.engine = self._local.engine

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Export, and select; everybody known is taken, whether something of them changed or not."""
        exported = await Export(self._client, self._folder, self._wish, told).run()
        try:
            found = await self._local.select(known, told)
        except InputError as error:
            if self._wish.since is None or error.code not in ("no-fhir", "no-patient", "source-unreadable"):
                raise
            found = Selection(seen=None, patients=[])  # nothing has changed
        patients = found.patients
        if self._wish.since is not None:
            patients = sorted(known | set(patients))
            found = msgspec.structs.replace(found, seen=None)
        return msgspec.structs.replace(
            found, patients=patients, unread=[*exported.unread, *found.unread], until=exported.until
        )

    async def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of them with the result."""
        charts = self._local if self._wish.since is None else self._rest
        async for found in charts.screened(patients, as_of, told):
            yield found
