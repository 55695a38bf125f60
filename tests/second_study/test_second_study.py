"""A second study is a folder: another disease, other laboratory values, other windows, and no Python of its own."""

from datetime import date
from pathlib import Path

import pytest

from service.eligibility.screen import screen
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.study.checks import check_study
from service.study.load import load_study, load_vocabulary, study_ids
from tests.builders import Resource, bundle, condition, observation, panel, patient, prescription, resource
from tests.verdicts import Verdict, as_json

MAPPINGS = Path(__file__).parent / "mappings"
AS_OF = date(2026, 11, 23)
STUDY = load_study(MAPPINGS)
READER = Reader(STUDY.lexicon, load_vocabulary(MAPPINGS))

GOUT = condition("M10.9", "2020-05-01")
URATE = observation("14933-6", "450 umol/L", "2026-11-01")  # 7.57 mg/dL
JOINTS = observation("85553-6", "3", "2026-11-10")
ALLOPURINOL = prescription("M04AA01", "2026-10-01")
ALT = observation("1742-6", "20 U/L", "2026-11-01", high="40 U/L")
CREATININE = observation("2160-0", "0.9 mg/dL", "2026-11-01")
PRESSURE = panel("85354-9", {"8480-6": "130 mmHg", "8462-4": "80 mmHg"}, "2026-11-10")
GOOD = (GOUT, URATE, JOINTS, ALLOPURINOL, ALT, CREATININE, PRESSURE)


def screened(*records: Resource, birth: str = "1960-06-01") -> Verdict:
    """Screen a man with these records for the made-up study."""
    person = patient(gender="male", birth=birth)
    return Verdict(screen(STUDY, READER.read_bundle(decode(as_json(bundle(person, *records)))), (), AS_OF))


def without(record: Resource, *instead: Resource) -> Verdict:
    """Screen the good chart without one record, with others in its place."""
    return screened(*(one for one in GOOD if one is not record), *instead)


def test_the_folder_hangs_together() -> None:
    """The made-up study passes every check on definitions, and is the only one of its folder."""
    assert study_ids(MAPPINGS) == ["GOUT-2099"]
    assert check_study(STUDY, MAPPINGS) == []


def test_a_candidate() -> None:
    """With every value at hand only people's words are open, so that the patient is a candidate."""
    verdict = screened(*GOOD)

    assert verdict.status == "candidate"
    assert [(result.criterion.id, result.outcome.value) for result in verdict.screening.criteria] == [
        ("I1", "pass"), ("I2", "pass"), ("I3", "pass"), ("I4", "open"),
        ("E1", "pass"), ("E2", "pass"), ("E3", "open"), ("E4", "open"), ("E5", "pass"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("replaced", "instead", "criterion", "truth"),
    [
        (URATE, observation("3084-1", "6.0 mg/dL", "2026-08-25"), "I3", "true"),  # on the bound, 90 days old
        (URATE, observation("3084-1", "6.0 mg/dL", "2026-08-24"), "I3", "unknown"),  # a day too old for this study
        (URATE, observation("14933-6", "356 umol/L", "2026-11-01"), "I3", "false"),  # 5.99 mg/dL
        (JOINTS, observation("85553-6", "1", "2026-11-10"), "I3", "unknown"),  # a tophus may still be found
        (JOINTS, condition("40205003"), "I3", "true"),
        (ALT, observation("1742-6", "81 U/L", "2026-11-01", high="40 U/L"), "E1", "true"),
        (ALT, observation("1742-6", "80 U/L", "2026-11-01", high="40 U/L"), "E1", "false"),
        (CREATININE, observation("2160-0", "2.5 mg/dL", "2026-11-01"), "E1", "true"),  # GFR derived: 28
        (PRESSURE, panel("85354-9", {"8480-6": "149 mmHg", "8462-4": "94 mmHg"}, "2026-11-10"), "E2", "false"),
        (PRESSURE, panel("85354-9", {"8480-6": "150 mmHg", "8462-4": "94 mmHg"}, "2026-11-10"), "E2", "unknown"),
    ],
)
def test_its_own_thresholds_units_and_windows(
    replaced: Resource, instead: Resource, criterion: str, truth: str
) -> None:
    """Each bound of the made-up study decides as its criteria.yaml says, and as no other study's."""
    assert without(replaced, instead).truth(criterion) == truth


@pytest.mark.parametrize(("onset", "truth"), [("2023-11-24", "true"), ("2023-11-23", "unknown"), ("2019", "unknown")])
def test_a_stroke_counts_for_three_years(onset: str, truth: str) -> None:
    """A stroke excludes for less than three years; an older one does not rule out another."""
    assert screened(*GOOD, condition("I63.9", onset)).truth("E3") == truth


def test_absence_decides_where_the_definitions_say_so() -> None:
    """Without gout on record the patient is ineligible, because the folder says that absence decides there."""
    verdict = without(GOUT)

    assert verdict.truth("I2") == "false"
    assert verdict.status == "ineligible"


def test_a_listed_descendant_counts() -> None:
    """A narrower SNOMED CT code that the folder's own table lists is the diagnosis."""
    assert without(GOUT, condition("190829000", "2020-05-01")).truth("I2") == "true"


def test_consent_names_the_study_by_its_own_identifier() -> None:
    """A research consent that names the made-up study satisfies its consent criterion."""
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
    consent = resource(
        "Consent",
        status="active",
        scope=scope,
        dateTime="2026-11-20",
        patient={"reference": "Patient/p"},
        sourceReference={"identifier": {"value": "GOUT-2099"}},
        provision={"type": "permit"},
    )

    assert screened(*GOOD, consent).truth("I4") == "true"


def test_too_old_is_for_good() -> None:
    """One leaf holds both ages: a birthday ahead brings the young in, no birthday behind brings the old back."""
    young, old = screened(*GOOD, birth="2009-06-01"), screened(*GOOD, birth="1930-06-01")

    assert (young.recoverable, young.rescreen_after) == (True, "2027-06-01")
    assert (old.recoverable, old.rescreen_after) == (False, None)


@pytest.mark.parametrize(
    ("urate", "truth", "sentence", "again"),
    [
        ("11.9 mg/dL", "false", "Passes: serum urate 11.9 mg/dL on 2026-11-10.", None),
        ("12 mg/dL", "true", "Fails: serum urate 12 mg/dL on 2026-11-10.", "2026-11-24"),
        (None, "unknown", "Open, data missing: no serum urate on record.", None),
    ],
)
def test_a_sentence_may_deny(urate: str | None, truth: str, sentence: str, again: str | None) -> None:
    """What `not` holds decides the other way round, with the same record as the cause and the same chance to change."""
    verdict = without(URATE, *([observation("3084-1", urate, "2026-11-10")] if urate else []))

    assert verdict.truth("E5") == truth
    assert verdict.explanation("E5") == sentence
    assert verdict.rescreen_after == again
