"""Compare the search by bytes with parsing everything, on a folder: ``python -m tests.property.compare_sieve FOLDER``.

Nobody in a public export has the disease: every tenth person is taken as known, so that there is something to compare.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from service.population.sources import open_source
from service.screening.patient import Screener
from tests.sieve import naive, sieved
from tests.verdicts import shipped_reader, shipped_study


def main(folder: Path) -> int:
    """Print what differs; return 1 where something does."""
    screener = Screener(shipped_study(), shipped_reader())
    known = [chart.patient for chart in open_source(folder).patients()][::10]
    expected, differing = naive(screener, folder, known), 0
    for sample in (0, 1024 * 1024):
        with TemporaryDirectory() as work:
            found = sieved(screener, folder, Path(work), known, sample=sample)
        people = expected.documents.keys() | found.documents.keys()
        different = [each for each in people if expected.documents.get(each) != found.documents.get(each)]
        sys.stdout.write(
            f"sample {sample}: {len(expected.documents)} by parsing everything, {len(found.documents)} by bytes, "
            f"{len(different)} differ; unread {len(expected.unread)} and {len(found.unread)}\n"
        )
        differing += len(different) + (expected.unread != found.unread)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
