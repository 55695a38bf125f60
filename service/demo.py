"""``candor demo``: a dozen invented charts screened, the results kept as FHIR resources in a folder, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

from rich.console import Console
from rich.text import Text

from service import terminal
from service.config import Settings
from service.eligibility.results import Screening
from service.errors import SettingError
from service.fhir.decode import decode
from service.hospital.local import LocalShelf
from service.hospital.results import write_back
from service.screeners import screener
from service.screening.patient import Result

AS_OF = date(2026, 11, 23)  # the charts' dates are around it, so that the demo says the same on every day
SHOWN = "06-skin-score-too-old"  # the chart that is shown whole: one missing value is all it lacks

NEXT = """\
What to try next:
  candor screen FOLDER --as-of 2026-11-23         your own Bundles or NDJSON exports
  candor screen BUNDLE.json --json                one result as JSON
  candor review-sheet > sheet.md                  the rules beside the protocol's words, for a clinician
  CANDOR_FHIR_URL=https://… candor check          the connection to a hospital's FHIR server
  candor serve                                    the same over HTTP: POST /api/v1/screenings"""


def run(settings: Settings, console: Console) -> None:
    """Screen the sample charts, keep the results under the settings' home, and print everything.

    Raises ``SettingError`` where nothing can be kept there.
    """
    shipped = screener(replace(settings, site=None, fhir_url=None))
    results = {name: shipped.screen_bundle(chart, AS_OF) for name, chart in charts().items()}
    folder = settings.home / "demo"
    try:
        asyncio.run(_keep(results.values(), LocalShelf(folder)))
    except OSError as error:
        raise SettingError(f"CANDOR_HOME: nothing can be kept in {folder} ({error.strerror}).") from None

    console.print(Text(f"{len(results)} sample charts, screened as of {AS_OF}:", style="bold"))
    table = terminal.Tables(console)
    for result in results.values():
        table.put(result)
    table.end()
    console.print()
    console.print(terminal.whole(results[SHOWN]))
    kept = sum(1 for _ in folder.rglob("*.json"))
    console.print(Text(f"\nWhat a hospital's server would have been sent: {kept} FHIR resources in {folder}\n\n{NEXT}"))


async def _keep(results: Iterable[Result], shelf: LocalShelf) -> None:
    for result in results:
        if isinstance(result, Screening):
            await write_back(shelf, result, now=datetime.now(UTC))


def charts() -> dict[str, dict[str, Any]]:
    """Return the sample Bundles by name."""
    folder = files("service") / "demo_charts"
    return {
        file.name.removesuffix(".json"): decode(file.read_bytes())
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
    }
