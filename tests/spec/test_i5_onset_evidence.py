"""I5.a, what the leaf about the duration shows: the earliest date it may be counted from, and every record of it."""

import pytest

from tests.builders import Resource, condition, diagnosed_chart, observation, verdict

Shown = tuple[str, str | None, str, str | None, str, str]

UNKNOWN_MODIFIER = [{"url": "https://forms.example/not", "valueBoolean": True}]


def symptom(date: str | None, when: str | None = "2026-01-10", *, id_: str = "d", **elements: object) -> Resource:
    """Return a record of the first symptom that is not Raynaud's, written down on a day."""
    return observation("first-non-raynaud-symptom-date", None, when, id=id_, valueDateTime=date, **elements)


def sclerosis(onset: str | None = None, *, id_: str = "a", **elements: object) -> Resource:
    """Return a diagnosis of systemic sclerosis."""
    return condition("M34.0", onset, id=id_, **elements)


CASES: dict[str, tuple[list[Resource], Shown]] = {
    # the first symptom
    "a first symptom": ([symptom("2025-06")], ("true", None, "2025-06", "2025-06", "Observation/d", "")),
    "records of one day that agree": (
        [symptom("2025-06-01"), symptom("2025-03-01", id_="e")],
        ("true", None, "2025-03-01", "2025-03-01", "Observation/d Observation/e", ""),
    ),
    "records of one day, one with an hour": (
        [symptom("2025-06-01T08:00:00Z"), symptom("2025-06-01", id_="e")],
        ("true", None, "2025-06-01", "2025-06-01", "Observation/d Observation/e", ""),
    ),
    "records of one day that differ": (
        [symptom("2025-06-01"), symptom("2023-03-01", id_="e")],
        ("unknown", "records-disagree", "2023-03-01", "2023-03-01", "Observation/d Observation/e", ""),
    ),
    "a record of a day and one of its month that differ": (
        [symptom("2025-06", "2026-01"), symptom("2023-03", "2026-01-15", id_="e")],
        ("unknown", "records-disagree", "2023-03", "2023-03", "Observation/d Observation/e", ""),
    ),
    "a corrected record of the same day": (
        [symptom("2025-06-01"), symptom("2023-03-01", id_="e", status="corrected")],
        ("false", None, "2023-03-01", "2023-03-01", "Observation/e", ""),
    ),
    "copies that differ": (
        [symptom("2025-06-01"), symptom("2025-03-01")],
        ("unknown", "records-disagree", "2025-03-01", "2025-03-01", "Observation/d", ""),
    ),
    "a record without a date": (
        [symptom("2025-06-01", None)],
        ("unknown", "date-not-decisive", "2025-06-01", "2025-06-01", "Observation/d", ""),
    ),
    "records without a date": (
        [symptom("2025-06-01", None), symptom("2023-06-01", None, id_="e")],
        ("unknown", "date-not-decisive", "2023-06-01", "2023-06-01", "Observation/d Observation/e", ""),
    ),
    "a record without a date, beside an onset": (
        [symptom("2025-06-01", None), sclerosis("2019")], ("false", None, "2019", "2019", "Condition/a", ""),
    ),
    "a symptom to come": ([symptom("2027-06-01")], ("unknown", "no-usable-value", "", None, "Observation/d", "")),
    "a symptom to come, beside an onset": (
        [symptom("2027-06-01"), sclerosis("2019")], ("false", None, "2019", "2019", "Condition/a", ""),
    ),
    "a symptom in words": (
        [symptom(None, valueString="in spring")], ("unknown", "no-usable-value", "", None, "Observation/d", ""),
    ),
    "a symptom that cannot be read": (
        [symptom("soon")], ("unknown", "no-usable-value", "", None, "Observation/d", "record-unreadable"),
    ),
    # the onset of the diagnosis
    "two onsets": (
        [sclerosis("2020-01-01"), sclerosis("2018", id_="b")],
        ("false", None, "2018", "2018", "Condition/a Condition/b", ""),
    ),
    "two onsets of one day, one with an hour": (
        [sclerosis("2018-05-01T08:00:00Z"), sclerosis("2018-05-01", id_="b")],
        ("false", None, "2018-05-01", "2018-05-01", "Condition/a Condition/b", ""),
    ),
    "an onset and an earlier day of recording": (
        [sclerosis("2025-01-01"), sclerosis(recordedDate="2018-01-01", id_="b")],
        ("false", None, "on or before 2018-01-01", "2018-01-01", "Condition/a Condition/b", ""),
    ),
    "an onset and a later day of recording": (
        [sclerosis("2025-01-01"), sclerosis(recordedDate="2026-01-01", id_="b")],
        ("unknown", "date-not-decisive", "on or before 2025-01-01", "2025-01-01", "Condition/a Condition/b", ""),
    ),
    "days of recording": (
        [sclerosis(recordedDate="2026-01-01"), sclerosis(recordedDate="2025-01-01", id_="b")],
        ("unknown", "date-not-decisive", "on or before 2025-01-01", "2025-01-01", "Condition/a Condition/b", ""),
    ),
    "no date at all": ([sclerosis()], ("unknown", "date-not-decisive", "", None, "Condition/a", "")),
    "a month that straddles": (
        [sclerosis("2024-11")], ("unknown", "date-not-decisive", "2024-11", "2024-11", "Condition/a", ""),
    ),
    "a diagnosis to be confirmed": (
        [sclerosis("2025-06-01", verification="provisional")],
        ("unknown", "not-confirmed", "", None, "Condition/a", ""),
    ),
    "copies of a diagnosis that differ, beside one to be confirmed": (
        [sclerosis("2020-01-01"), sclerosis("2021-01-01"), sclerosis("2025", id_="b", verification="provisional")],
        ("unknown", "records-disagree", "", None, "Condition/a Condition/b", ""),
    ),
    "a diagnosis that cannot be read": (
        [sclerosis("2025-06-01", modifierExtension=UNKNOWN_MODIFIER)],
        ("unknown", "no-usable-value", "", None, "Condition/a", "record-unreadable"),
    ),
    # nothing
    "a diagnosis under review": (
        [condition("M34.2", "2025-06-01")], ("unknown", "no-record", "", None, "", ""),
    ),
    "nothing": ([], ("unknown", "no-record", "", None, "", "")),
    "an Observation that cannot be read": (
        [observation("718-7", "12 g/dL") | {"code": "718-7"}],
        ("unknown", "no-usable-value", "", None, "", "record-unreadable"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "wanted"), CASES.values(), ids=CASES)
def test_what_the_duration_is_counted_from(records: list[Resource], wanted: Shown) -> None:
    """The date as written, as the value and as its day; the records that give it; the reason where it is open."""
    leaf = verdict(diagnosed_chart().drop("ssc").add(*records)).leaves("I5.a")[0]
    text = leaf.value.text if leaf.value else ""

    assert (
        leaf.truth.value, leaf.reason, text, leaf.effective, " ".join(leaf.sources), " ".join(leaf.notes),
    ) == wanted  # fmt: skip
    assert not leaf.value or leaf.value[1:] == ("", leaf.effective)
