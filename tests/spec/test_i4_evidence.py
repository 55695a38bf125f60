"""I4, what the leaf shows: the total or the score so far, the records of either, and why it is open."""

import pytest

from tests.builders import Resource, condition, empty_chart, observation, resource, verdict

Shown = tuple[str, str | None, str, str | None, str, str]

TOTAL, SCORE, SKIN = "acr_eular_2013_total", "systemic_sclerosis", "mrss"
UNKNOWN_MODIFIER = [{"url": "https://forms.example/not", "valueBoolean": True}]


def total(value: str | None, when: str | None = "2026-02-01", *, id_: str = "t", **elements: object) -> Resource:
    """Return an explicit total; without a value it is text."""
    words = {} if value else {"valueString": "x"}
    return observation("acr-eular-2013-total", value and f"{value} {{score}}", when, id=id_, **(words | elements))


def skin(value: str | None, when: str | None = "2015-01-01") -> Resource:
    """Return a skin score; without a value it is text."""
    words = {} if value else {"valueString": "x"}
    return observation("mrss-total", value and f"{value} {{score}}", when, id="m", **words)


def item(code: str) -> Resource:
    """Return an item of the score that is present; its id is its code."""
    return observation(code, value=True, when="2021-03-01", id=code)


def sclerosis(
    onset: str | None = "2019-03-01", *, id_: str = "ssc", code: str = "M34.0", **elements: object
) -> Resource:
    """Return a diagnosis of systemic sclerosis."""
    return condition(code, onset, id=id_, **elements)


