"""Loading a study: errors that name file, line and remedy, the protocol by number, and a site's own ways."""

from decimal import Decimal
from pathlib import Path

import pytest

from service.eligibility.codes import Role
from service.eligibility.moment import Span
from service.eligibility.rules import Exists, Measure
from service.errors import DefinitionError
from service.study.load import default_mappings, load_study, load_vocabulary, study_ids

SITE = default_mappings() / "sites" / "example.yaml"


def change(file: Path, old: str, new: str) -> int:
    """Replace words of a file; return the line on which they stood."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_a_small_study(mappings: Path) -> None:
    """A folder becomes the evaluator's own types, with numbers as written and texts by number."""
    study = load_study(mappings)
    first, last = study.criteria

    assert isinstance(first.rule, Measure)
    assert (first.rule.measure, first.rule.ge, first.rule.unit) == ("hemoglobin", Decimal(10), "g/dL")
    assert first.rule.id == "I1"
    assert last.text == "Active bleeding, or hemoglobin < 7 g/dL"
    assert study.notions["hemoglobin"].window == Span(90, "d")
    assert study.record.identifiers == {"https://trial-screening.example/fhir/made-up-study": "DEMO-1"}


@pytest.mark.parametrize(
    ("file", "old", "new", "problem", "remedy"),
    [
        ("notions.yaml", "    window:", "    windov:", "unknown key 'windov'.", "Did you mean 'window'?"),
        ("notions.yaml", "window: 90 d", "window: 90", "'window' is 90.", "Write a number of days or years"),
        ("notions.yaml", "high: 25", 'high: "25"', "'high' is '25'.", "Write a number."),
        ("notions.yaml", "nature: record", "nature: recorded", "'nature' is 'recorded'.", "Write one of: measurement"),
        (
            "notions.yaml",
            "resources: [Condition]",
            "resources: Condition",
            "'resources' is 'Condition'.",
            "Write a list",
        ),
        ("notions.yaml", "resources: [Condition]", "resources: [5]", "'resources' is 5.", "Write text"),
        ("notions.yaml", "{low: 2, high: 25}", "2", "'plausible' is 2.", "Write a map."),
        ("formulas.yaml", "slope: 1.7", "slope: [1.7]", "'slope' is a list.", "Write a number."),
        ("studies/DEMO-1/criteria.yaml", "ge: 10", "ge: true", "'ge' is True.", "Write a number."),
        ("studies/DEMO-1/criteria.yaml", "kind: inclusion", "kind: optional", "'kind' is 'optional'.", "Write one of"),
        ("studies/DEMO-1/criteria.yaml", "past_means: nothing", "past_means: no", "no is not plain text", "Write true"),
        ("studies/DEMO-1/criteria.yaml", "id: I1", "id: I7", "the protocol has no criterion I7.", "It has: I1, E1."),
        ("studies/DEMO-1/criteria.yaml", "version: 1.0.0", "version: 1.0", "'version' is 1.0.", "Write text"),
        ("studies/DEMO-1/criteria.yaml", "version: 1.0.0", "edition: 1.0.0", "unknown key 'edition'.", "Known here"),
        (
            "studies/DEMO-1/study.yaml",
            "participants: 1",
            "participants: 1.5",
            "'participants' is 1.5.",
            "Write a whole",
        ),
        ("studies/DEMO-1/study.yaml", "  arms: []", "  arms: [1]", "'arms' is 1.", "Write a map."),
        ("studies/DEMO-1/study.yaml", "  arms: []", "  arms: {}", "'arms' is a map.", "Write a list"),
        (
            "studies/DEMO-1/study.yaml",
            "{en: Made-up trial, fr: Essai inventé}",
            "trial",
            "'short_title' is 'trial'.",
            "Write",
        ),
        ("studies/DEMO-1/study.yaml", "id: DEMO-1", "id: DEMO-2", "the id DEMO-2 is not the folder's", "Give both one"),
    ],
)
def test_errors_name_the_line(mappings: Path, file: str, old: str, new: str, problem: str, remedy: str) -> None:
    """A wrong key or value is refused with its file, its line and what to write instead."""
    line = change(mappings / file, old, new)

    with pytest.raises(DefinitionError) as refused:
        load_study(mappings)

    assert refused.value.file == str(mappings / file)
    assert refused.value.line == line
    assert refused.value.problem.startswith(problem)
    assert refused.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("notions.yaml", "notions: []", "'notions' is not a map."),
        ("notions.yaml", "notion: {}", "the key 'notions' is missing."),
        ("formulas.yaml", "formulas: {cotes: 5}", "'cotes' is not a map."),
        ("studies/DEMO-1/criteria.yaml", "{version: 1.0.0, criteria: 5}", "'criteria' is not a list of maps."),
        (
            "studies/DEMO-1/criteria.yaml",
            "{version: 1.0.0, criteria: [{id: I1, any_of: []}]}",
            "'any_of' has no children.",
        ),
    ],
)
def test_errors_of_a_file(mappings: Path, file: str, text: str, problem: str) -> None:
    """A file that does not have the expected shape is refused where it departs from it."""
    (mappings / file).write_text(text, encoding="utf-8")

    with pytest.raises(DefinitionError) as refused:
        load_study(mappings)

    assert (refused.value.file, refused.value.line, refused.value.problem) == (str(mappings / file), 1, problem)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  measure: hemoglobin\n", "", "a rule has one key that names its kind, here: none."),
        ("  ge: 10\n", "  exists: bleeding\n", "a rule has one key that names its kind, here: measure and exists."),
        ("  title: {en: Blood, fr: Sang}\n", "", "the key 'title' is missing."),
        ("  unit: g/dL\n", "", "the key 'unit' is missing."),
    ],
)
def test_errors_of_a_rule(mappings: Path, old: str, new: str, problem: str) -> None:
    """A rule without its kind, of two kinds or without what its kind needs is refused where it begins."""
    change(mappings / "studies/DEMO-1/criteria.yaml", old, new)

    with pytest.raises(DefinitionError) as refused:
        load_study(mappings)

    assert (refused.value.line, refused.value.problem) == (3, problem)


