"""E2: a pregnancy finding comes first, then what makes it impossible, then a negative test; willingness is judged."""

import pytest

from service.eligibility.findings import Leaf
from tests.builders import Resource, complete_chart, condition, observation, procedure, verdict
from tests.verdicts import Verdict

DAYS_30, DAYS_31, DAYS_300, DAYS_301 = "2026-10-24", "2026-10-23", "2026-01-27", "2026-01-26"
YES, NO = "10828004", "260385009"
HCG, HCG_COUNT, STATUS = "2118-8", "21198-7", "82810-3"
PREGNANT, NOT_PREGNANT = "LA15173-0", "LA26683-5"
HYSTERECTOMY = procedure("236886002", "2015-04-01")
POSITIVE_TEST = observation(HCG, coded=YES, when="2026-11-10")
NEGATIVE_TEST = observation(HCG, coded=NO, when="2026-11-10")


def asked(*records: Resource, gender: str = "female") -> Verdict:
    """Screen the sample chart with these records."""
    return verdict(complete_chart(gender=gender).add(*records))


def pregnancy(got: Verdict) -> Leaf:
    """Return the leaf about pregnancy; the other is about willingness."""
    return got.leaves("E2")[0]


PREGNANT_RECORDS = {
    "supervision of a normal pregnancy": condition("Z34.9", "2026-06-01"),
    "onset 300 days ago": condition("Z34.9", DAYS_300),
    "without an onset, recorded 300 days ago": condition("Z34.9", recordedDate=DAYS_300),
    "pregnant, in SNOMED CT": condition("77386006", "2026-06-01"),
    "no clinicalStatus, no abatement": condition("Z33", "2026-06-01", clinical=None),
    "no verificationStatus": condition("Z33", "2026-06-01", verification=None),
    "status 30 days old": observation(STATUS, coded=f"http://loinc.org|{PREGNANT}", when=DAYS_30),
    "status with SNOMED CT's answer": observation(STATUS, coded="77386006", when="2026-11-10"),
    "status answered yes": observation(STATUS, coded="373066001", when="2026-11-10"),
    "status as a boolean": observation("11449-6", value=True, when="2026-11-10"),
    "hCG present": POSITIVE_TEST,
    "hCG present 30 days ago": observation(HCG, coded=YES, when=DAYS_30),
    "hCG flagged positive": observation(HCG, flag="POS", when="2026-11-10"),
    "hCG flagged high": observation(HCG_COUNT, "812 [IU]/L", "2026-11-10", flag="H"),
    "hCG flagged critically high": observation(HCG_COUNT, "812 [IU]/L", "2026-11-10", flag="HH"),
    "hCG over its upper limit": observation(HCG_COUNT, "5.1 [IU]/L", "2026-11-10", high="5 [IU]/L"),
    "hCG over its upper limit in another unit": observation(HCG_COUNT, "812 [IU]/L", "2026-11-10", high="5 m[IU]/mL"),
    "hCG over an upper limit of a thousandth": observation(HCG_COUNT, "0.9 [IU]/mL", "2026-11-10", high="5 m[IU]/mL"),
    "hCG over 200, whose upper limit is 5": observation(HCG_COUNT, "> 200 [IU]/L", "2026-11-10", high="5 [IU]/L"),
}  # fmt: skip


@pytest.mark.parametrize("record", PREGNANT_RECORDS.values(), ids=PREGNANT_RECORDS)
def test_a_pregnancy_finding_excludes(record: Resource) -> None:
    """An active diagnosis of at most 300 days, a positive status or a positive hCG of at most 30 days."""
    got = asked(record)

    assert (got.truth("E2"), got.outcome("E2"), got.recoverable) == ("true", "fail", True)


JUDGED_RECORDS = {
    "onset 301 days ago, still active": condition("Z34.9", DAYS_301),
    "recorded 301 days ago, still active": condition("Z34.9", recordedDate=DAYS_301),
    "an active diagnosis without a date": condition("Z34.9"),
}


