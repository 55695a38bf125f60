"""A signature counts for what was signed: any change of what a reviewer saw drops it, and nothing else does."""

import re
from datetime import date
from pathlib import Path

import pytest

from service.errors import DefinitionError
from service.study.load import load_study
from service.study.review_sheet import review_sheet
from service.study.signoff import Content, criterion_hash, sign

CRITERIA = "studies/DEMO-1/criteria.yaml"
BLEEDING = "snomed,131148009,,,true,match,acute,Bleeding"


def sign_all(mappings: Path) -> None:
    """Sign every criterion of the small study as it stands."""
    study = load_study(mappings)
    lines = [sign(study, criterion.id, "clinician", date(2026, 12, 1)) for criterion in study.criteria]
    reviews = mappings / "studies/DEMO-1/reviews.yaml"
    reviews.write_text("reviews:\n" + "\n".join(lines) + "\n", encoding="utf-8")


def test_reviewed_when_every_criterion_is_signed(mappings: Path) -> None:
    """The rules are reviewed only when each criterion is signed with its present content."""
    assert load_study(mappings).rulebook.reviewed is False
    sign_all(mappings)
    rulebook = load_study(mappings).rulebook
    assert rulebook.reviewed is True
    assert rulebook.signatures == {"I1": "clinician, 2026-12-01", "E1": "clinician, 2026-12-01"}
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", rulebook.hash)


@pytest.mark.parametrize(
    ("file", "old", "new", "dropped"),
    [
        (CRITERIA, "ge: 10", "ge: 10.5", {"I1"}),
        (CRITERIA, "past_means: nothing", "past_means: needs-judgement", {"E1"}),
        (CRITERIA, "kind: exclusion", "kind: exclusion\n  must_pass: true", {"E1"}),
        ("notions.yaml", "window: 90 d", "window: 91 d", {"I1", "E1"}),
        ("notions.yaml", "high: 25", "high: 26", {"I1", "E1"}),
        ("units.yaml", 'g/L: "0.1"', 'g/L: "0.11"', {"I1", "E1"}),
        ("value_sets/hemoglobin.csv", "loinc,718-7", "loinc,718-8", {"I1", "E1"}),
        ("value_sets/bleeding.csv", BLEEDING, BLEEDING.replace("match", "review"), {"E1"}),
        ("value_sets/bleeding.csv", BLEEDING, BLEEDING.replace("acute", "chronic"), {"E1"}),
        ("value_sets/snomed-descendants.csv", "110265006", "110265007", {"E1"}),
        # What decides nothing drops nothing.
        (CRITERIA, "ge: 10", "ge: 10.0", set()),
        (CRITERIA, "- id: E1", "# a comment\n- id: E1", set()),
        ("value_sets/hemoglobin.csv", "LOINC", "LOINC 2.81", set()),
        ("formulas.yaml", "1.7", "1.8", set()),
    ],
)
def test_a_change_drops_the_signature(mappings: Path, file: str, old: str, new: str, dropped: set[str]) -> None:
    """A threshold, window, unit, code, role, tag or descendant unsigns the criteria that rest on it, and only these."""
    sign_all(mappings)
    before = load_study(mappings).rulebook
    text = (mappings / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (mappings / file).write_text(text.replace(old, new), encoding="utf-8")

    after = load_study(mappings).rulebook

    assert {"I1", "E1"} - after.signatures.keys() == dropped
    assert after.reviewed is not bool(dropped)
    assert (after.hash != before.hash) is bool(dropped)


def test_a_formula_belongs_to_what_uses_it(mappings: Path) -> None:
    """A coefficient unsigns the criterion whose value it corrects."""
    criteria = mappings / CRITERIA
    corrected = "  corrected: {formula: cotes, given: hemoglobin, within: 90 d, low: 5, high: 20, already: acute}\n"
    criteria.write_text(criteria.read_text(encoding="utf-8").replace("  ge: 10\n", f"  ge: 10\n{corrected}"), "utf-8")
    sign_all(mappings)
    formulas = mappings / "formulas.yaml"
    formulas.write_text(formulas.read_text(encoding="utf-8").replace("1.7", "1.8"), encoding="utf-8")

    assert load_study(mappings).rulebook.signatures.keys() == {"E1"}


def test_the_protocols_words_are_signed(mappings: Path) -> None:
    """A new text of the protocol, with its own hash, unsigns the criterion whose words changed."""
    sign_all(mappings)
    file = mappings / "studies/DEMO-1/protocol.md"
    file.write_text(file.read_text(encoding="utf-8").replace("Active bleeding", "Acute bleeding"), encoding="utf-8")
    with pytest.raises(DefinitionError) as refused:
        load_study(mappings)
    digests = re.findall(r"[0-9a-f]{64}", refused.value.problem + file.read_text(encoding="utf-8"))
    file.write_text(file.read_text(encoding="utf-8").replace(digests[1], digests[0]), encoding="utf-8")

    assert load_study(mappings).rulebook.signatures.keys() == {"I1"}


def test_the_sheet_shows_who_signed(mappings: Path) -> None:
    """The review sheet says of each criterion whether it is signed, by whom, and the hash that a signature names."""
    sign_all(mappings)
    study = load_study(mappings)
    first = criterion_hash(study.criteria[0], Content.of(study))

    assert f"Inclusion. Signed: clinician, 2026-12-01; `{first}`" in review_sheet(study)
    assert "| Signed | 2 of 2 criteria |" in review_sheet(study)


def test_signing_what_is_not_there(mappings: Path) -> None:
    """A signature under an unknown criterion is refused, and so is a day that is none."""
    with pytest.raises(DefinitionError, match="no criterion I9"):
        sign(load_study(mappings), "I9", "clinician", date(2026, 12, 1))
    reviews = mappings / "studies/DEMO-1/reviews.yaml"
    reviews.write_text("reviews:\n- {criterion: I1, hash: x, role: clinician, date: yesterday}\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="'yesterday' is not a day"):
        load_study(mappings)
