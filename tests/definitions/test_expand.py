"""The table of descendants is refreshed from what a terminology server expands."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.errors import Never
from service.study.expand import (
    Descendant,
    Fetch,
    NotListed,
    Refreshed,
    count_parents,
    refresh_descendants,
    write_descendants,
)
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


def refreshed(mappings: Path, fetch: Fetch, page: int = 1000) -> dict[str, Refreshed]:
    """Refresh the table; what comes of each parent."""
    return {each.parent: each for each in refresh_descendants(mappings, fetch, page)}


@pytest.mark.parametrize("total", [True, False])
def test_new_rows(mappings: Path, total: bool) -> None:
    """Each page's codes become rows of the parent that was asked for, with the server's edition as their source."""
    server = Server("131148009", "64779008", "110265006", "34436003", "1", total=total)

    found = refreshed(mappings, server.fetch, page=2)["131148009"].after

    assert [row.code for row in found] == ["64779008", "110265006", "34436003", "1"]
    assert found[0] == Descendant("131148009", "64779008", "Code 64779008", f"$expand {EDITION}")
    assert set(server.asked) == {"http://snomed.info/sct?fhir_vs=isa/131148009"}


def test_chosen_lists_stay(mappings: Path) -> None:
    """A parent whose list is chosen by hand is not asked for and keeps its rows."""
    chosen = refreshed(mappings, Server("64779008").fetch)["7"]

    assert chosen.after == chosen.before == [Descendant("7", "70", "Chosen by hand", "a person")]
    assert chosen.kept == "chosen by hand: its list is chosen by hand"


def test_a_server_without_the_subtree_empties_nothing(mappings: Path) -> None:
    """Where the server lists nothing the public rows stay."""
    kept = refreshed(mappings, Server().fetch)["131148009"]

    assert [row.code for row in kept.after] == ["110265006"]
    assert kept.kept == "the server lists nothing"


def test_a_server_that_does_not_know_a_parent(mappings: Path) -> None:
    """A parent that the server does not know keeps its rows, and it is said why."""

    def fetch(_: str) -> dict[str, Any]:
        raise NotListed("not of this edition")

    kept = refreshed(mappings, fetch)["131148009"]

    assert [row.code for row in kept.after] == ["110265006"]
    assert kept.kept == "not of this edition"


def test_what_a_parent_gains_and_loses(mappings: Path) -> None:
    """What is new under a parent and what no longer stands there are told apart; what stays is neither."""
    gained = refreshed(mappings, Server("110265006", "64779008").fetch)["131148009"]
    replaced = refreshed(mappings, Server("64779008").fetch)["131148009"]

    assert (gained.added, gained.lost) == (["64779008"], [])
    assert (replaced.added, replaced.lost) == (["64779008"], ["110265006"])
    assert gained.kept is replaced.kept is None


def test_rows_that_no_value_set_asks_for_stay(mappings: Path) -> None:
    """Rows under a parent whose descendants no value set asks for are not lost by a refresh."""
    with (mappings / "value_sets" / "snomed-descendants.csv").open("a", encoding="utf-8") as table:
        table.write("8,80,Nobody's,a person\n")

    orphan = refreshed(mappings, Server("64779008").fetch)["8"]

    assert ([row.code for row in orphan.after], orphan.kept) == (["80"], "no value set asks for them")


def test_a_progress_bar_can_know_the_end(mappings: Path) -> None:
    """The number of parents is known before the first is asked for."""
    assert count_parents(mappings) == len(refreshed(mappings, Server().fetch)) == 2


def test_a_server_that_ignores_paging(mappings: Path) -> None:
    """A server that answers every page with everything is asked twice, and each code is one row."""
    server = Server("64779008", "110265006", total=False)

    found = refreshed(mappings, lambda address: server.fetch(address.replace("offset=2", "offset=0")))["131148009"]

    assert [row.code for row in found.after] == ["64779008", "110265006"]
    assert len(server.asked) == 2


def test_inactive_codes_are_left_out(mappings: Path) -> None:
    """A code that the edition has retired is no row."""
    items = [{"code": "1", "display": "Old", "inactive": True}, {"code": "2", "display": "New"}]

    found = refreshed(mappings, lambda _: {"expansion": {"contains": items, "total": 2}})["131148009"]

    assert [row.code for row in found.after] == ["2"]


def test_an_answer_that_is_no_expansion(mappings: Path) -> None:
    """An OperationOutcome in place of an expansion stops the refresh: a table must not be half of each."""
    with pytest.raises(Never, match="131148009"):
        refreshed(mappings, lambda _: {"resourceType": "OperationOutcome"})


def test_the_written_table_is_read_back(mappings: Path) -> None:
    """The table is written as it is read: the new codes count for the concept of their parent."""
    server = Server("64779008", "34436003")
    rows = [row for each in refresh_descendants(mappings, server.fetch) for row in each.after]
    table = write_descendants(mappings, rows)

    meanings = load_study(mappings).lexicon.meanings("http://snomed.info/sct", "34436003")

    assert [meaning.concept for meaning in meanings] == ["bleeding"]
    assert table == mappings / "value_sets" / "snomed-descendants.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["parent,code,display,source", "7,70,Chosen by hand,a person"]
    assert [line.split(",")[1] for line in lines[2:]] == ["34436003", "64779008"]
    assert sorted(file.name for file in table.parent.glob("snomed-descendants*")) == [table.name]
