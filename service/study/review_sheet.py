"""Writes the page that a clinician signs: the protocol's words beside the rules that implement them (Markdown)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from service.eligibility.codes import CodeRow, Role
from service.eligibility.notions import Notion
from service.eligibility.quantity import decimal_text
from service.eligibility.rules import AllOf, AnyOf, Criterion, LeafRule, Not, Rule, Same
from service.eligibility.study import Study
from service.study.coverage_of_words import find
from service.study.plain_english import missing_in_words, rule_in_words, span
from service.study.references import children, leaves, notions_behind, value_sets_of
from service.study.signoff import Content, criterion_hash

_INDENT = "&emsp;"
_EXAMPLES = 3
_HEAD = """\
# Review sheet: {id}

{title}

| | |
|---|---|
| Source of the protocol's words | {source} |
| Sponsor | {sponsor} |
| Rules | version {version}, `{hash}` |
| Signed | {signed} of {total} criteria |

**How to read it.** On the left the protocol's own words; each part that a rule implements is bold and begins with the
rule's number. On the right the same numbers as rules. A rule is true, false or unknown for a patient on a day; an
inclusion criterion has to be true, an exclusion criterion false. Below stand the records that a rule looks at, how long
they count, and what happens when the chart does not tell.

**How to sign it.** A signature is a line in `reviews.yaml` with the criterion's hash. It counts for what stands here
and is void as soon as a word, threshold, window, unit or code of the criterion changes.
"""


def review_sheet(study: Study) -> str:
    """The whole sheet, criteria in protocol order."""
    head = _HEAD.format(
        id=study.record.id,
        title=study.record.title,
        source=study.record.source,
        sponsor=study.record.sponsor,
        version=study.rulebook.version,
        hash=study.rulebook.hash,
        signed=len(study.rulebook.signatures),
        total=len(study.criteria),
    )
    return "\n".join([head, *(_criterion(criterion, study) for criterion in study.criteria)])


def _criterion(criterion: Criterion, study: Study) -> str:
    numbered = list(enumerate(leaves(criterion.rule), 1))
    numbers = {id(leaf): number for number, leaf in numbered}
    must = ", the chart has to show it" if criterion.must_pass else ""
    signature = study.rulebook.signatures.get(criterion.id)
    signed = f"Signed: {signature}" if signature else "Not signed"
    rules = "<br>".join(_outline(criterion.rule, numbers, study, 0))
    lines = [
        f"## {criterion.id} {criterion.title['en']}",
        "",
        f"{str(criterion.kind).capitalize()}{must}. {signed}; `{criterion_hash(criterion, Content.of(study))}`",
        "",
        "| The protocol says | The rules say |",
        "|---|---|",
        f"| {_marked(criterion, numbered)} | {rules} |",
        "",
    ]
    if criterion.not_computed:
        lines += ["Words that no rule implements: " + "; ".join(f"“{phrase}”" for phrase in criterion.not_computed), ""]
    lines += ["| | When the chart does not tell | Decision |", "|---|---|---|"]
    for number, leaf in numbered:
        lines.append(f"| {number} | {_cell(missing_in_words(leaf, study.notions))} | {leaf.reading or ''} |")
    notions = notions_behind(criterion.rule, study.notions)
    if notions:
        lines += [
            "",
            "| Records of | looked for in | count for | plausible | compared in | codes |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_notion(notion, study) for notion in notions]
    return "\n".join([*lines, ""])


def _marked(criterion: Criterion, numbered: Iterable[tuple[int, LeafRule | Same]]) -> str:
    """The protocol's words, each quoted part bold and with the numbers of its rules before it."""
    text = criterion.text
    quoted = [False] * (len(text) + 1)
    marks: dict[int, str] = {}
    for number, leaf in numbered:
        place = find(leaf.quote, text) if leaf.quote else None
        if place is not None:
            quoted[place.start() : place.end()] = [True] * (place.end() - place.start())
            marks[place.start()] = marks.get(place.start(), "") + f"[{number}]"
    written, bold = "", False
    for position, letter in enumerate([*text, ""]):
        starts = position in marks
        if bold and (starts or not quoted[position]):
            blank = written[len(written.rstrip()) :]
            written, bold = f"{written.rstrip()}**{blank}", False
        written += marks.get(position, "")
        if quoted[position] and not bold:
            written, bold = f"{written} **" if starts else f"{written}**", True
        written += _cell(letter)
    return written


def _outline(rule: Rule, numbers: dict[int, int], study: Study, depth: int) -> Iterator[str]:
    indent = _INDENT * depth
    if isinstance(rule, AllOf | AnyOf | Not):
        words = {AllOf: "all of", AnyOf: "any of", Not: "not"}[type(rule)]
        name = f"**{rule.id}** " if rule.id and depth else ""
        yield f"{indent}{name}{words}:"
        for child in children(rule):
            yield from _outline(child, numbers, study, depth + 1)
    else:
        notes = f" — note: {', '.join(rule.notes)}" if isinstance(rule, LeafRule) and rule.notes else ""
        yield f"{indent}[{numbers[id(rule)]}] {_cell(rule_in_words(rule, study.notions))}{notes}"


def _notion(notion: Notion, study: Study) -> str:
    plausible = notion.plausible
    kind = study.units.kinds.get(notion.quantity or "")
    cells = (
        f"{notion.label['en']} (`{notion.id}`)",
        ", ".join(notion.resources),
        span(notion.window) if notion.window else "ever",
        f"{decimal_text(plausible.low)} to {decimal_text(plausible.high)}" if plausible else "",
        f"`{kind.canonical}`" if kind else "",
        "<br>".join(_codes(name, study) for name in value_sets_of(notion) if study.lexicon.rows_of(name)),
    )
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _codes(value_set: str, study: Study) -> str:
    rows = study.lexicon.rows_of(value_set)
    listed = len({code for row in rows for code in study.lexicon.listed_under(row)})
    counts = [f"{n} {role}" for role in Role if (n := sum(row.role is role for row in rows))]
    examples = [_example(row) for row in rows if row.role is Role.MATCH][:_EXAMPLES]
    more = f", {listed} listed descendants" if listed else ""
    return f"`{value_set}`: {', '.join(counts)}{more}" + (f", e.g. {'; '.join(examples)}" if examples else "")


def _example(row: CodeRow) -> str:
    code = row.code if row.until is None else f"{row.code}–{row.until}"
    return f"{row.system} {code} {row.display}".rstrip()


def _cell(text: str) -> str:
    """The text inside a table: no character of it is taken for markup, units in backticks stay."""
    return re.sub(r"([|]|(?<!`)[*_](?!`))", r"\\\1", text) if "`" not in text else text.replace("|", "\\|")