def test_absence_may_be_written_as_a_boolean(mappings: Path) -> None:
    """``absence_means: false`` is the word, not a boolean of Python."""
    file = mappings / "studies/DEMO-1/criteria.yaml"
    change(file, "past_means: nothing", "absence_means: false, because: always coded")

    bleeding = load_study(mappings).criteria[1].rule.children[0]  # type: ignore[attr-defined]

    assert isinstance(bleeding, Exists)
    assert bleeding.absence_means == "false"


def test_the_protocol_is_bound_to_its_hash(mappings: Path) -> None:
    """A changed word of the protocol is refused until somebody says that the text is another."""
    file = mappings / "studies/DEMO-1/protocol.md"
    change(file, "Hemoglobin ≥ 10", "Hemoglobin ≥ 11")

    with pytest.raises(DefinitionError, match="SHA-256"):
        load_study(mappings)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("---\nsource", "source", "the head between two '---' lines is missing."),
        ("inclusion: Inclusion criteria", "inclusion: Inclusion", "no line is 'Inclusion'."),
    ],
)
def test_a_protocol_that_cannot_be_cut(mappings: Path, old: str, new: str, problem: str) -> None:
    """Without its head, or the line above a list, the protocol's text is refused."""
    change(mappings / "studies/DEMO-1/protocol.md", old, new)

    with pytest.raises(DefinitionError) as refused:
        load_study(mappings)

    assert refused.value.problem == problem


def test_a_file_that_is_not_utf8(mappings: Path) -> None:
    """A file in another encoding is refused rather than guessed at."""
    (mappings / "notions.yaml").write_bytes("label: hémoglobine".encode("latin-1"))

    with pytest.raises(DefinitionError, match="not UTF-8"):
        load_study(mappings)


