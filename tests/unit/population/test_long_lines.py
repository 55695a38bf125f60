"""Lines about as long as may be read, in blocks: each is read or told of, wherever the blocks end."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.population import scan
from service.population.patterns import compiled
from service.population.scan import Hit, Sample, Scanner, Unit, lines

SHORT = b'{"resourceType":"Observation"}\n'


@pytest.mark.parametrize("before", [0, 7])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 2, 7, 15, 16, 40])
def test_a_line_is_too_long_from_one_byte_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, beyond: int
) -> None:
    """Also where nothing is looked for that it holds: it is told of by its place."""
    limit = 64
    monkeypatch.setattr(scan, "LONGEST", limit)
    long = b"{" + b"x" * (limit + beyond - 3) + b"}\n"
    file = tmp_path / "a.ndjson"
    file.write_bytes(SHORT * before + long + SHORT)

    scanner = Scanner([compiled([b"nothing of the kind"])])
    found = list(lines(Unit(0, str(file), 0, None, 1), scanner, sample=Sample(0), block=16))

    told = [Hit(len(SHORT) * before, None, frozenset())]
    assert found == (told if beyond > 0 else [])
