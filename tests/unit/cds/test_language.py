"""The language of a card: what the clinician's browser likes best of what there is."""

import pytest

from service.cds.phrases import LANGUAGES, language_of
from service.eligibility.phrases import LANGUAGES as EXPLAINED


@pytest.mark.parametrize(
    "accepted", ["", "en", "EN-gb", "fr", "de, en;q=0.5", "*", "fr;q=x", "en;q=0", ";;,", "q=1;en", "fr-FR,fr;q=0.9"]
)
def test_what_there_is_not_is_english(accepted: str) -> None:
    """Without a language that cards and findings both have, the card is in English."""
    assert language_of(accepted) == "en"


def test_the_best_liked_language_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are several, weights decide; a weight of nothing is a refusal."""
    for languages in (LANGUAGES, EXPLAINED):
        monkeypatch.setitem(languages, "fr", languages["en"])
    monkeypatch.setitem(LANGUAGES, "de", LANGUAGES["en"])  # findings have none

    assert language_of("en;q=0.8, fr-FR") == "fr"
    assert language_of("en;q=0.8, fr;q=0.9") == "fr"
    assert language_of("fr;q=0, en;q=0.1") == "en"
    assert language_of("de, fr;q=0.2") == "fr"
