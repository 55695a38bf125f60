"""The words and codes by which a reader recognises what a record says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What is not a clinical code but decides how a record is read (``mappings/vocabulary.yaml``)."""

    incomplete_codes: frozenset[str]  # OperationOutcome.issue.code: the answer is cut short
    incomplete_details: frozenset[str]  # vendors' codes in issue.details, e.g. Epic 4119
    incomplete_texts: tuple[str, ...]  # lower-case words of issue texts that say so
    interventional_words: tuple[str, ...]  # lower-case, in ResearchStudy.category
    observational_words: tuple[str, ...]
    opposition_codes: tuple[tuple[str, str], ...] = ()  # a site's Flag codes (system, code)
