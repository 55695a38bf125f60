"""The status recommended, the priority in the list, and who is not screened at all."""

from datetime import date

import pytest

from service.eligibility.results import NotScreened
from service.eligibility.screen import screen
from tests.builders import (
    Resource,
    SampleChart,
    complete_chart,
    concept,
    condition,
    diagnosed_chart,
    empty_chart,
    observation,
    resource,
    verdict,
)
from tests.verdicts import AS_OF, Verdict, as_json, shipped_chart, shipped_study

RESEARCH = "http://terminology.hl7.org/CodeSystem/consentscope|research"
CONSENT = "http://terminology.hl7.org/CodeSystem/consentcategorycodes|research"
PERMIT_INSIDE = [{"type": "permit"}]


def consent(
    decision: str | None, when: str | None = "2026-01-10", status: str = "active", **provision: object
) -> Resource:
    """Return a Consent for research in general: it names no study."""
    return resource(
        "Consent", status=status, scope=concept(RESEARCH), category=[concept(CONSENT)], dateTime=when,
        provision={"type": decision, **provision} if decision else None,
    )  # fmt: skip


# --- status ---------------------------------------------------------------------------------------


def test_only_peoples_words_open_is_a_candidate() -> None:
    """Every measurable criterion passes and I5 is shown by the chart."""
    given = verdict(complete_chart())

    assert (given.status, given.priority) == ("candidate", 1)
    assert {given.open(r.criterion.id) for r in given.screening.criteria} == {None, "to-confirm"}
    assert given.missing == ()


def test_one_fail_is_ineligible_whatever_else_is_open() -> None:
    """A failed criterion comes before missing data, and an ineligible patient has no priority."""
    given = verdict(complete_chart().drop("dlco", "lvef").value("platelets", "20 10*9/L"))

    assert (given.status, given.priority) == ("ineligible", None)


def test_missing_data_is_a_potential_candidate() -> None:
    """A measurement that could still change a criterion keeps a patient from being a candidate."""
    given = verdict(complete_chart().drop("platelets"))

    assert (given.status, given.open("E11")) == ("potential-candidate", "missing-data")


def test_severity_has_to_be_shown() -> None:
    """I5 must pass: open only for a person's word, it still makes a potential candidate."""
    given = verdict(complete_chart().drop("ild").dated("ssc", "2018-01-01"))

    assert given.open("I5") == "to-confirm"
    assert {given.open(r.criterion.id) for r in given.screening.criteria} == {None, "to-confirm"}
    assert given.status == "potential-candidate"


@pytest.mark.parametrize("part", ["bmi", "blood_pressure"])
def test_bedside_measurements_do_not_keep_a_candidate_back(part: str) -> None:
    """What is measured in two minutes is to confirm."""
    given = verdict(complete_chart().drop(part))

    assert (given.status, given.priority) == ("candidate", 1)


# --- priority -------------------------------------------------------------------------------------


def test_severe_with_data_missing_is_second() -> None:
    """Potential candidates whose I5 is true come right after the candidates."""
    assert verdict(complete_chart().drop("platelets")).priority == 2


SIGNS: list[tuple[str, SampleChart]] = [
    ("mRSS 15", diagnosed_chart().add(observation("mrss-total", "15 {score}"))),
    ("DLCO below 80 %", diagnosed_chart().add(observation("dlco-hb-corrected-percent-predicted", "79.9 %"))),
    ("FVC below 80 %", diagnosed_chart().add(observation("19872-1", "79.9 %"))),
    ("evidence of ILD", diagnosed_chart().add(condition("233703007", "2020-01-20"))),
    ("moderate pulmonary hypertension by echo", diagnosed_chart().add(observation("82341-9", "36 mm[Hg]"))),
    ("moderate pulmonary hypertension by catheter", diagnosed_chart().add(observation("8414-5", "21 mm[Hg]"))),
    ("atrial fibrillation", diagnosed_chart().add(condition("I48.9"))),
    ("AV block of third degree", diagnosed_chart().add(condition("I44.2"))),
    ("duration of two years", diagnosed_chart().drop("ssc").add(condition("89155008", "2024-11-23"))),
]
NO_SIGNS: list[tuple[str, SampleChart]] = [
    ("a diagnosis alone", diagnosed_chart()),
    ("mRSS 15 too long ago", diagnosed_chart().add(observation("mrss-total", "15 {score}", "2025-11-22"))),
    ("DLCO 80 %", diagnosed_chart().add(observation("dlco-hb-corrected-percent-predicted", "80 %"))),
    ("CRP high", diagnosed_chart().add(observation("1988-5", "30 mg/L"))),
    ("a heart failure, which may be irreversible", diagnosed_chart().add(condition("I50.0"))),
    ("duration of two years and a day", diagnosed_chart().drop("ssc").add(condition("89155008", "2024-11-22"))),
]


