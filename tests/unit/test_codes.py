"""What a coding means: the traps of the code systems, one line each, and how entries compete."""

from pathlib import Path

import pytest

from service.eligibility.code_systems import CodeSystem, Matching
from service.eligibility.codes import CodeRow, Lexicon, Role
from service.study.tables import load_value_sets

MAPPINGS = Path(__file__).parents[2] / "mappings"

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
WHO = "http://hl7.org/fhir/sid/icd-10"
FRENCH = "https://smt.esante.gouv.fr/terminologie-cim-10"
AMERICAN = "http://hl7.org/fhir/sid/icd-10-cm"
CCAM = "https://smt.esante.gouv.fr/terminologie-ccam"
ATC = "http://www.whocc.no/atc"
OURS = "https://trial-screening.example/fhir/CodeSystem/ssc"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """The value sets of the project."""
    return load_value_sets(MAPPINGS / "value_sets")


def said(lexicon: Lexicon, system: str | None, code: str | None) -> dict[str, str]:
    """By concept, the role and the tags that a coding has."""
    return {
        meaning.concept: " ".join([meaning.role, *sorted(meaning.tags)]) for meaning in lexicon.meanings(system, code)
    }


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        # Editions of ICD are not matched across.
        (FRENCH, "Z94800", {"ahsct_prior": "match"}),
        (FRENCH, "Z94802", {"ahsct_prior": "negative"}),
        (FRENCH, "Z94805", {"ahsct_prior": "review"}),
        (FRENCH, "Z9481", {"ahsct_prior": "negative"}),
        (AMERICAN, "Z94.81", {"ahsct_prior": "review"}),
        (WHO, "Z94.81", {"ahsct_prior": "review"}),
        # Spelling: dots, plus signs, daggers, blanks and capitals do not count.
        ("https://terminology.eds.aphp.fr/fhir/CodeSystem/itm-cim10", "M340", {"systemic_sclerosis": "match"}),
        (WHO, "M34.8†", {"systemic_sclerosis": "match"}),
        (WHO, "M34.8+", {"systemic_sclerosis": "match"}),
        (WHO, " m34.0 ", {"systemic_sclerosis": "match"}),
        (FRENCH, "B24+9", {"hiv_condition": "match"}),
        (WHO, "J99.1*", {"ild": "match beside-ssc"}),
        (FRENCH, "J991", {"ild": "match beside-ssc"}),
        (AMERICAN, "J99", {"ild": "review"}),
        # A longer code goes before a shorter one.
        (WHO, "M34", {"systemic_sclerosis": "review"}),
        (WHO, "M34.20", {"systemic_sclerosis": "review"}),
        (WHO, "M34.1", {"systemic_sclerosis": "match", "sclerodactyly": "match"}),
        (AMERICAN, "M34.81", {"systemic_sclerosis": "match", "ild": "match"}),
        (AMERICAN, "J84.112", {"ild": "review"}),
        (AMERICAN, "J84.10", {"ild": "match"}),
        (FRENCH, "E43", {"bmi": "hint"}),
        (FRENCH, "E431", {}),
        # Ranges, and what they leave out.
        (WHO, "J13", {"infection": "match"}),
        (WHO, "J12.9", {"infection": "match"}),
        (WHO, "J19", {}),
        (WHO, "C50.9", {"malignant_neoplasm": "match"}),
        (WHO, "C44.9", {"bcc_exception": "review"}),
        (WHO, "D06.9", {"cis_cervix_exception": "match"}),
        (WHO, "D05.1", {"malignant_neoplasm": "review"}),
        (WHO, "D46.9", {"myelodysplasia": "match"}),
        (WHO, "D25.9", {}),
        (AMERICAN, "C44.01", {"bcc_exception": "match"}),
        (AMERICAN, "C44.02", {"malignant_neoplasm": "match"}),
        (AMERICAN, "C44.90", {"bcc_exception": "review"}),
        (AMERICAN, "D3A.00", {}),
        (AMERICAN, "O9A.111", {"pregnancy_status": "review"}),
        (AMERICAN, "O09.90", {"pregnancy_status": "match"}),
        (FRENCH, "Z302", {"reproductive_status": "match", "contraception_female": "hint"}),
        # SNOMED CT: the code's own entry, else that of its nearest parent.
        ("http: //snomed.info/sct", "89155008", {"systemic_sclerosis": "match"}),
        ("urn:oid:2.16.840.1.113883.6.96", "89155008", {"systemic_sclerosis": "match"}),
        (SNOMED, "189336000", {"malignant_neoplasm": "review"}),
        (SNOMED, "201440007", {"systemic_sclerosis": "review"}),
        (SNOMED, "201443009", {"systemic_sclerosis": "review"}),
        (SNOMED, "128459005", {"systemic_sclerosis": "match"}),
        (SNOMED, "50167007", {"hepatitis_b": "match chronic", "hepatitis_other": "match"}),
        (SNOMED, "427090001", {"bmi": "match below-16.5"}),
        (SNOMED, "253124001", {}),
        (SNOMED, "298285003", {}),
        # CCAM is compared on seven characters.
        (CCAM, "JKLD001", {"contraception_female": "match iud"}),
        (CCAM, "JKLD001-01", {"contraception_female": "match iud"}),
        (CCAM, "jkgd0041", {"contraception_female": "negative removal-iud"}),
        (CCAM, "NZFA0101", {}),
        # ATC groups count with their members, emergency contraception never.
        (ATC, "G03AA07", {"contraception_female": "match hormonal"}),
        (ATC, "G03AC", {"contraception_female": "review hormonal"}),
        (ATC, "G03AC03", {"contraception_female": "review hormonal"}),
        (ATC, "G03AC08", {"contraception_female": "match implant"}),
        (ATC, "G03AC09", {"contraception_female": "match hormonal"}),
        (ATC, "G03AD01", {"contraception_female": "negative"}),
        (ATC, "G03A", {}),
        (ATC, "L04AA06", {"mycophenolate": "match"}),
        # Tags that the rules ask for.
        (LOINC, "56888-1", {"hiv_serology": "match closes"}),
        (LOINC, "48345-3", {"hiv_serology": "match"}),
        (LOINC, "5221-7", {"hiv_serology": "match"}),
        (LOINC, "48643-1", {"egfr": "match black indexed mdrd"}),
        (LOINC, "35591-7", {"egfr": "match absolute cockcroft"}),
        (LOINC, "18043-0", {"lvef": "match echo"}),
        (LOINC, "10230-1", {"lvef": "match"}),
        (LOINC, "8811-2", {"lvef": "hint"}),
        (LOINC, "96608-5", {"blood_pressure": "match"}),
        (LOINC, "LA26683-5", {"pregnancy_status": "negative answer"}),
        (OURS, "digital-tip-ulcer", {"fingertip_lesions": "match ulcer"}),
        (OURS, "dlco-hb-corrected-percent-predicted", {"dlco_percent_predicted": "match corrected"}),
        (LOINC, "24748-6", {"cardiac_mri": "hint"}),
        (OURS, "cmr-lge", {"cardiac_mri": "match"}),
        # Answers and interpretations; R is "resistant".
        (INTERPRETATION, "POS", {"answers": "match", "interpretations": "match"}),
        (INTERPRETATION, "HH", {"interpretations": "match serology"}),
        (INTERPRETATION, "N", {"interpretations": "negative serology"}),
        ("http://terminology.hl7.org/CodeSystem/v2-0136", "N", {"answers": "negative"}),
        (INTERPRETATION, "R", {}),
        # Nothing is guessed.
        ("urn:lab", "777-3", {}),
        (None, "777-3", {}),
        (LOINC, None, {}),
        (LOINC, "", {}),
        (SNOMED, "777-3", {}),
    ],
)
def test_meaning_of_a_coding(lexicon: Lexicon, system: str | None, code: str | None, expected: dict[str, str]) -> None:
    """A coding means what its most specific entry in each concept says, in its own edition."""
    assert said(lexicon, system, code) == expected