NINE = [item("raynaud"), item("sclerodactyly"), item("telangiectasia")]
NINE_SHOWN = "Observation/raynaud Observation/sclerodactyly Observation/telangiectasia"
PENDING = {"id_": "waiting", "verification": "provisional"}
CASES: dict[str, tuple[list[Resource], str, Shown]] = {
    # a total
    "a total of 9": ([total("9")], TOTAL, ("true", None, "9", "2026-02-01", "Observation/t", "")),
    "a total of 8 and some items": (
        [total("8"), item("sclerodactyly")], TOTAL,
        ("false", None, "8", "2026-02-01", "Observation/sclerodactyly Observation/t", ""),
    ),
    "a total of 8 and nine points": ([total("8"), *NINE], SCORE, ("true", None, "9", None, NINE_SHOWN, "derived")),
    "an old total of 8 and a diagnosis": (
        [total("8", "2024-01-01"), sclerosis()], SCORE,
        ("unknown", "needs-judgement", "0", "2019-03-01", "Condition/ssc", ""),
    ),
    "totals of one day, both over": (
        [total("9"), total("10", id_="u")], TOTAL, ("true", None, "9", "2026-02-01", "Observation/t Observation/u", ""),
    ),
    "totals of one day, both under": (
        [total("7"), total("8", id_="u")], TOTAL, ("false", None, "7", "2026-02-01", "Observation/t Observation/u", ""),
    ),
    "totals of one day, one over": (
        [total("9"), total("8", id_="u")], TOTAL,
        ("unknown", "records-disagree", "9", "2026-02-01", "Observation/t Observation/u", ""),
    ),
    "totals of one day, one over, and nine points": (
        [total("9"), total("8", id_="u"), *NINE], SCORE, ("true", None, "9", None, NINE_SHOWN, "derived"),
    ),
    "copies of a total that differ": (
        [total("10"), total("9")], TOTAL, ("unknown", "records-disagree", "10", "2026-02-01", "Observation/t", ""),
    ),
    "a total over, and a newer one in words": (
        [total("9"), total(None, "2026-03-01", id_="u")], TOTAL,
        ("true", None, "9", "2026-02-01", "Observation/t", "newer-unusable"),
    ),
    "a total under, and a newer one in words": (
        [total("8"), total(None, "2026-03-01", id_="u")], TOTAL,
        ("false", None, "8", "2026-02-01", "Observation/t", "newer-unusable"),
    ),
    "a total that may be over": (
        [total("> 7")], TOTAL, ("unknown", "value-not-decisive", ">7", "2026-02-01", "Observation/t", ""),
    ),
    "totals that may be over, and a newer one in words": (
        [total("> 7"), total("> 6", id_="u"), total(None, "2026-03-01", id_="v")], TOTAL,
        ("unknown", "value-not-decisive", ">7", "2026-02-01", "Observation/t Observation/u", "newer-unusable"),
    ),
    "a total that may be over, and a diagnosis": (
        [total("> 7"), sclerosis()], SCORE, ("unknown", "needs-judgement", "0", "2019-03-01", "Condition/ssc", ""),
    ),
    "a total without a date": (
        [total("10", None)], TOTAL, ("unknown", "date-not-decisive", "10", None, "Observation/t", ""),
    ),
    "a total in words": (
        [total(None)], TOTAL, ("unknown", "no-usable-value", "", "2026-02-01", "Observation/t", ""),
    ),
    # a score
    "nine points and a diagnosis": ([*NINE, sclerosis()], SCORE, ("true", None, "9", None, NINE_SHOWN, "derived")),
    "seven points": (
        NINE[:2], SCORE,
        ("unknown", "needs-judgement", "7", None, "Observation/raynaud Observation/sclerodactyly", "ssc-not-coded"),
    ),
    "six points": (
        NINE[1:], SCORE,
        ("unknown", "needs-judgement", "6", None, "Observation/sclerodactyly Observation/telangiectasia",
         "ssc-not-coded"),
    ),
    "five points": (
        [NINE[0], NINE[2]], SCORE, ("false", None, "", None, "Observation/raynaud Observation/telangiectasia", ""),
    ),
    "two antibodies, of which one counts": (
        [observation("17570-3", flag="POS", id="scl70"), observation("16137-2", flag="POS", id="centromere")], SCORE,
        ("false", None, "", None, "Observation/centromere Observation/scl70", ""),
    ),
    "a skin score above 0": (
        [skin("1")], SCORE, ("unknown", "needs-judgement", "0", None, "Observation/m", "ssc-not-coded"),
    ),
    "a skin score above 0, without a date": (
        [skin("1", None)], SCORE, ("unknown", "needs-judgement", "0", None, "Observation/m", "ssc-not-coded"),
    ),
    "a skin score of 0": ([skin("0")], SCORE, ("false", None, "", None, "", "")),
    "a skin score in words": (
        [skin(None, "2026-01-01")], SKIN, ("unknown", "no-usable-value", "", "2026-01-01", "Observation/m", ""),
    ),
    # a diagnosis
    "two diagnoses, one under review": (
        [sclerosis(), sclerosis("2017-03-01", id_="b"), sclerosis("2018", id_="r", code="M34.2")], SCORE,
        ("unknown", "needs-judgement", "0", "2017-03-01", "Condition/b Condition/r Condition/ssc", ""),
    ),
    "a diagnosis under review": (
        [sclerosis("2018", code="M34.2")], SCORE, ("unknown", "needs-judgement", "0", "2018", "Condition/ssc", ""),
    ),
    "a diagnosis without an onset": (
        [sclerosis(None)], SCORE, ("unknown", "needs-judgement", "0", None, "Condition/ssc", ""),
    ),
    "a diagnosis to be confirmed, beside one under review": (
        [sclerosis(**PENDING), sclerosis("2018", id_="r", code="M34.2")], SCORE,
        ("unknown", "not-confirmed", "0", "2018", "Condition/r Condition/waiting", ""),
    ),
    "copies that differ, beside one to be confirmed": (
        [sclerosis(), sclerosis("2020-03-01"), sclerosis("2021", **PENDING)], SCORE,
        ("unknown", "records-disagree", "0", "2019-03-01", "Condition/ssc Condition/waiting", ""),
    ),
    "a diagnosis that cannot be read, beside one to be confirmed": (
        [sclerosis(modifierExtension=UNKNOWN_MODIFIER), sclerosis("2021", **PENDING)], SCORE,
        ("unknown", "no-usable-value", "0", "2019-03-01", "Condition/ssc Condition/waiting", "record-unreadable"),
    ),
    # nothing
    "nothing": ([], SCORE, ("false", None, "", None, "", "")),
    "a total that is preliminary": ([total("12", status="preliminary")], SCORE, ("false", None, "", None, "", "")),
    "a report that cannot be read, which may show an item": (
        [resource("DiagnosticReport", status="final", code="24627-2")], SCORE,
        ("unknown", "no-usable-value", "", None, "", "record-unreadable"),
    ),
    "a Condition that cannot be read": (
        [resource("Condition", code="M34.0")], SCORE,
        ("unknown", "no-usable-value", "", None, "", "record-unreadable"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "notion", "wanted"), CASES.values(), ids=CASES)
def test_what_the_classification_shows(records: list[Resource], notion: str, wanted: Shown) -> None:
    """Its value as used, its day, all records that lead to it, under the notion that answered."""
    (leaf,) = verdict(empty_chart().add(*records)).leaves("I4")
    text = leaf.value.text if leaf.value else ""

    assert leaf.notion == notion
    assert (
        leaf.truth.value, leaf.reason, text, leaf.effective, " ".join(leaf.sources), " ".join(leaf.notes),
    ) == wanted  # fmt: skip


def test_the_score_so_far_is_said_to_be_one() -> None:
    """In the unit of a score; no record holds it, so that it is named."""
    (leaf,) = verdict(empty_chart().add(item("sclerodactyly"), sclerosis())).leaves("I4")

    assert leaf.value == ("4", "{score}", "score 4")
