"""YAML is read as a person reads it, or refused with file and line."""

from decimal import Decimal

import pytest

from service.errors import DefinitionError
from service.study.strict_yaml import parse_yaml


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("20", 20),
        ("-3", -3),
        ("0.10", Decimal("0.10")),
        ("-1.200", Decimal("-1.200")),
        ("true", True),
        ("false", False),
        ("null", None),
        ('"yes"', "yes"),
        ("'1e5'", "1e5"),
        ('""', ""),
        ("2026-11-23", "2026-11-23"),
        ("12:30", "12:30"),
        ("180 d", "180 d"),
        ("718-7", "718-7"),
        ("1.0.0", "1.0.0"),
        ("E10", "E10"),
        ("[1, a]", [1, "a"]),
        ("{b: {c: 0.5}}", {"b": {"c": Decimal("0.5")}}),
    ],
)
def test_values(written: str, value: object) -> None:
    """Numbers keep their decimals, dates and codes stay text, only true and false are booleans."""
    read = parse_yaml(f"key: {written}", "a.yaml")["key"]

    assert read == value
    assert type(read) is type(value) or isinstance(value, list | dict)
    assert str(read) == str(value)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3", 3, "the key 'a' stands twice."),
        ("a:\n  b: 1\n  b: 1", 3, "the key 'b' stands twice."),
        ("on: 1", 1, "the key on is not text in YAML."),
        ("a: 1\nYes: 1", 2, "the key Yes is not text in YAML."),
        ("a: yes", 1, "yes is not plain text in YAML."),
        ("a: Off", 1, "Off is not plain text in YAML."),
        ("a: TRUE", 1, "TRUE is not plain text in YAML."),
        ("a: [1, n]", 1, "n is not plain text in YAML."),
        ("a: ~", 1, "~ is not plain text in YAML."),
        ("a:\nb: 1", 1, "a value is missing."),
        ("a: 1e5", 1, "1e5 is not a plain decimal."),
        ("a: 1.5E-3", 1, "1.5E-3 is not a plain decimal."),
        ("a: .5", 1, ".5 is not a plain decimal."),
        ("a: 5.", 1, "5. is not a plain decimal."),
        ("a: +5", 1, "+5 is not a plain decimal."),
        ("a: 1_000", 1, "1_000 is not a plain decimal."),
        ("a: 007", 1, "007 is not a plain decimal."),
        ("a: 0x1F", 1, "0x1F is not a plain decimal."),
        ("a: .nan", 1, ".nan is not a plain decimal."),
        ("a: -.inf", 1, "-.inf is not a plain decimal."),
        ("a: &x 1", 1, "anchors and aliases are not used here."),
        ("a: &x [1]", 1, "anchors and aliases are not used here."),
        ("a: 1\nb: *x", 2, "anchors and aliases are not used here."),
        ("&x a: 1", 1, "a key has to be a word."),
        ("? [a]\n: 1", 1, "a key has to be a word."),
        ("a: !!python/name:os.system x", 1, "the tag tag:yaml.org,2002:python/name:os.system is not used here."),
        ("a: !!set {}", 1, "the tag tag:yaml.org,2002:set is not used here."),
        ("a: 1\n---\nb: 1", 2, "a second document in one file."),
        ("- a", 1, "the file does not begin with a key."),
        ("", 1, "the file does not begin with a key."),
        ("a: [1", 2, "not YAML: did not find expected ',' or ']'."),
        ("a: \x01", None, "not YAML: a character that YAML does not allow."),
    ],
)
def test_what_is_refused(text: str, line: int | None, problem: str) -> None:
    """What YAML would change in silence is refused, with file and line."""
    with pytest.raises(DefinitionError) as refused:
        parse_yaml(text, "a.yaml")

    assert (refused.value.file, refused.value.problem) == ("a.yaml", problem)
    assert refused.value.line in ({line} if problem[:8] != "not YAML" else {line, 1, None})


def test_every_value_knows_its_line() -> None:
    """Maps and lists keep the lines of what they hold, for errors that are found later."""
    document = parse_yaml("a:\n  b: 1\n\n  c:\n  - 2\n  - 3\n", "a.yaml")

    assert document.lines == {"a": 1}
    assert document["a"].lines == {"b": 2, "c": 4}
    assert document["a"]["c"].lines == [5, 6]