def row(code: str, role: str, *, concept: str = "thing", descendants: bool = True, **more: object) -> CodeRow:
    """An entry of a small made-up value set."""
    until, excepts = more.get("until"), more.get("excepts", ())
    tags = frozenset(str(more.get("tags", "")).split())
    return CodeRow(concept, "tree", code, until, excepts, descendants, Role(role), tags, code)  # type: ignore[arg-type]


def tree(match: str, rows: list[CodeRow], children: dict[str, list[str]] | None = None) -> Lexicon:
    """A lexicon of one code system."""
    return Lexicon([CodeSystem("tree", ("urn:tree", "urn:alias"), Matching(match))], rows, children or {})


def test_nearest_parent_decides() -> None:
    """Of two listed parents with different roles the one with the narrower list speaks."""
    rows = [row("wide", "review"), row("narrow", "match", tags="deep")]
    lexicon = tree("listed", rows, {"wide": ["narrow", "leaf", "other"], "narrow": ["leaf"]})
    assert said(lexicon, "urn:tree", "leaf") == {"thing": "match deep"}
    assert said(lexicon, "urn:tree", "other") == {"thing": "review"}


def test_equal_parents_lend_all_their_tags() -> None:
    """A leaf under two parents of one role carries the tags of both; a parent of another role lends none."""
    rows = [row("a", "match", tags="long"), row("b", "match"), row("c", "review", tags="odd")]
    lexicon = tree("listed", rows, {"a": ["leaf", "x"], "b": ["leaf"], "c": ["leaf", "x", "y"]})
    assert said(lexicon, "urn:tree", "leaf") == {"thing": "match long"}


