"""People of the hospital's server, by searches or by its export, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from service.config import Settings
from service.discovery.ports import People
from service.hospital.bulk import Wish
from service.hospital.bulk_people import BulkPeople
from service.hospital.client import FhirClient
from service.hospital.plan import exported_kinds, plan_for
from service.hospital.rest_people import RestPeople
from service.screeners import mappings
from service.screening.patient import Screener
from service.study.load import load_vocabulary


def searched(settings: Settings, client: FhirClient, screener: Screener, since: datetime | None) -> RestPeople:
    """Return the people whom searches find."""
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    return RestPeople(screener, client, vocabulary, since=since)


def exported(
    settings: Settings,
    client: FhirClient,
    screener: Screener,
    since: datetime | None,
    folder: Path,
    local: Callable[[Path], People],
) -> BulkPeople:
    """Return the people of an export into ``folder``, through which ``local`` looks."""
    vocabulary = load_vocabulary(mappings(settings), settings.site)
    kinds = exported_kinds(plan_for(screener.study, vocabulary))
    wish = Wish(kinds, settings.bulk_group, since, settings.bulk_type_filter)
    rest = searched(settings, client, screener, since)
    return BulkPeople(client, screener.study, folder, wish, local, rest)
