"""Studies and their screeners, by the settings. Light to import: one chart on the command line needs no more."""

from __future__ import annotations

import gc
from pathlib import Path

from service.config import Settings
from service.eligibility.study import Study
from service.errors import InputError
from service.fhir.read import Reader
from service.screening.patient import Screener
from service.study.load import default_mappings, load_laboratory, load_study, load_vocabulary, study_ids


def mappings(settings: Settings) -> Path:
    """Return the folder of the definitions."""
    return settings.mappings or default_mappings()


def load(settings: Settings, study: str | None = None) -> Study:
    """Load a study, or the first one. Raises ``DefinitionError``, and ``InputError`` for an unknown id."""
    folder = mappings(settings)
    known = study_ids(folder)
    if study is not None and study not in known:
        raise InputError(f"There is no study {study}; there are: {', '.join(known) or 'none'}.", "unknown-study")
    return load_study(folder, study, settings.site)


def screener(settings: Settings, study: str | None = None) -> Screener:
    """Return the screener of a study, over records that are brought. Raises as ``load`` does."""
    loaded = load(settings, study)
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    reader = Reader(loaded.lexicon, vocabulary, server=settings.fhir_url)
    laboratory = load_laboratory(mappings(settings), loaded.notions)
    gc.freeze()  # all this stays for good: to look through it again and again takes a fifth of the time of screening
    return Screener(loaded, reader, laboratory=laboratory)
