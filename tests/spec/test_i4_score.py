"""I4, the ACR/EULAR 2013 score: the weight of each item, the highest of a pair, and what shows an item."""

from collections.abc import Iterable

import pytest

from tests.builders import (
    Resource,
    concept,
    condition,
    diagnosed_chart,
    empty_chart,
    observation,
    resource,
    verdict,
)
from tests.expectations import differences

YES = "http://terminology.hl7.org/CodeSystem/v2-0136|Y"
NO = "http://terminology.hl7.org/CodeSystem/v2-0136|N"
POS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation|POS"
NEG = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation|NEG"
CM = "http://hl7.org/fhir/sid/icd-10-cm"


def item(code: str, *, value: bool = True, when: str = "2021-03-01") -> Resource:
    """Return an item of the score, present or absent."""
    return observation(code, value, when)


def mean_pressure(value: str, when: str = "2014-02-01") -> Resource:
    """Return a mean pulmonary pressure by catheter of long ago."""
    return observation("8414-5", value, when)


SCL70 = observation("17570-3", None, "2012-05-01", coded="10828004")
CENTROMERE = observation("16137-2", None, "2012-05-01", coded="10828004")
POL3 = observation("89513-6", None, "2012-05-01", coded="10828004")
RAYNAUD, ILD = condition("I73.0"), condition("J84.1")