@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in SIGNS])
def test_a_sign_of_severity_is_third(chart: SampleChart) -> None:
    """One true leaf of severity makes a potential candidate worth a look."""
    given = verdict(chart)

    assert (given.status, given.truth("I5"), given.priority) == ("potential-candidate", "unknown", 3)


@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in NO_SIGNS])
def test_without_a_sign_a_potential_candidate_is_last(chart: SampleChart) -> None:
    """Nothing points to severe disease: in the list, never notified."""
    given = verdict(chart)

    assert (given.status, given.priority) == ("potential-candidate", 4)


# --- preconditions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("element", "dated"),
    [
        ({"deceasedBoolean": True}, None),
        ({"deceasedDateTime": "2026-10-01"}, "2026-10-01"),
        ({"deceasedDateTime": "2026-11-23"}, "2026-11-23"),
        ({"deceasedDateTime": "2026-11-23T23:00:00+01:00"}, "2026-11-23T23:00:00+01:00"),
        ({"deceasedDateTime": "2025"}, "2025"),
    ],
)
def test_the_dead_are_ineligible_for_good(element: Resource, dated: str | None) -> None:
    """A death up to the screening date fails as a precondition, and no waiting helps."""
    given = verdict(complete_chart(**element))

    assert (given.status, given.priority, given.recoverable, given.rescreen_after) == ("ineligible", None, False, None)
    assert [(failed.code, failed.date) for failed in given.screening.preconditions] == [("deceased", dated)]


@pytest.mark.parametrize(
    "element",
    [{"deceasedBoolean": False}, {"deceasedDateTime": "2026-11-24"}, {"deceasedDateTime": "2027"}, {}],
)
def test_who_is_not_dead_yet_is_screened_as_ever(element: Resource) -> None:
    """A date after the screening date is not yet a death."""
    given = verdict(complete_chart(**element))

    assert (given.status, given.screening.preconditions) == ("candidate", ())