def test_entry_without_descendants_stands_alone() -> None:
    """Neither a listed child nor a longer code inherits from an entry that does not say so."""
    assert said(tree("listed", [row("a", "match", descendants=False)], {"a": ["b"]}), "urn:tree", "b") == {}
    assert said(tree("prefix", [row("A10", "match", descendants=False)]), "urn:tree", "A101") == {}


def test_exceptions_of_a_range_hold_for_their_children() -> None:
    """A code left out of a range takes everything that begins with it along; the rest of the range stays."""
    lexicon = tree("prefix", [row("C00", "match", until="C97", excepts=("C44", "C1"))])
    assert said(lexicon, "urn:tree", "C449") == {}
    assert said(lexicon, "urn:tree", "C15") == {}
    assert said(lexicon, "urn:tree", "C97") == {"thing": "match"}
    assert said(lexicon, "urn:tree", "C98") == {}


def test_site_codes_mean_what_ours_mean(lexicon: Lexicon) -> None:
    """A site's local code and its own system URI lead to our entries; the shared tables stay as they were."""
    site = lexicon.with_site_codes(
        {"urn:our-loinc": "loinc"},
        [("urn: lab", "HGB", "loinc", "718-7"), ("urn:lab", "SKIN", "ssc", "mrss-total")],
    )
    assert said(site, "urn:lab", "HGB") == {"hemoglobin": "match"}
    assert said(site, "urn: lab", " SKIN ") == {"mrss": "match"}
    assert said(site, "urn:our-loinc", "777-3") == {"platelets": "match"}
    assert said(site, LOINC, "777-3") == {"platelets": "match"}
    assert said(site, "urn:lab", "HCT") == {}
    assert said(lexicon, "urn:lab", "HGB") == {}


def test_site_codes_need_a_system_that_exists(lexicon: Lexicon) -> None:
    """A mapping to a code system that nobody defined is an error, not silence."""
    with pytest.raises(ValueError, match="lonic"):
        lexicon.with_site_codes({}, [("urn:lab", "HGB", "lonic", "718-7")])
    with pytest.raises(ValueError, match="lonic"):
        lexicon.with_site_codes({"urn:x": "lonic"}, [])


def test_codes_of_a_concept_are_ready_for_a_search(lexicon: Lexicon) -> None:
    """Each code once under its canonical URI, listed descendants included, ranges as first-last."""
    codes = lexicon.codes_of("systemic_sclerosis", [Role.MATCH])
    assert len(codes) == len(set(codes))
    assert {(WHO, "M34.0"), (FRENCH, "M340"), (SNOMED, "89155008"), (SNOMED, "128459005")} <= set(codes)
    assert (WHO, "M34.2") not in codes
    assert (WHO, "M34.2") in lexicon.codes_of("systemic_sclerosis", [Role.REVIEW])
    assert (WHO, "J12-J18") in lexicon.codes_of("infection", [Role.MATCH])
    assert lexicon.codes_of("no_such_concept", list(Role)) == []


def test_a_sites_own_codes_are_searched_too(lexicon: Lexicon) -> None:
    """A search by code has to ask for what a site writes as well, or its results would seem missing."""
    site = lexicon.with_site_codes({}, [("urn:lab", "HGB", "loinc", "718-7")])
    assert ("urn:lab", "HGB") in site.codes_of("hemoglobin", [Role.MATCH])
    assert ("urn:lab", "HGB") not in site.codes_of("platelets", [Role.MATCH])


def test_entries_of_a_concept(lexicon: Lexicon) -> None:
    """The entries come back as the table holds them, each with the descendants listed for it, if it asks for any."""
    listed = {entry.code: lexicon.listed_under(entry) for entry in lexicon.rows_of("systemic_sclerosis")}
    assert "128459005" in listed["89155008"]
    assert listed["201440007"] == listed["M34.0"] == ()
    assert lexicon.rows_of("no_such_concept") == ()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export full of codes seen once neither fills the memory nor changes an answer."""
    monkeypatch.setattr("service.eligibility.codes._REMEMBERED", 3)
    lexicon = tree("exact", [row("a", "match")])
    for number in range(10):
        assert lexicon.meanings("urn:tree", f"junk-{number}") == ()
        assert said(lexicon, "urn:alias", "a") == {"thing": "match"}
        assert len(lexicon._memory) <= 3  # noqa: SLF001 - the bound is what is tested
