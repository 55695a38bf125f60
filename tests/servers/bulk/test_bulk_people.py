"""People of an export whose files are not there any more, or whose records were deleted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from service.eligibility.results import Screening
from service.hospital.bulk_people import BulkPeople
from service.hospital.client import FhirClient, Server
from service.population.people import LocalPeople
from service.screening.patient import Screener
from tests.servers.exporting import FILE, ONE, UNTIL, WISH, Exporting, manifest, ndjson, whole
from tests.verdicts import shipped_reader, shipped_study

pytestmark = [pytest.mark.servers, pytest.mark.anyio, pytest.mark.slow]


async def test_a_run_that_is_resumed_elsewhere_exports_again(server: Exporting, tmp_path: Path) -> None:
    """Whoever was selected is screened, though nothing of the export is on this machine."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    server.on(FILE, whole(ndjson(ONE)))
    screener = Screener(shipped_study(), shipped_reader())

    def local(folder: Path) -> LocalPeople:
        return LocalPeople(screener, folder, tmp_path / "selected")

    async with FhirClient(Server(base=server.base)) as client:
        rest = local(tmp_path / "nothing")
        people = BulkPeople(client, screener.study, tmp_path / "export", WISH, local, rest)
        found = [each async for each in people.screened(["Patient/one"], date(2026, 11, 23), lambda *_: None)]

    assert [(each.patient, each.error) for each in found] == [("Patient/one", None)]


async def test_of_an_export_that_is_not_whole_no_absence_counts(server: Exporting, tmp_path: Path) -> None:
    """Conditions could not be had: that there are none says nothing, tonight and where the run is resumed."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Condition", f"{server.base}/files/2")))
    server.on(FILE, whole(ndjson(ONE)))
    screener = Screener(shipped_study(), shipped_reader())

    def local(folder: Path) -> LocalPeople:
        return LocalPeople(screener, folder, tmp_path / "selected")

    for _ in range(2):
        async with FhirClient(Server(base=server.base)) as client:
            people = BulkPeople(client, screener.study, tmp_path / "export", WISH, local, local(tmp_path / "nothing"))
            selection = await people.select(frozenset({"Patient/one"}), lambda *_: None)
            (found,) = [each async for each in people.screened(selection.patients, date(2026, 11, 23), lambda *_: None)]

        assert any("it is not there any more" in each for each in selection.unread)
        assert found.judged is not None
        assert isinstance(found.judged.result, Screening)
        assert not found.judged.result.without_disease


async def test_what_names_nobody_is_told_beside_what_could_not_be_read(server: Exporting, tmp_path: Path) -> None:
    """Of an export of what changed: only the latter holds the moment up to which everything was seen."""
    server.exports(manifest(("ResearchSubject", f"{server.base}/files/1")))
    server.on(FILE, whole(ndjson({"resourceType": "ResearchSubject", "id": "s"}) + b'{"resourceType":\n'))
    screener = Screener(shipped_study(), shipped_reader())
    local = LocalPeople(screener, tmp_path / "export", tmp_path / "selected")

    async with FhirClient(Server(base=server.base)) as client:
        wish = WISH._replace(since=UNTIL)
        people = BulkPeople(client, screener.study, tmp_path / "export", wish, lambda _: local, local)
        found = await people.select(frozenset(), lambda *_: None)

    assert found.blind == ["ResearchSubject: of 1 that count no reference tells whose they are."]
    assert [each.partition(".ndjson")[2] for each in found.unread] == [":2"]
    assert found.until == UNTIL


async def test_everybody_known_is_looked_at_again_whatever_was_deleted(server: Exporting, tmp_path: Path) -> None:
    """What a manifest tells of deletions names nobody else: it is not fetched, and nobody is screened for it alone."""
    deleted = [{"type": "Bundle", "url": f"{server.base}/files/2"}]
    server.exports(manifest(("Patient", f"{server.base}/files/1"), deleted=deleted))
    server.on(FILE, whole(ndjson(ONE)))
    bundle = {"type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "Patient/nobody"}}]}
    server.on("/fhir/files/2", whole(ndjson({"resourceType": "Bundle", **bundle})))
    screener = Screener(shipped_study(), shipped_reader())
    local = LocalPeople(screener, tmp_path / "export", tmp_path / "selected")

    async with FhirClient(Server(base=server.base)) as client:
        wish = WISH._replace(since=UNTIL)
        people = BulkPeople(client, screener.study, tmp_path / "export", wish, lambda _: local, local)
        found = await people.select(frozenset({"Patient/deleted", "Patient/of-a-deleted-record"}), lambda *_: None)

    assert found.patients == ["Patient/deleted", "Patient/of-a-deleted-record"]
    assert (found.unread, server.asked("/fhir/files/2")) == ([], [])