@pytest.mark.parametrize("record", JUDGED_RECORDS.values(), ids=JUDGED_RECORDS)
def test_an_active_diagnosis_that_is_older_or_undated_is_judged(record: Resource) -> None:
    """Unknown, for a person, and shown first."""
    got = asked(record)

    assert (got.truth("E2"), got.open("E2")) == ("unknown", "to-confirm")
    assert pregnancy(got).reason == "needs-judgement"
    assert "flagged" in got.notes("E2")


UNDECIDED_RECORDS = {
    "nothing": None,
    "status 31 days old": observation(STATUS, coded=f"http://loinc.org|{PREGNANT}", when=DAYS_31),
    "status unknown": observation(STATUS, coded="http://loinc.org|LA4489-6", when="2026-11-10"),
    "hCG present 31 days ago": observation(HCG, coded=YES, when=DAYS_31),
    "hCG absent 31 days ago": observation(HCG, coded=NO, when=DAYS_31),
    "not pregnant, 31 days ago": observation(STATUS, coded=f"http://loinc.org|{NOT_PREGNANT}", when=DAYS_31),
    "hCG without a range": observation(HCG_COUNT, "812 [IU]/L", "2026-11-10"),
    "hCG under 10, whose upper limit is 5": observation(HCG_COUNT, "< 10 [IU]/L", "2026-11-10", high="5 [IU]/L"),
    "a preliminary hCG": observation(HCG, coded=YES, when="2026-11-10", status="preliminary"),
    "an hCG entered in error": observation(HCG, coded=YES, when="2026-11-10", status="entered-in-error"),
    "a prenatal screening in multiples of the median": observation("32166-1", "1.1 {M.o.M}", "2026-11-10", flag="H"),
    "a pregnancy that is over": condition("Z34.9", "2026-03-01", clinical="resolved"),
    "a pregnancy with an abatement": condition("Z34.9", "2026-03-01", clinical=None, abatementDateTime="2026-11-01"),
    "a refuted pregnancy": condition("Z34.9", "2026-06-01", verification="refuted"),
    "a delivery 301 days ago": condition("O80", DAYS_301),
    "a provisional delivery of years ago": condition("O80", "2015-01-01", verification="provisional"),
    "a delivery that is over": condition("O80", "2026-10-01", clinical="resolved"),
    "absent genital organs, not said which": condition("Z90.7", "2015-01-01"),
    "perimenopause": condition("N95.1", "2020-01-01"),
    "one ovary removed": procedure("https://smt.esante.gouv.fr/terminologie-ccam|JJFA003", "2015-01-01"),
    "a hysterectomy after the screening date": procedure("236886002", "2026-12-01"),
    "a hysterectomy that was not done": procedure("236886002", "2015-04-01", status="not-done"),
}  # fmt: skip


@pytest.mark.parametrize("record", UNDECIDED_RECORDS.values(), ids=UNDECIDED_RECORDS)
def test_what_decides_nothing_leaves_a_status_to_confirm(record: Resource | None) -> None:
    """A missing or old pregnancy test is a status to confirm, not missing data, and no alarm."""
    got = asked(*[record] if record else [])

    assert (got.truth("E2"), got.open("E2"), got.status) == ("unknown", "to-confirm", "candidate")
    assert pregnancy(got).truth.value == "unknown"
    assert "flagged" not in got.notes("E2")


EXCLUDED_PREGNANCIES = {
    "a negative hCG": NEGATIVE_TEST,
    "a negative hCG of 30 days": observation(HCG, coded=NO, when=DAYS_30),
    "hCG flagged negative": observation(HCG, flag="NEG", when="2026-11-10"),
    "hCG flagged normal": observation(HCG_COUNT, "1 [IU]/L", "2026-11-10", flag="N"),
    "hCG under its upper limit": observation(HCG_COUNT, "4.9 [IU]/L", "2026-11-10", high="5 [IU]/L"),
    "hCG under 2, whose upper limit is 5": observation(HCG_COUNT, "< 2 [IU]/L", "2026-11-10", high="5 [IU]/L"),
    "not pregnant, 30 days ago": observation(STATUS, coded=f"http://loinc.org|{NOT_PREGNANT}", when=DAYS_30),
    "not pregnant, as a boolean": observation("11449-6", value=False, when="2026-11-10"),
    "not pregnant, as a finding of 30 days": condition("60001007", DAYS_30),
    "hysterectomy": HYSTERECTOMY,
    "history of hysterectomy": condition("161800001", clinical=None),
    "hysterectomy in CCAM": procedure("JKFA015", "2015-04-01"),
    "both ovaries removed": procedure("76876009", "2015-04-01"),
    "sterilisation": condition("Z30.2", "2015-04-01", clinical=None),
    "menopause": condition("289903006", "2020-01-01"),
}  # fmt: skip


