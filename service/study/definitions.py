"""A loaded study beside its files, so that a check can say on which line a rule stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from service.eligibility.notions import Notion
from service.eligibility.rules import AllOf, AnyOf, Criterion, Not, Rule, Same
from service.eligibility.study import Study
from service.study.load import load_connectives
from service.study.protocol import Protocol, read_protocol
from service.study.references import children, notions_behind
from service.study.strict_yaml import Map, read_yaml


class Problem(NamedTuple):
    """What is wrong, where, and what to do about it."""

    file: Path
    line: int | None
    problem: str
    remedy: str

    def __str__(self) -> str:
        """For people: ``file:line: problem remedy``."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.problem} {self.remedy}"


class Placed(NamedTuple):
    """A rule, the criterion that holds it and the line on which it begins."""

    criterion: Criterion
    rule: Rule
    line: int


@dataclass(frozen=True)
class Definitions:
    """What the checks look at."""

    study: Study
    mappings: Path

    @cached_property
    def folder(self) -> Path:
        """The study's own folder."""
        return self.mappings / "studies" / self.study.record.id

    @cached_property
    def criteria_file(self) -> Path:
        """The file of the rules."""
        return self.folder / "criteria.yaml"

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol's words."""
        return read_protocol(self.folder / "protocol.md")

    @cached_property
    def connectives(self) -> frozenset[str]:
        """The protocol's words that only join clauses."""
        return load_connectives(self.folder)

    @cached_property
    def rules(self) -> tuple[Placed, ...]:
        """Every rule of the study, in the order of the file."""
        nodes = read_yaml(self.criteria_file)["criteria"]
        return tuple(
            Placed(criterion, rule, line)
            for criterion, node in zip(self.study.criteria, nodes, strict=True)
            for rule, line in _placed(criterion.rule, node)
        )

    @cached_property
    def same(self) -> dict[str, Rule]:
        """The leaves that others may point at, by id."""
        leaves = (rule for _, rule, _ in self.rules if not isinstance(rule, AllOf | AnyOf | Not | Same))
        return {leaf.id: leaf for leaf in leaves if leaf.id}

    @cached_property
    def notions(self) -> dict[str, Notion]:
        """The notions that this study asks for, and those from which these are derived."""
        behind = (notions_behind(criterion.rule, self.study.notions) for criterion in self.study.criteria)
        return {notion.id: notion for notions in behind for notion in notions}

    def in_rules(self, placed: Placed, problem: str, remedy: str) -> Problem:
        """A problem of one rule."""
        return Problem(self.criteria_file, placed.line, f"{placed.criterion.id}: {problem}", remedy)

    def in_notion(self, name: str, problem: str, remedy: str) -> Problem:
        """A problem of one notion."""
        file = self.mappings / "notions.yaml"
        line = read_yaml(file)["notions"].lines.get(name)
        return Problem(file, line, f"{name}: {problem}", remedy)


def _placed(rule: Rule, node: Map) -> Iterator[tuple[Rule, int]]:
    yield rule, node.line
    match rule:
        case Not():
            below = [node["not"]]
        case AllOf() | AnyOf():
            below = node["all_of" if isinstance(rule, AllOf) else "any_of"]
        case _:
            below = []
    for child, written in zip(children(rule), below, strict=True):
        yield from _placed(child, written)
