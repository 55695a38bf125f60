"""Each check on definitions, with files that pass it and files that do not.

A file of ``cases/`` takes the place that its first line names. Without a ``Problem`` line nothing may be found; with
one, that and nothing else, on the line marked ``<- here``.
"""

import re
from pathlib import Path
from shutil import copytree

import pytest

from service.study.checks import CHECKS, check_study
from service.study.load import load_study

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_case(mappings: Path, case: Path) -> None:
    """A good file has no problem; a bad one has the problem that it announces, at the marked line."""
    text = case.read_text(encoding="utf-8")
    place = re.search(r"^# In: (.+)$", text, re.MULTILINE)
    problem = re.search(r"^# Problem: (.+)$", text, re.MULTILINE)
    marked = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# <- here")]
    assert place
    (mappings / place[1]).write_text(text, encoding="utf-8")

    found = check_study(load_study(mappings), mappings)

    expected = [] if problem is None else [(mappings / place[1], marked[0] if marked else None, problem[1])]
    assert [(one.file, one.line, one.problem) for one in found] == expected
    assert all(one.remedy for one in found)


def test_every_check_has_a_good_and_a_bad_file() -> None:
    """No check is without its pair of files."""
    names = [case.stem for case in CASES]
    for check in CHECKS:
        mine = [name for name in names if name.startswith(check.__name__)]

        assert [name for name in mine if name.endswith("_good")], check.__name__
        assert [name for name in mine if name.endswith("_bad")], check.__name__


@pytest.mark.parametrize("kept", [False, True])
def test_a_value_set_that_no_notion_uses(mappings: Path, kept: bool) -> None:
    """A value set that serves nothing is reported, unless context.yaml says why it is kept."""
    (mappings / "value_sets" / "bruises.csv").write_bytes((mappings / "value_sets" / "bleeding.csv").read_bytes())
    if kept:
        context = "value_sets: {bruises: for a coming study}\nquantities: {}\ntags: {}\n"
        (mappings / "context.yaml").write_text(context, encoding="utf-8")

    found = check_study(load_study(mappings), mappings)

    expected = [] if kept else [("bruises.csv", "no notion uses the value set.")]
    assert [(one.file.name, one.problem) for one in found] == expected


@pytest.mark.parametrize("kept", [False, True])
def test_a_kind_of_quantity_that_no_notion_uses(mappings: Path, kept: bool) -> None:
    """A kind of quantity that serves nothing is reported, unless context.yaml says why it is kept."""
    units = mappings / "units.yaml"
    more = 'quantities:\n  iron: {canonical: umol/L, factors: {umol/L: "1"}}\n'
    units.write_text(units.read_text(encoding="utf-8").replace("quantities:\n", more), encoding="utf-8")
    if kept:
        context = "value_sets: {}\nquantities: {iron: for a coming study}\ntags: {}\n"
        (mappings / "context.yaml").write_text(context, encoding="utf-8")

    found = check_study(load_study(mappings), mappings)

    expected = [] if kept else [("units.yaml", "no notion uses the kind of quantity 'iron'.")]
    assert [(one.file.name, one.problem) for one in found] == expected


def test_a_notion_that_another_study_of_the_folder_uses(mappings: Path) -> None:
    """Studies share notions: what one of them asks for is no left-over of the other."""
    first, second = mappings / "studies" / "DEMO-1", mappings / "studies" / "DEMO-2"
    copytree(first, second)
    for file, old, new in (
        (second / "study.yaml", "DEMO-1", "DEMO-2"),
        (
            first / "criteria.yaml",
            "exists: bleeding, past_means: nothing",
            "judgement: investigator, notion: hemoglobin",
        ),
    ):
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    assert check_study(load_study(mappings, "DEMO-1"), mappings) == []


def test_decisions_are_not_asked_of_an_installed_package(mappings: Path) -> None:
    """Where the documents are not beside the definitions, a rule may name any decision."""
    for file in (mappings.parent / "docs" / "decisions").iterdir():
        file.unlink()
    (mappings.parent / "docs" / "decisions").rmdir()
    criteria = mappings / "studies" / "DEMO-1" / "criteria.yaml"
    text = criteria.read_text(encoding="utf-8").replace("  measure: hemo", '  reading: "0099"\n  measure: hemo')
    criteria.write_text(text, encoding="utf-8")

    assert check_study(load_study(mappings), mappings) == []
