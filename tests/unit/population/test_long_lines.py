"""Lines about as long as may be read, in blocks: each is read or told of, wherever the blocks end."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.population import scan
from service.population.scan import BLOCK, Hit, Sample, Unit, lines

SHORT = b'{"resourceType":"Observation"}\n'


@pytest.mark.parametrize("block", [16, BLOCK])
@pytest.mark.parametrize("before", [0, 7])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 15, 16, 40])
def test_a_line_is_too_long_from_one_byte_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, before: int, beyond: int
) -> None:
    """Those before and after it are read as they are; the too long one is told of by its place."""
    limit = 64
    monkeypatch.setattr(scan, "LONGEST", limit)
    long = b"{" + b"x" * (limit + beyond - 3) + b"}\n"
    file = tmp_path / "a.ndjson"
    file.write_bytes(SHORT * before + long + SHORT)

    found = list(lines(Unit(0, str(file), 0, None, 1), None, sample=Sample(0, 1), block=block))

    at = len(SHORT) * before
    expected = [Hit(number * len(SHORT), SHORT, frozenset()) for number in range(before)]
    expected.append(Hit(at, None if beyond > 0 else long, frozenset()))
    expected.append(Hit(at + len(long), SHORT, frozenset()))
    assert found == expected
