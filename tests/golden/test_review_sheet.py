"""The committed review sheet is what the definitions say today: a change of meaning shows as a changed sentence."""

from pathlib import Path

from service.study.load import default_mappings, load_study
from service.study.review_sheet import review_sheet

SHEET = Path(__file__).parents[2] / "docs" / "review" / "NCT06722105.md"


def test_the_sheet_is_not_stale() -> None:
    """``docs/review/NCT06722105.md`` equals the generated sheet; after a look, ``make review-sheet`` renews it."""
    assert SHEET.read_text(encoding="utf-8") == review_sheet(load_study(default_mappings(), "NCT06722105"))
