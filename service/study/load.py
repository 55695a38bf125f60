"""Loads a study: a folder of ``mappings/studies`` with the definitions that studies share, and one site's own ways."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from service.eligibility.notions import Formula, Notion
from service.eligibility.study import Study, StudyRecord
from service.eligibility.vocabulary import Vocabulary
from service.errors import DefinitionError
from service.study.criteria import read_criterion
from service.study.protocol import read_protocol
from service.study.shape import read_field, read_shape, read_shapes, refuse_unknown, submap, submaps
from service.study.signoff import Content, read_reviews, rulebook
from service.study.site import Site, read_site
from service.study.strict_yaml import Map, read_yaml
from service.study.tables import load_code_systems, load_units, load_value_sets

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What no other definition explains, with the reason (``mappings/context.yaml``)."""

    value_sets: dict[str, str]
    quantities: dict[str, str]
    tags: dict[str, str]


def default_mappings() -> Path:
    """The definitions shipped with the package, or those of the checkout."""
    shipped = _PACKAGE / "mappings"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "mappings"


def study_ids(mappings: Path) -> list[str]:
    """The studies of a folder of definitions, by name."""
    return sorted(file.parent.name for file in (mappings / "studies").glob("*/study.yaml"))


def load_study(mappings: Path, study_id: str | None = None, site: Path | None = None) -> Study:
    """Load a study, by default the first, as one site screens for it. Raises ``DefinitionError`` with file and line."""
    folder = mappings / "studies" / _known(mappings, study_id)
    systems = load_code_systems(mappings / "code_systems.yaml")
    lexicon = load_value_sets(mappings / "value_sets")
    notions = load_notions(mappings)
    ways = Site() if site is None else read_site(site, systems, lexicon, notions)
    content = Content(
        notions=ways.notions(notions),
        formulas=read_shapes(Formula, submap(read_yaml(mappings / "formulas.yaml"), "formulas")),
        lexicon=ways.lexicon(lexicon, systems),
        units=load_units(mappings / "units.yaml"),
    )
    texts = read_protocol(folder / "protocol.md").criteria
    rules = read_yaml(folder / "criteria.yaml")
    refuse_unknown(rules, "version", "criteria")
    criteria = tuple(read_criterion(node, texts) for node in submaps(rules, "criteria"))
    reviews = read_reviews(read_yaml(folder / "reviews.yaml"))
    return Study(
        record=_record(read_yaml(folder / "study.yaml"), folder.name, ways.base),
        criteria=criteria,
        notions=dict(content.notions),
        formulas=dict(content.formulas),
        lexicon=content.lexicon,
        units=content.units,
        rulebook=rulebook(read_field(rules, "version", str), criteria, content, reviews, site and ways),
        base=ways.base,
        onset_is_coding_date=ways.onset_is_coding_date,
    )


def load_vocabulary(mappings: Path, site: Path | None = None) -> Vocabulary:
    """The words by which records speak of themselves, with one site's flags. Raises ``DefinitionError``."""
    vocabulary = read_shape(Vocabulary, read_yaml(mappings / "vocabulary.yaml"))
    if site is None:
        return vocabulary
    systems = load_code_systems(mappings / "code_systems.yaml")
    ways = read_site(site, systems, load_value_sets(mappings / "value_sets"), load_notions(mappings))
    return ways.vocabulary(vocabulary)


def load_notions(mappings: Path) -> dict[str, Notion]:
    """The notions that all studies share. Raises ``DefinitionError``."""
    return read_shapes(Notion, submap(read_yaml(mappings / "notions.yaml"), "notions"))


def load_laboratory(mappings: Path, notions: Collection[str]) -> frozenset[str]:
    """Those of the notions whose values come by the hour; none, where no file says so. Raises ``DefinitionError``."""
    file = mappings / "announcing.yaml"
    if not file.is_file():
        return frozenset()
    node = read_yaml(file)
    refuse_unknown(node, "laboratory")
    named = read_field(node, "laboratory", frozenset[str])
    if strange := sorted(named.difference(notions)):
        raise node.error(f"there is no notion {', '.join(strange)}.", "notions.yaml has them all.", "laboratory")
    return named


def load_connectives(folder: Path) -> frozenset[str]:
    """The words of a study's protocol that only join its clauses. Raises ``DefinitionError``."""
    node = read_yaml(folder / "study.yaml")
    return frozenset(word.casefold() for word in read_field(node, "connectives", tuple[str, ...]))


def load_context(mappings: Path) -> Context:
    """What no other definition explains. Raises ``DefinitionError``."""
    return read_shape(Context, read_yaml(mappings / "context.yaml"))


def _record(node: Map, folder: str, base: str) -> StudyRecord:
    refuse_unknown(node, "record", "connectives")
    written = submap(node, "record")
    record = read_shape(StudyRecord, written)
    if record.id != folder:
        raise written.error(f"the id {record.id} is not the folder's name {folder}.", "Give both one name.", "id")
    identifiers = {system.replace("{base}", base): value for system, value in record.identifiers.items()}
    return replace(record, identifiers=identifiers)


def _known(mappings: Path, study_id: str | None) -> str:
    known = study_ids(mappings)
    if not known:
        raise DefinitionError(str(mappings), None, "there is no study in the folder.", "Name another folder.")
    if study_id is None:
        return known[0]
    if study_id not in known:
        raise DefinitionError(str(mappings), None, f"there is no study {study_id}.", f"There are: {', '.join(known)}.")
    return study_id