@pytest.mark.parametrize("active", [True, False, None])
def test_a_replaced_record_names_the_one_to_screen(active: bool | None) -> None:
    """Active or not, a record that another one replaced is not screened."""
    link = [{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]
    given = verdict(complete_chart(link=link, active=active))

    assert given.result == NotScreened(
        "Patient/p",
        "patient-replaced",
        "this patient record was replaced by another one; screen that one",
        "Patient/new",
    )


@pytest.mark.parametrize("kind", ["replaces", "seealso", "refer"])
def test_other_links_replace_nothing(kind: str) -> None:
    """A record that replaces another one, or points to one, is screened."""
    link = [{"other": {"reference": "Patient/old"}, "type": kind}]

    assert verdict(complete_chart(link=link)).status == "candidate"


def test_an_inactive_record_is_screened_with_a_warning() -> None:
    """Without a replacement there is no other record to look at."""
    given = verdict(complete_chart(active=False))

    assert given.status == "candidate"
    assert given.warnings == ["patient-inactive"]


REFUSED: list[tuple[str, list[Resource]]] = [
    ("a general refusal", [consent("deny")]),
    ("the newest is a refusal", [consent("permit", "2020-01-01"), consent("deny", "2026-01-10")]),
    ("a refusal of a later hour", [consent("permit", "2026-01-10T09:00:00Z"), consent("deny", "2026-01-10T10:00:00Z")]),
]
ALLOWED: list[tuple[str, list[Resource]]] = [
    ("a general permission", [consent("permit")]),
    ("an opt-in form: denied outside, permitted inside", [consent("deny", provision=PERMIT_INSIDE)]),
    ("the newest is a permission", [consent("deny", "2020-01-01"), consent("permit", "2026-01-10")]),
    ("a refusal that is no longer active", [consent("deny", status="inactive")]),
    ("a refusal entered in error", [consent("deny", status="entered-in-error")]),
    ("a refusal under an inactive one", [consent("deny", "2020-01-01"), consent("deny", "2026-01-10", "inactive")]),
    ("a refusal of another scope", [consent("deny") | {"scope": concept(RESEARCH.replace("|research", "|treatment"))}]),
]  # fmt: skip


@pytest.mark.parametrize("consents", [pytest.param(consents, id=name) for name, consents in REFUSED])
def test_who_refuses_research_is_not_screened(consents: list[Resource]) -> None:
    """The newest general Consent for research denies, outside and inside."""
    assert verdict(complete_chart().add(*consents)).result == NotScreened(
        "Patient/p", "not-permitted", "this patient's data may not be used for research"
    )


@pytest.mark.parametrize("consents", [pytest.param(consents, id=name) for name, consents in ALLOWED])
def test_who_does_not_refuse_research_is_screened(consents: list[Resource]) -> None:
    """None of these is an opposition, nor a consent to this study."""
    given = verdict(complete_chart().add(*consents))

    assert (given.error, given.truth("I1")) == (None, "unknown")


def test_a_refusal_of_this_study_is_a_fail_and_no_opposition() -> None:
    """A Consent that names the study and denies fails I1, for good."""
    named = consent("deny", data=[{"meaning": "instance", "reference": {"identifier": {"value": "NCT06722105"}}}])
    given = verdict(complete_chart().add(named))

    assert (given.error, given.outcome("I1"), given.status) == (None, "fail", "ineligible")
    assert (given.recoverable, given.rescreen_after) == (False, None)


def test_no_disease_on_record_is_ineligible() -> None:
    """The one place where absence decides; a new record triggers the screening, no date does."""
    given = verdict(empty_chart())

    assert (given.truth("I4"), given.status, given.recoverable) == ("false", "ineligible", False)
    assert given.screening.without_disease


def test_a_total_below_nine_is_no_absence_of_the_disease() -> None:
    """Who was classified and did not reach nine points has a chart that speaks of the disease."""
    given = verdict(empty_chart().add(observation("acr-eular-2013-total", "5 {score}", "2026-10-01")))

    assert (given.truth("I4"), given.status) == ("false", "ineligible")
    assert not given.screening.without_disease


# --- the status that a person has set -------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "ours", "told"),
    [
        ("NCT06722105", set[str](), "eligible"),
        ("NCT06722105", {"ResearchSubject/a"}, "withdrawn"),
        ("NCT06722105", {"ResearchSubject/a", "ResearchSubject/b"}, None),
        ("NCT00000000", set[str](), None),
    ],
)
def test_the_status_of_a_person_on_this_study_is_told(identifier: str, ours: set[str], told: str | None) -> None:
    """What this service wrote is no person's word, nor is a part in another study about this one."""
    study = resource("ResearchStudy", id="s", identifier=[{"value": identifier}], status="active")
    part = resource("ResearchSubject", study={"reference": "ResearchStudy/s"})
    parts = (part | {"id": "b", "status": "withdrawn"}, part | {"id": "a", "status": "eligible"})
    chart = shipped_chart(as_json(complete_chart().add(study, *parts).bundle()))
    given = Verdict(screen(shipped_study(), chart, (), date.fromisoformat(AS_OF), own_subjects=ours))

    assert given.screening.person_status == told
