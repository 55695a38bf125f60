"""``candor check``: definitions, settings and the hospital's server, each with what to do about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from service.access import hospital_servers
from service.admission import admission
from service.app import refuse_strangers
from service.config import Settings, load_settings, unknown_names
from service.errors import CandorError, DefinitionError, SettingError, TryLater
from service.screeners import load, mappings
from service.servers import capabilities
from service.study.checks import check_study
from service.study.load import study_ids

R4 = "4.0"  # 4.0.1 and its editions; 4.3 is R4B
WRITTEN = ("ResearchSubject", "GuidanceResponse")


class Finding(NamedTuple):
    """One line: what was looked at, whether it is good, what to do if not, and whether waiting may do."""

    good: bool
    what: str
    remedy: str = ""
    later: bool = False


def check(file: Path | None) -> Iterator[Finding]:
    """Yield what is good and what is not, in the order in which to repair it."""
    try:
        settings = load_settings(file)
    except CandorError as error:
        yield Finding(False, str(error), "Correct the setting: README.md, section Settings, has them all.")
        return
    yield Finding(True, "Settings are readable.")
    for name in unknown_names(file):
        yield Finding(False, f"{name} is no setting of this version.", "Remove it, or correct its spelling.")
    yield from _machine(settings)
    yield from _definitions(settings)
    yield from _hospital(settings)


def _machine(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_strangers(settings)
    except SettingError as error:
        yield Finding(False, str(error))
    there = next(folder for folder in (settings.home, *settings.home.absolute().parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Finding(False, f"CANDOR_HOME: nothing can be kept in {settings.home}.", "Set a folder that we may write.")


def _definitions(settings: Settings) -> Iterator[Finding]:
    folder = mappings(settings)
    known = study_ids(folder)
    if not known:
        yield Finding(
            False, f"{folder}: there is no study.", "Set CANDOR_MAPPINGS to a folder with studies/ID/study.yaml."
        )
    for study in known:
        try:
            loaded = load(settings, study)
            problems = check_study(loaded, folder)
        except DefinitionError as error:
            yield Finding(False, str(error))
            continue
        yield from (Finding(False, str(problem)) for problem in problems)
        if not problems:
            rules = loaded.rulebook
            signed = "signed" if rules.reviewed else "not signed yet (candor review-sheet prints the page to sign)"
            yield Finding(True, f"{study}: {len(loaded.criteria)} criteria, rules {rules.version}, {signed}.")


def _hospital(settings: Settings) -> Iterator[Finding]:
    try:
        reads, writes = hospital_servers(settings)
    except SettingError as error:
        yield Finding(False, str(error))
        return
    if writes is None:
        yield Finding(True, "No hospital server is set (CANDOR_FHIR_URL): Bundles and files can be screened.")
        return
    for server in dict.fromkeys(filter(None, (reads, writes))):
        name = "CANDOR_FHIR_URL" if server == reads else "CANDOR_FHIR_WRITE_URL"
        try:
            statement = asyncio.run(capabilities(server))
        except CandorError as error:
            remedy = "Check the URL, the token, and that the server is up."
            yield Finding(False, f"{name}: {error}", remedy, isinstance(error, TryLater))
            continue
        yield from _capable(name, statement, writes=server == writes)
        yield from (Finding(*told._replace(what=f"{name}: {told.what}")) for told in asyncio.run(admission(server)))


def _capable(name: str, statement: dict[str, Any], *, writes: bool) -> Iterator[Finding]:
    version = str(statement.get("fhirVersion"))
    if statement.get("resourceType") != "CapabilityStatement":
        yield Finding(False, f"{name}: its metadata is no CapabilityStatement.", "Set the base URL of a FHIR server.")
        return
    good = version.startswith(R4)
    yield Finding(
        good, f"{name}: FHIR {version}.", "" if good else "An R4 (4.0.1) endpoint is needed; ask for its URL."
    )
    if not writes:
        return
    allowed = _interactions(statement)
    for kind in WRITTEN:
        lacking = {"create", "update"} - allowed.get(kind, set())
        if lacking:
            yield Finding(
                False,
                f"{name}: {kind} allows no {' and no '.join(sorted(lacking))}.",
                "Results cannot be posted there.",
            )
        else:
            yield Finding(True, f"{name}: {kind} can be written.")


def _interactions(statement: dict[str, Any]) -> dict[str, set[str]]:
    return {
        str(resource.get("type")): {str(each.get("code")) for each in _objects(resource, "interaction")}
        for rest in _objects(statement, "rest")
        for resource in _objects(rest, "resource")
    }


def _objects(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return what is usable of an array that some server may have left out or filled in its own way."""
    given = parent.get(name)
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