@pytest.mark.parametrize("record", EXCLUDED_PREGNANCIES.values(), ids=EXCLUDED_PREGNANCIES)
def test_without_a_finding_the_pregnancy_part_can_be_false(record: Resource) -> None:
    """A documented end of fertility or a negative of 30 days; willingness still keeps the criterion open."""
    got = asked(record)

    assert pregnancy(got).truth.value == "false"
    assert (got.truth("E2"), got.open("E2"), got.reasons("E2")) == ("unknown", "to-confirm", ["needs-judgement"])


def test_a_man_is_not_pregnant_but_his_willingness_is_judged() -> None:
    """Gender male: the pregnancy part is false, the criterion never passes without a person."""
    got = asked(gender="male")

    assert pregnancy(got).truth.value == "false"
    assert (got.outcome("E2"), got.open("E2")) == ("open", "to-confirm")


FINDINGS = {
    "a diagnosis": condition("Z34.9", "2026-06-01"),
    "a status": observation(STATUS, coded="77386006", when="2026-11-10"),
    "a positive test": POSITIVE_TEST,
    "an older diagnosis": condition("Z34.9", DAYS_301),
}


@pytest.mark.parametrize("record", FINDINGS.values(), ids=FINDINGS)
def test_a_finding_beside_a_man_is_judged(record: Resource) -> None:
    """Any of these beside gender male is for a person, flagged."""
    got = asked(record, gender="male")

    assert (got.truth("E2"), got.open("E2"), pregnancy(got).reason) == ("unknown", "to-confirm", "needs-judgement")
    assert "flagged" in got.notes("E2")


@pytest.mark.parametrize("record", FINDINGS.values(), ids=FINDINGS)
def test_a_finding_beside_a_documented_end_of_fertility_is_judged(record: Resource) -> None:
    """Any of these beside a hysterectomy is for a person, flagged."""
    got = asked(record, HYSTERECTOMY)

    assert (got.truth("E2"), got.open("E2"), pregnancy(got).reason) == ("unknown", "to-confirm", "needs-judgement")
    assert "flagged" in got.notes("E2")


def test_an_end_of_fertility_that_is_not_certain_is_not_documented() -> None:
    """Prepared or provisional: the pregnancy part stays open, and a positive test excludes."""
    prepared = procedure("236886002", "2026-11-01", status="preparation")
    provisional = condition("289903006", "2020-01-01", verification="provisional")
    for record in (prepared, provisional):
        assert pregnancy(asked(record)).truth.value == "unknown"
        assert asked(record, POSITIVE_TEST).truth("E2") == "true"


def test_a_finding_excludes_whoever_is_not_said_to_be_a_man() -> None:
    """Another or an unknown gender makes nothing impossible."""
    for gender in ("other", "unknown"):
        assert asked(POSITIVE_TEST, gender=gender).truth("E2") == "true"


def test_a_finding_beside_a_doubtful_end_of_fertility_excludes() -> None:
    """A code under review for the end of fertility documents none."""
    assert asked(POSITIVE_TEST, condition("Z90.7", "2015-01-01")).truth("E2") == "true"


def test_a_finding_comes_before_a_negative_test() -> None:
    """A diagnosis or a positive status is not undone by a negative hCG."""
    assert asked(condition("Z34.9", "2026-06-01"), NEGATIVE_TEST).truth("E2") == "true"
    assert asked(observation(STATUS, coded="77386006", when="2026-11-12"), NEGATIVE_TEST).truth("E2") == "true"


def test_an_older_active_diagnosis_comes_before_a_negative_test() -> None:
    """It stays a question, although the test is negative."""
    got = asked(condition("Z34.9", DAYS_301), NEGATIVE_TEST)

    assert pregnancy(got).reason == "needs-judgement"
    assert "flagged" in got.notes("E2")


