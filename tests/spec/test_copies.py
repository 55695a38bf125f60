"""The same record seen twice is one: which copy counts, and what happens where nobody can tell."""

from typing import Any

import pytest

from tests.builders import Resource, SampleChart, complete_chart, condition, observation, verdict

SYSTEM = "https://lab.example/result"
NOON = "2026-11-10T12:00:00+01:00"


def count(value: str, *, id_: str = "count", meta: Resource | None = None, when: str = NOON, **more: Any) -> Resource:
    """Return a copy of a platelet count."""
    return observation("777-3", value, when, id=id_, meta=meta, **more)


def seen(*copies: Resource) -> SampleChart:
    """Return the sample chart with these copies instead of its own platelet count."""
    return _with({f"copy-{number}": copy for number, copy in enumerate(copies)})


def _with(parts: dict[str, Resource]) -> SampleChart:
    return SampleChart(complete_chart().drop("platelets").parts | parts)


def numbered(number: str) -> list[Resource]:
    """Return an identifier of the laboratory."""
    return [{"system": SYSTEM, "value": number}]


ORDERED: list[tuple[str, Resource, Resource]] = [
    ("later update", {"lastUpdated": "2026-11-11T08:00:00Z"}, {"lastUpdated": "2026-11-10T23:00:00Z"}),
    ("later update by UTC", {"lastUpdated": "2026-11-11T00:30:00Z"}, {"lastUpdated": "2026-11-11T01:00:00+01:00"}),
    ("higher version, as a number", {"versionId": "10"}, {"versionId": "9"}),
    (
        "later update before higher version",
        {"lastUpdated": "2026-11-11T08:00:00Z", "versionId": "1"},
        {"lastUpdated": "2026-11-10T08:00:00Z", "versionId": "2"},
    ),
    (
        "higher version of one update",
        {"lastUpdated": "2026-11-11T08:00:00Z", "versionId": "3"},
        {"lastUpdated": "2026-11-11T08:00:00Z", "versionId": "2"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("later", "earlier"), [pytest.param(*pair, id=name) for name, *pair in ORDERED])
def test_the_later_copy_counts(later: Resource, earlier: Resource) -> None:
    """The higher lastUpdated, then the higher versionId, whatever stands first."""
    low, high = count("20 10*9/L", meta=later), count("250 10*9/L", meta=earlier)

    assert verdict(seen(low, high)).truth("E11") == "true"
    assert verdict(seen(high, low)).truth("E11") == "true"


@pytest.mark.parametrize("meta", [None, {"lastUpdated": "2026-11-11T08:00:00Z"}, {"versionId": "3"}])
def test_copies_that_differ_and_cannot_be_ordered_disagree(meta: Resource | None) -> None:
    """Nobody can tell which of the two holds."""
    low, high = count("20 10*9/L", meta=meta), count("250 10*9/L", meta=meta)
    for chart in (seen(low, high), seen(high, low)):
        given = verdict(chart)
        assert given.reasons("E11") == ["records-disagree"]
        assert given.open("E11") == "missing-data"


def test_copies_that_say_the_same_are_one() -> None:
    """Twice the same record is no disagreement and one source."""
    given = verdict(seen(count("20 10*9/L"), count("20 10*9/L")))

    assert given.truth("E11") == "true"
    assert given.leaf("E11", "platelets").sources == ("Observation/count",)


def test_one_identifier_notion_and_time_is_one_record() -> None:
    """A result that two systems sent under two ids: the later copy counts."""
    low = count("20 10*9/L", id_="a", identifier=numbered("7"), meta={"lastUpdated": "2026-11-12T08:00:00Z"})
    high = count("250 10*9/L", id_="b", identifier=numbered("7"), meta={"lastUpdated": "2026-11-11T08:00:00Z"})

    for chart in (seen(low, high), seen(high, low)):
        assert verdict(chart).truth("E11") == "true"
        assert verdict(chart).leaf("E11", "platelets").sources == ("Observation/a",)


def test_one_identifier_of_two_times_is_two_records() -> None:
    """A sample number may be used again: the newest effective time decides, not the later update."""
    low = count(
        "20 10*9/L", id_="a", identifier=numbered("7"), meta={"lastUpdated": "2026-11-12T08:00:00Z"}, when="2026-11-01"
    )
    high = count("250 10*9/L", id_="b", identifier=numbered("7"), meta={"lastUpdated": "2026-11-11T08:00:00Z"})

    assert verdict(seen(low, high)).truth("E11") == "false"


def test_one_identifier_of_two_notions_is_two_records() -> None:
    """A whole blood count may carry one number: no result hides another."""
    low = count("20 10*9/L", id_="a", identifier=numbered("7"))
    other = observation(
        "718-7", "7 g/dL", NOON, id="b", identifier=numbered("7"), meta={"lastUpdated": "2026-11-12T08:00:00Z"}
    )
    given = verdict(SampleChart(seen(low).drop("hemoglobin").parts | {"other": other}))

    assert {leaf.notion: leaf.truth.value for leaf in given.leaves("E11")} == {
        "neutrophils": "false", "platelets": "true", "hemoglobin": "true", "lymphocytes": "false",
    }  # fmt: skip


def test_a_copy_that_was_taken_back_later_takes_the_record_away() -> None:
    """Entered in error, in the later copy: the record does not exist."""
    stands = count("20 10*9/L", meta={"versionId": "1"})
    taken_back = count("20 10*9/L", meta={"versionId": "2"}, status="entered-in-error")

    assert verdict(seen(stands, taken_back)).reasons("E11") == ["no-record"]
    assert verdict(seen(taken_back, stands)).reasons("E11") == ["no-record"]


def test_conditions_have_copies_too() -> None:
    """A diagnosis refuted in its later version is none."""
    first = condition("B24", "2020-01-01", id="hiv", meta={"versionId": "1"})
    second = condition("B24", "2020-01-01", id="hiv", meta={"versionId": "2"}, verification="refuted")

    assert verdict(_with({"first": first, "second": second})).reasons("E8") == ["no-record"]
    assert verdict(_with({"second": second, "first": first})).reasons("E8") == ["no-record"]


def test_copies_of_a_diagnosis_that_cannot_be_ordered_disagree() -> None:
    """Nobody can tell whether the infection was refuted."""
    stands = condition("B24", "2020-01-01", id="hiv")
    refuted = condition("B24", "2020-01-01", id="hiv", verification="refuted")

    for first, second in ((stands, refuted), (refuted, stands)):
        given = verdict(_with({"first": first, "second": second}))
        assert (given.truth("E8"), given.reasons("E8")) == ("unknown", ["records-disagree"])


def test_copies_of_the_only_sclerosis_that_cannot_be_ordered_give_no_onset() -> None:
    """The duration is that of one onset or of the other."""
    early, late = (condition("M34.0", onset, id="ssc") for onset in ("2020-01-01", "2025-06-01"))
    active = complete_chart().drop("ssc").value("mrss", "20 {score}").value("crp", "12 mg/L")

    for first, second in ((early, late), (late, early)):
        given = verdict(SampleChart(active.parts | {"first": first, "second": second}))
        assert (given.truth("I5.a"), given.reasons("I5.a")) == ("unknown", ["records-disagree"])


def test_the_version_read_is_named_as_the_source() -> None:
    """With a versionId a source names the version, else the record."""
    given = verdict(seen(count("250 10*9/L", meta={"versionId": "4"})))

    assert given.leaf("E11", "platelets").sources == ("Observation/count/_history/4",)
    assert given.leaf("E11", "hemoglobin").sources == ("Observation/hemoglobin",)