def test_a_missing_study_or_file(mappings: Path, tmp_path: Path) -> None:
    """What is not there is named, with what is."""
    with pytest.raises(DefinitionError, match=r"there is no study DEMO-9\. There are: DEMO-1\."):
        load_study(mappings, "DEMO-9")
    with pytest.raises(DefinitionError, match="there is no study in the folder"):
        load_study(tmp_path)
    (mappings / "formulas.yaml").unlink()
    with pytest.raises(DefinitionError, match=r"formulas\.yaml: the file is missing"):
        load_study(mappings)


def test_the_shipped_study() -> None:
    """The shipped folder holds the one study, with the protocol's 24 criteria in order and both identifiers."""
    study = load_study(default_mappings())

    assert study_ids(default_mappings()) == ["NCT06722105"]
    names = [f"I{number}" for number in range(1, 11)] + [f"E{number}" for number in range(1, 15)]
    assert [criterion.id for criterion in study.criteria] == names
    assert list(study.record.identifiers.items()) == [
        ("https://clinicaltrials.gov", "NCT06722105"),
        ("https://trial-screening.example/fhir/sponsor-study", "APHP211026"),
    ]
    assert (study.record.participants, len(study.record.arms), len(study.record.contacts)) == (18, 3, 2)
    assert "septal D sign" in next(criterion.text for criterion in study.criteria if criterion.id == "I5")


def test_a_site_has_its_own_codes() -> None:
    """A site's code means what ours means, also under the site's URI of a known code system, and only there."""
    shared, site = load_study(default_mappings()), load_study(default_mappings(), site=SITE)

    for system, code, concept in (
        ("https://lab.hospital.example/tests", "HB", "hemoglobin"),
        ("https://lab.hospital.example/loinc", "1988-5", "crp"),
        ("https://forms.hospital.example/items", "RODNAN", "mrss"),
    ):
        assert [(m.concept, m.role) for m in site.lexicon.meanings(system, code)] == [(concept, Role.MATCH)]
        assert shared.lexicon.meanings(system, code) == ()
    assert load_vocabulary(default_mappings(), SITE).opposition_codes == (
        ("https://flags.hospital.example", "research-opposition"),
    )
    assert load_vocabulary(default_mappings()).opposition_codes == ()


def test_a_site_changes_base_window_and_onset(tmp_path: Path) -> None:
    """The canonical base moves our code system and identifiers; windows and the meaning of onset are the site's."""
    file = tmp_path / "site.yaml"
    file.write_text(
        "base: https://fhir.hospital.example\nwindows: {mrss: 30 d}\nonset_is_coding_date: true\n", encoding="utf-8"
    )

    site = load_study(default_mappings(), site=file)

    assert site.base == "https://fhir.hospital.example"
    assert site.record.identifiers["https://fhir.hospital.example/sponsor-study"] == "APHP211026"
    assert site.lexicon.meanings("https://fhir.hospital.example/CodeSystem/ssc", "mrss-total")[0].concept == "mrss"
    assert site.notions["mrss"].window == Span(30, "d")
    assert site.onset_is_coding_date is True
    assert site.rulebook.hash != load_study(default_mappings()).rulebook.hash


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("code_systems: {https://a.example: loink}", 1, "no code system has the key 'loink'."),
        (
            "codes:\n- {system: u, code: HB, means: {system: loink, code: 718-7}}",
            2,
            "no code system has the key 'loink'.",
        ),
        ("codes:\n- {system: u, code: HB, means: {system: loinc, code: 718-8}}", 2, "no value set holds loinc 718-8."),
        ("windows:\n  mrs: 30 d", 2, "there is no notion 'mrs'."),
        ("window: {}", 1, "unknown key 'window'."),
    ],
)
def test_a_wrong_site_file(tmp_path: Path, text: str, line: int, problem: str) -> None:
    """What a site names has to exist; a slip in a local code must not become silence."""
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(DefinitionError) as refused:
        load_study(default_mappings(), site=file)

    assert (refused.value.line, refused.value.problem) == (line, problem)