def test_of_several_tests_the_newest_decides() -> None:
    """Positive then negative is negative, negative then positive is positive."""
    before = {"when": "2026-11-01"}

    assert pregnancy(asked(observation(HCG, coded=YES, **before), NEGATIVE_TEST)).truth.value == "false"
    assert asked(observation(HCG, coded=NO, **before), POSITIVE_TEST).truth("E2") == "true"


AT = "2026-11-10T08:00:00+01:00"


def test_a_corrected_test_goes_before_a_final_one_of_the_same_time() -> None:
    """The positive one was put right."""
    got = asked(observation(HCG, coded=YES, when=AT), observation(HCG, coded=NO, when=AT, status="corrected"))

    assert pregnancy(got).truth.value == "false"


def test_two_equal_tests_that_differ_disagree() -> None:
    """Of one time and one status, one positive and one negative."""
    got = asked(observation(HCG, coded=YES, when=AT), observation(HCG, coded=NO, when=AT))

    assert (got.truth("E2"), pregnancy(got).reason) == ("unknown", "records-disagree")


def test_a_newer_preliminary_positive_leaves_the_negative_test() -> None:
    """And the finding says that it is there."""
    preliminary = observation(HCG, coded=YES, when="2026-11-20", status="preliminary")
    got = asked(NEGATIVE_TEST, preliminary)

    assert (pregnancy(got).truth.value, pregnancy(got).notes) == ("false", ("newer-unusable",))


WHY_NOT: dict[str, tuple[Resource, str]] = {
    "negative, 31 days old": (observation(HCG, coded=NO, when=DAYS_31), "too-old"),
    "positive, 31 days old": (observation(HCG, coded=YES, when=DAYS_31), "too-old"),
    "negative, without a date": (observation(HCG, coded=NO, when=None), "date-not-decisive"),
    "preliminary": (observation(HCG, coded=YES, when="2026-11-10", status="preliminary"), "no-usable-value"),
}


@pytest.mark.parametrize(("record", "reason"), WHY_NOT.values(), ids=WHY_NOT)
def test_a_test_that_does_not_count_says_why(record: Resource, reason: str) -> None:
    """Still a status to confirm."""
    got = asked(record)

    assert (pregnancy(got).reason, got.open("E2")) == (reason, "to-confirm")


def test_the_pregnancy_chapter_is_under_review_within_300_days() -> None:
    """Chapter O also codes the end of a pregnancy: a person judges."""
    got = asked(condition("O80", DAYS_300))

    assert (got.truth("E2"), got.open("E2"), pregnancy(got).reason) == ("unknown", "to-confirm", "needs-judgement")


def test_an_unconfirmed_pregnancy_misses_its_confirmation() -> None:
    """`not-confirmed` is missing data on anything."""
    got = asked(condition("Z34.9", "2026-06-01", verification="provisional"))

    assert (got.truth("E2"), got.open("E2"), pregnancy(got).reason) == ("unknown", "missing-data", "not-confirmed")


def test_a_pregnancy_that_cannot_be_read_comes_before_a_negative_test() -> None:
    """A modifier that nobody knows: it may be one."""
    got = asked(condition("77386006", "2026-10-01", modifierExtension=[{"url": "x"}]), NEGATIVE_TEST)

    assert (got.truth("E2"), pregnancy(got).reason) == ("unknown", "no-usable-value")
    assert pregnancy(got).notes == ("record-unreadable",)


def test_a_result_excludes_for_two_weeks_and_a_diagnosis_for_ninety_days() -> None:
    """HCG counts 14 days like the laboratory; a diagnosis 90 days from its onset, never before tomorrow."""
    assert asked(POSITIVE_TEST).rescreen_after == "2026-11-24"
    assert asked(observation(HCG, coded=YES, when="2026-11-20")).rescreen_after == "2026-12-04"
    assert asked(condition("Z34.9", "2026-10-01")).rescreen_after == "2026-12-30"
    assert asked(condition("Z34.9", recordedDate="2026-10-01")).rescreen_after == "2026-12-30"