SCORES = {
    "nothing": ([], 0),
    "puffy fingers": ([item("puffy-fingers")], 2),
    "sclerodactyly": ([item("sclerodactyly")], 4),
    "puffy fingers and sclerodactyly": ([item("puffy-fingers"), item("sclerodactyly")], 4),
    "fingertip ulcer": ([item("digital-tip-ulcer")], 2),
    "pitting scars": ([item("digital-pitting-scar")], 3),
    "ulcer and scars": ([item("digital-tip-ulcer"), item("digital-pitting-scar")], 3),
    "telangiectasia": ([item("telangiectasia")], 2),
    "nailfold": ([item("nailfold-abnormal")], 2),
    "raynaud": ([item("raynaud")], 3),
    "ILD": ([ILD], 2),
    "past ILD": ([condition("J84.1", clinical="resolved")], 2),
    "unconfirmed ILD": ([condition("J84.1", verification="unconfirmed")], 0),
    "ILD by a review code": ([condition("J84.0")], 0),
    "J99.1 beside the disease": ([condition("J99.1")], 2),
    "mean pressure of 25": ([mean_pressure("25 mm[Hg]")], 2),
    "mean pressure of 24.9": ([mean_pressure("24.9 mm[Hg]")], 0),
    "mean pressure of 25 once": ([mean_pressure("25 mm[Hg]"), mean_pressure("18 mm[Hg]", "2026-05-01")], 2),
    "mean pressure of 3.5 kPa": ([mean_pressure("3.5 kPa")], 2),
    "mean pressure in error": ([mean_pressure("30 mm[Hg]") | {"status": "entered-in-error"}], 0),
    "ILD and mean pressure": ([ILD, mean_pressure("40 mm[Hg]")], 2),
    "a code of pulmonary hypertension": ([condition("I27.2")], 0),
    "a systolic pressure by echo": ([observation("82341-9", "60 mm[Hg]", "2026-05-01")], 0),
    "anti-Scl-70": ([SCL70], 3),
    "anti-centromere": ([CENTROMERE], 3),
    "anti-RNA polymerase III": ([POL3], 3),
    "all antibodies": ([SCL70, CENTROMERE, POL3], 3),
    "PM-Scl is another antibody": ([observation("31562-2", None, coded="10828004")], 0),
    "all items but the skin": (
        [item("sclerodactyly"), item("digital-pitting-scar"), item("telangiectasia"), item("nailfold-abnormal"), ILD,
         RAYNAUD, SCL70], 19,
    ),
    # what shows an item
    "boolean false": ([item("sclerodactyly", value=False)], 0),
    "yes in SNOMED CT": ([observation("sclerodactyly", None, coded="373066001")], 4),
    "present in SNOMED CT": ([observation("sclerodactyly", None, coded="52101004")], 4),
    "positive in SNOMED CT": ([observation("sclerodactyly", None, coded="10828004")], 4),
    "yes in HL7 v2": ([observation("sclerodactyly", None, coded=YES)], 4),
    "positive in HL7 v3": ([observation("sclerodactyly", None, coded=POS)], 4),
    "no in SNOMED CT": ([observation("sclerodactyly", None, coded="373067005")], 0),
    "absent in SNOMED CT": ([observation("sclerodactyly", None, coded="2667000")], 0),
    "negative in SNOMED CT": ([observation("sclerodactyly", None, coded="260385009")], 0),
    "no in HL7 v2": ([observation("sclerodactyly", None, coded=NO)], 0),
    "negative in HL7 v3": ([observation("sclerodactyly", None, coded=NEG)], 0),
    "text": ([observation("sclerodactyly", valueString="present")], 0),
    "no value": ([observation("sclerodactyly")], 0),
    "preliminary": ([item("sclerodactyly") | {"status": "preliminary"}], 0),
    "entered in error": ([item("sclerodactyly") | {"status": "entered-in-error"}], 0),
    "without a date": ([observation("sclerodactyly", value=True, when=None)], 0),
    "after the screening": ([item("sclerodactyly", when="2026-11-24")], 0),
    "absent later": ([item("sclerodactyly"), item("sclerodactyly", value=False, when="2026-05-01")], 4),
    "absent before": ([item("sclerodactyly", value=False), item("sclerodactyly", when="2026-05-01")], 4),
    "diagnosis": ([condition("L94.3")], 4),
    "past diagnosis": ([condition("L94.3", clinical="resolved")], 4),
    "unconfirmed diagnosis": ([condition("L94.3", verification="unconfirmed")], 0),
    "refuted diagnosis": ([condition("L94.3", verification="refuted")], 0),
    "CREST has sclerodactyly in its name": ([condition("M34.1")], 4),
    "Raynaud's phenomenon in SNOMED CT": ([condition("266261006")], 3),
    "swelling of a finger is only a hint": ([condition("299060006")], 0),
    "telangiectasia of any kind is only a hint": ([condition("247479008")], 0),
    "ischaemic ulcer of any site is only a hint": ([condition("13954005")], 0),
    # what makes an antibody positive
    "negative answer": ([observation("17570-3", None, coded="260385009")], 0),
    "interpretation POS": ([observation("17570-3", flag="POS")], 3),
    "interpretation NEG": ([observation("17570-3", flag="NEG")], 0),
    "interpretation H": ([observation("27416-7", "40 U/mL", flag="H")], 3),
    "interpretation HH": ([observation("27416-7", "400 U/mL", flag="HH")], 3),
    "interpretation N": ([observation("27416-7", "40 U/mL", flag="N")], 0),
    "interpretation RR": ([observation("17570-3", flag="RR")], 3),
    "interpretation WR": ([observation("17570-3", flag="WR")], 3),
    "interpretation NR": ([observation("17570-3", flag="NR")], 0),
    "interpretation DET": ([observation("17570-3", flag="DET")], 3),
    "interpretation ND": ([observation("17570-3", flag="ND")], 0),
    "interpretation R means resistant": ([observation("17570-3", flag="R")], 0),
    "above its range": ([observation("27416-7", "20.1 U/mL", high="20 U/mL")], 3),
    "at the end of its range": ([observation("27416-7", "20 U/mL", high="20 U/mL")], 0),
    "a number without a range": ([observation("27416-7", "400 U/mL")], 0),
    "the answer goes before the interpretation": ([observation("17570-3", None, coded="260385009", flag="POS")], 0),
    "the interpretation goes before the number": ([observation("27416-7", "40 U/mL", high="20 U/mL", flag="NEG")], 0),
    "an antibody once positive": (
        [observation("17570-3", None, "2012-05-01", coded="10828004"),
         observation("17570-3", None, "2026-05-01", coded="260385009")], 3,
    ),
    "an antibody corrected to negative": (
        [observation("27416-7", None, "2015-01-01", flag="POS"),
         observation("27416-7", None, "2015-01-01", flag="NEG", status="corrected")], 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("items", "points"), SCORES.values(), ids=SCORES)
def test_the_score_is_the_sum_of_what_is_on_record(items: Iterable[Resource], points: int) -> None:
    """A diagnosis whose total is missing shows the score so far."""
    leaf = verdict(diagnosed_chart().add(*items)).leaves("I4")[0]

    assert leaf.value is not None
    assert leaf.value.text == str(points)


NINE = {
    "skin thickening proximal to the MCP joints alone": [item("skin-thickening-proximal-mcp")],
    "4 + 3 + 2": [item("sclerodactyly"), RAYNAUD, item("telangiectasia")],
    "3 + 3 + 3": [item("digital-pitting-scar"), item("raynaud"), SCL70],
    "2 + 2 + 2 + 3": [item("puffy-fingers"), item("digital-tip-ulcer"), ILD, CENTROMERE],
    "2 + 4 + 3": [mean_pressure("25 mm[Hg]"), item("sclerodactyly"), POL3],
    "2 + 4 + 3 by diagnoses of ICD-10-CM": [
        condition(f"{CM}|J84.10"), condition(f"{CM}|L94.3"), condition(f"{CM}|I73.00"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("items", NINE.values(), ids=NINE)
def test_nine_points_classify_without_diagnosis_or_total(items: list[Resource]) -> None:
    """The sum of the items decides on its own, whatever their dates."""
    assert differences(verdict(empty_chart().add(*items)), {"I4": "true"}) == []


def test_eight_points_leave_a_diagnosis_to_judge() -> None:
    """One point less, and a person decides."""
    eight = [item("puffy-fingers"), RAYNAUD, SCL70]

    assert differences(verdict(diagnosed_chart().add(*eight)), {"I4": "to-confirm needs-judgement"}) == []


def test_a_record_whose_code_cannot_be_read_leaves_the_absence_open() -> None:
    """It may be a total or an item."""
    got = verdict(empty_chart().add(observation("777-3", "12 1") | {"code": "acr-eular-2013-total"}))

    assert (got.truth("I4"), got.notes("I4")) == ("unknown", {"record-unreadable"})


def test_the_conclusion_of_a_report_is_no_diagnosis() -> None:
    """A coded conclusion shows an interstitial lung disease, not the systemic sclerosis."""
    report = resource(
        "DiagnosticReport",
        status="final",
        code=concept("24627-2"),
        conclusionCode=[concept("89155008")],
        effectiveDateTime="2026-02-01",
    )

    assert verdict(empty_chart().add(report)).truth("I4") == "false"
