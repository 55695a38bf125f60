"""Sign-off bound to content: a signature counts for a criterion as long as nothing that its reader saw has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from service.eligibility.codes import Lexicon
from service.eligibility.moment import Span
from service.eligibility.notions import Formula, Notion
from service.eligibility.quantity import UnitTable
from service.eligibility.rules import Criterion
from service.eligibility.study import Rulebook, Study
from service.errors import DefinitionError
from service.study.references import Thing, named, notions_behind, value_sets_of
from service.study.shape import read_shape, submaps
from service.study.strict_yaml import Map


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One signature under one criterion."""

    criterion: str
    hash: str
    role: str
    date: str
    name: str | None = None

    def __str__(self) -> str:
        """For people: who, in which role, when."""
        return ", ".join(part for part in (self.name, self.role, self.date) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What signatures are bound to, besides the criterion itself."""

    notions: Mapping[str, Notion]
    formulas: Mapping[str, Formula]
    lexicon: Lexicon
    units: UnitTable

    @classmethod
    def of(cls, study: Study) -> Content:
        """The content of a loaded study."""
        return cls(notions=study.notions, formulas=study.formulas, lexicon=study.lexicon, units=study.units)


def read_reviews(node: Map) -> tuple[Review, ...]:
    """The signatures of ``reviews.yaml``. Raises ``DefinitionError``."""
    reviews = []
    for item in submaps(node, "reviews"):
        review = read_shape(Review, item)
        try:
            date.fromisoformat(review.date)
        except ValueError:
            raise item.error(f"'{review.date}' is not a day.", "Write 2026-12-01.", "date") from None
        reviews.append(review)
    return tuple(reviews)


def criterion_hash(criterion: Criterion, content: Content) -> str:
    """The hash of everything that decides a criterion: words, rules, notions, codes, formulas, units."""
    notions = notions_behind(criterion.rule, content.notions)
    parts = (criterion.rule, *notions)
    formulas = sorted({name for part in parts for name in named(part, Thing.FORMULA)})
    kinds = sorted({name for part in parts for name in named(part, Thing.QUANTITY)})
    value_sets = sorted({name for notion in notions for name in value_sets_of(notion)})
    return _digest(
        {
            "criterion": _plain(criterion),
            "notions": [_plain(notion) for notion in notions],
            "value_sets": {name: _rows(name, content.lexicon) for name in value_sets},
            "formulas": [_plain(content.formulas[name]) for name in formulas if name in content.formulas],
            "units": {name: _plain(content.units.kinds[name]) for name in kinds if name in content.units.kinds},
        }
    )


def rulebook(
    version: str, criteria: Iterable[Criterion], content: Content, reviews: Iterable[Review], site: object = None
) -> Rulebook:
    """Version, hash over everything (``site`` lies over it), and which criteria are signed as they stand."""
    hashes = {criterion.id: criterion_hash(criterion, content) for criterion in criteria}
    signatures = {review.criterion: str(review) for review in reviews if hashes.get(review.criterion) == review.hash}
    value_sets = {name: _rows(name, content.lexicon) for name in sorted(content.lexicon.concepts)}
    whole = _digest({"version": version, "criteria": hashes, "value_sets": value_sets, "site": _plain(site)})
    return Rulebook(version=version, hash=whole, reviewed=hashes.keys() == signatures.keys(), signatures=signatures)


def sign(study: Study, criterion_id: str, role: str, day: date, name: str | None = None) -> str:
    """The line to add to ``reviews.yaml`` for a signature under a criterion as it stands today.

    Raises ``DefinitionError`` when the study has no such criterion.
    """
    for criterion in study.criteria:
        if criterion.id == criterion_id:
            signed = {
                "criterion": criterion_id,
                "hash": criterion_hash(criterion, Content.of(study)),
                "role": role,
                "date": day.isoformat(),
            } | ({} if name is None else {"name": name})
            return f"- {json.dumps(signed, ensure_ascii=False)}"
    known = ", ".join(criterion.id for criterion in study.criteria)
    raise DefinitionError("reviews.yaml", None, f"the study has no criterion {criterion_id}.", f"It has: {known}.")


@lru_cache(maxsize=1024)
def _rows(concept: str, lexicon: Lexicon) -> list[Any]:
    """What the rows of a value set decide; their names and sources may be corrected without a new signature.

    Most criteria share them with others: they are written out once.
    """
    return [
        (*_plain(row._replace(display="", tags=frozenset())), sorted(row.tags), list(lexicon.listed_under(row)))
        for row in lexicon.rows_of(concept)
    ]


_ATOMS = (str, int, bool, type(None))  # most of the values; told by their very type, for a StrEnum is text too


def _plain(value: Any) -> Any:
    """Data for a canonical JSON text: defaults are left out, so that a new kind of key unsigns nothing."""
    if type(value) in _ATOMS:
        return value
    if is_dataclass(value):
        given = {field.name: getattr(value, field.name) for field in fields(value) if not _is_default(value, field)}
        return {"is": type(value).__name__} | {name: _plain(part) for name, part in given.items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Decimal | Fraction):
        return str(Fraction(value))  # 20 and 20.0 are one threshold
    if isinstance(value, Span | Enum):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _is_default(value: Any, field: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return default is not MISSING and getattr(value, field.name) == default


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
