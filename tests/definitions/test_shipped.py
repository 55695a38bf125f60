"""The shipped definitions hang together, and no name in them escapes the checks."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from service.eligibility import notions, rules
from service.study.checks import check_study
from service.study.load import default_mappings, load_study
from service.study.references import NAMING_FIELDS

# Fields that hold words but name nothing that could be missing.
FREE = {
    "id", "quote", "title", "text", "not_computed", "because", "label", "resources", "unit", "statuses",
    "prescriptions", "going_on",
}  # fmt: skip


def test_the_shipped_study_passes_every_check() -> None:
    """``check`` finds nothing to say about the definitions that the project ships."""
    assert [str(problem) for problem in check_study(load_study(default_mappings()), default_mappings())] == []


@pytest.mark.parametrize(
    "cls", [cls for module in (rules, notions) for cls in vars(module).values() if is_dataclass(cls)], ids=str
)
def test_every_field_that_names_something_is_checked(cls: Any) -> None:
    """A new field of text in a rule or notion is either resolved by the checks or declared free here."""
    if cls.__name__ == "Formula":
        return
    hints = get_type_hints(cls)
    for field in fields(cls):
        if _holds_text(hints[field.name]):
            assert field.name in NAMING_FIELDS or field.name in FREE, f"{cls.__name__}.{field.name}"


def _holds_text(kind: Any) -> bool:
    """Whether a type is text, or made of text; a closed list of words is not."""
    return kind is str or (get_origin(kind) is not Literal and any(map(_holds_text, get_args(kind))))


def test_the_protocol_is_the_registrys() -> None:
    """The protocol's text names its source, its day and its hash, and holds the criteria as printed."""
    head, _, text = (
        (default_mappings() / "studies" / "NCT06722105" / "protocol.md")
        .read_text(encoding="utf-8")
        .removeprefix("---\n")
        .partition("\n---\n")
    )

    assert "source: ClinicalTrials.gov record NCT06722105" in head
    assert "  11. Bone marrow insufficiency, defined as neutropenia < 1 x 109/L" in text


def test_definitions_are_beside_the_package() -> None:
    """In a checkout the definitions are those of ``mappings/``."""
    assert default_mappings() == Path(__file__).parents[2] / "mappings"
