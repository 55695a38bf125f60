"""The table of descendants is refreshed from what a terminology server expands."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.errors import Never
from service.study.expand import Descendant, refresh_descendants, write_descendants
from service.study.load import load_study

EDITION = "http://snomed.info/sct/900000000000207008/version/20260101"


class Server:
    """A terminology server that knows one subtree, nested as some servers answer, and gives it page by page."""

    def __init__(self, *codes: str, total: bool = True) -> None:
        self.codes = codes
        self.total = {"total": len(codes)} if total else {}
        self.asked: list[str] = []

    def fetch(self, address: str) -> dict[str, Any]:
        """Answer ``ValueSet/$expand``."""
        parts = urlsplit(address)
        assert parts.path == "ValueSet/$expand"
        question = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(question["url"])
        first = int(question["offset"])
        page = self.codes[first : first + int(question["count"])]
        items: list[dict[str, Any]] = [{"code": code, "display": f"Code {code}"} for code in page]
        if len(items) > 1:
            items[0]["contains"] = [items.pop()]
        version = {"name": "version", "valueUri": EDITION}
        return {"resourceType": "ValueSet", "expansion": {"parameter": [version], "contains": items, **self.total}}


@pytest.mark.parametrize("total", [True, False])
def test_new_rows(mappings: Path, total: bool) -> None:
    """Each page's codes become rows of the parent that was asked for, with the server's edition as their source."""
    server = Server("131148009", "64779008", "110265006", "34436003", "1", total=total)

    rows = refresh_descendants(mappings, server.fetch, page=2)

    found = [row for row in rows if row.parent == "131148009"]
    assert [row.code for row in found] == ["64779008", "110265006", "34436003", "1"]
    assert found[0] == Descendant("131148009", "64779008", "Code 64779008", f"$expand {EDITION}")
    assert set(server.asked) == {"http://snomed.info/sct?fhir_vs=isa/131148009"}


def test_chosen_lists_stay(mappings: Path) -> None:
    """A parent whose list is chosen by hand is not asked for and keeps its rows."""
    rows = refresh_descendants(mappings, Server("64779008").fetch)

    assert [row for row in rows if row.parent == "7"] == [Descendant("7", "70", "Chosen by hand", "a person")]


def test_a_server_without_the_subtree_empties_nothing(mappings: Path) -> None:
    """Where the server lists nothing the public rows stay."""
    rows = refresh_descendants(mappings, Server().fetch)

    assert [row.code for row in rows if row.parent == "131148009"] == ["110265006"]


def test_a_server_that_ignores_paging(mappings: Path) -> None:
    """A server that answers every page with everything is asked twice, and each code is one row."""
    server = Server("64779008", "110265006", total=False)

    rows = refresh_descendants(mappings, lambda address: server.fetch(address.replace("offset=2", "offset=0")))

    assert [row.code for row in rows if row.parent == "131148009"] == ["64779008", "110265006"]
    assert len(server.asked) == 2


def test_inactive_codes_are_left_out(mappings: Path) -> None:
    """A code that the edition has retired is no row."""
    items = [{"code": "1", "display": "Old", "inactive": True}, {"code": "2", "display": "New"}]

    rows = refresh_descendants(mappings, lambda _: {"expansion": {"contains": items, "total": 2}})

    assert [row.code for row in rows if row.parent == "131148009"] == ["2"]


def test_an_answer_that_is_no_expansion(mappings: Path) -> None:
    """An OperationOutcome in place of an expansion stops the refresh: a table must not be half of each."""
    with pytest.raises(Never, match="131148009"):
        refresh_descendants(mappings, lambda _: {"resourceType": "OperationOutcome"})


def test_the_written_table_is_read_back(mappings: Path) -> None:
    """The table is written as it is read: the new codes count for the concept of their parent."""
    server = Server("64779008", "34436003")
    write_descendants(mappings, refresh_descendants(mappings, server.fetch))

    meanings = load_study(mappings).lexicon.meanings("http://snomed.info/sct", "34436003")

    assert [meaning.concept for meaning in meanings] == ["bleeding"]
    lines = (mappings / "value_sets" / "snomed-descendants.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["parent,code,display,source", "7,70,Chosen by hand,a person"]
    assert [line.split(",")[1] for line in lines[2:]] == ["34436003", "64779008"]
