"""One hospital's own ways (``mappings/sites/``), laid over the shared definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from service.eligibility.code_systems import CodeSystem
from service.eligibility.codes import Lexicon
from service.eligibility.moment import Span
from service.eligibility.notions import Notion
from service.eligibility.vocabulary import Vocabulary
from service.study.shape import read_shape
from service.study.strict_yaml import Map, read_yaml

CANONICAL_BASE = "https://trial-screening.example/fhir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code of a code system: by URI in what a site writes, by key in what it means."""

    system: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCode(Code):
    """A site's code and the one of ours that it stands for."""

    means: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What one hospital does its own way."""

    base: str = CANONICAL_BASE
    code_systems: dict[str, str] = field(default_factory=dict)  # URI -> key
    codes: tuple[SiteCode, ...] = ()
    windows: dict[str, Span] = field(default_factory=dict)  # notion -> window
    onset_is_coding_date: bool = False
    opposition_flags: tuple[Code, ...] = ()

    def lexicon(self, shared: Lexicon, systems: Iterable[CodeSystem]) -> Lexicon:
        """The value sets as this site writes them; our own systems move with the base."""
        moved = {
            self.base + uri.removeprefix(CANONICAL_BASE): system.key
            for system in systems
            for uri in system.uris
            if uri.startswith(CANONICAL_BASE)
        }
        codes = [(code.system, code.code, code.means.system, code.means.code) for code in self.codes]
        return shared.with_site_codes(moved | self.code_systems, codes)

    def notions(self, shared: Mapping[str, Notion]) -> dict[str, Notion]:
        """The notions with this site's windows."""
        return {
            name: replace(notion, window=self.windows[name]) if name in self.windows else notion
            for name, notion in shared.items()
        }

    def vocabulary(self, shared: Vocabulary) -> Vocabulary:
        """The vocabulary with this site's opposition flags."""
        return replace(shared, opposition_codes=tuple((flag.system, flag.code) for flag in self.opposition_flags))


def read_site(path: Path, systems: Iterable[CodeSystem], lexicon: Lexicon, notions: Mapping[str, Notion]) -> Site:
    """Read a site's file. Raises ``DefinitionError``, also where it names a system, code or notion we do not have."""
    node = read_yaml(path)
    site = read_shape(Site, node)
    uris = {system.key: system.uris[0] for system in systems}
    for uri, key in site.code_systems.items():
        if key not in uris:
            raise node["code_systems"].error(f"no code system has the key '{key}'.", _known(uris), uri)
    for code, written in zip(site.codes, node.get("codes", ()), strict=True):
        if code.means.system not in uris:
            raise written["means"].error(f"no code system has the key '{code.means.system}'.", _known(uris), "system")
        if not lexicon.meanings(uris[code.means.system], code.means.code):
            raise _no_meaning(written["means"], code.means)
    for name in site.windows:
        if name not in notions:
            raise node["windows"].error(f"there is no notion '{name}'.", "notions.yaml lists them.", name)
    return site


def _no_meaning(written: Map, code: Code) -> Exception:
    return written.error(f"no value set holds {code.system} {code.code}.", "value_sets/ lists the codes.", "code")


def _known(keys: Iterable[str]) -> str:
    return f"The keys are: {', '.join(keys)}."
