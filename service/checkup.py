"""``candor check``: definitions, settings and the hospital's server, each with what to do about it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from service.access import hospital_servers
from service.admission import admission
from service.advisors import trusted
from service.app import refuse_strangers
from service.callers import issuer_keys
from service.config import Settings, load_settings, unknown_names
from service.discoveries import notices_of
from service.errors import CandorError, DefinitionError, SettingError, TryLater
from service.fhir.write_kinds import KINDS
from service.hospital.capabilities import Capabilities
from service.hospital.client import FhirClient, Server
from service.hospital.plan import plan_for
from service.screeners import load, mappings
from service.store.database import examine
from service.study.checks import check_study
from service.study.load import load_vocabulary, study_ids
from service.subscriptions.ports import Standing
from service.triggers import registered

R4 = "4.0"  # 4.0.1 and its editions; 4.3 is R4B


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
        yield Finding(False, str(error), "Correct the setting: docs/settings.md has them all.")
        return
    yield Finding(True, "Settings are readable.")
    for name in unknown_names(file):
        yield Finding(False, f"{name} is no setting of this version.", "Remove it, or correct its spelling.")
    yield from _machine(settings)
    yield from _callers(settings)
    yield from _notices(settings)
    yield from _store(settings)
    yield from _definitions(settings)
    yield from _hospital(settings)
    yield from _subscriptions(settings)


def _machine(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_strangers(settings)
        trusted(settings)
    except SettingError as error:
        yield Finding(False, str(error))
    there = next(folder for folder in (settings.home, *settings.home.absolute().parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Finding(False, f"CANDOR_HOME: nothing can be kept in {settings.home}.", "Set a folder that we may write.")


def _notices(settings: Settings) -> Iterator[Finding]:
    """Who is told of a search; nothing is sent."""
    try:
        notices = notices_of(settings)
    except SettingError as error:
        yield Finding(False, str(error))
        return
    if notices is not None and settings.public_url is None:
        what = f"CANDOR_PUBLIC_URL is not set: the link in what tells of a search leads to {settings.public}."
        yield Finding(True, what)


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        examine(settings.store, settings.home)
    except SettingError as error:
        yield Finding(False, str(error))


def _callers(settings: Settings) -> Iterator[Finding]:
    try:
        asyncio.run(issuer_keys(settings))
    except CandorError as error:
        yield Finding(False, str(error), later=isinstance(error, TryLater))
    else:
        if settings.oidc_issuer is not None:
            yield Finding(True, "CANDOR_OIDC_ISSUER: its keys can be had, so that callers are let in.")


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
    kinds = _kinds(settings)
    for server in dict.fromkeys(filter(None, (reads, writes))):
        name = "CANDOR_FHIR_URL" if server == reads else "CANDOR_FHIR_WRITE_URL"
        try:
            found = asyncio.run(
                _ask(server, kinds if server == reads else (), settings.fhir_write_without, writes=server == writes)
            )
        except CandorError as error:
            remedy = "Check the URL, and that the server is up." if isinstance(error, TryLater) else ""
            found = [Finding(False, str(error), remedy, isinstance(error, TryLater))]
        else:
            found += [Finding(*told) for told in asyncio.run(admission(server))]
        yield from (finding._replace(what=f"{name}: {finding.what}") for finding in found)


def _subscriptions(settings: Settings) -> Iterator[Finding]:
    """Whether the hospital's server tells of changes; where nobody asked it to, nothing is wrong."""
    if settings.public_url is None or settings.fhir_url is None:
        return
    what = "CANDOR_PUBLIC_URL: Subscriptions"
    try:
        standings = asyncio.run(_standings(settings))
    except CandorError as error:
        yield Finding(True, f"{what} cannot be looked at: {error}")
        return
    if all(each.id is None for each in standings):
        yield Finding(True, f"{what}: none is registered; changes in the hospital are not heard of.")
        return
    counted = Counter(each.status for each in standings)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counted.items()))
    good = not any(each.stopped for each in standings)
    remedy = "Repair what made them stop, then run candor subscriptions register."
    yield Finding(good, f"{what}: {told}.", "" if good else remedy)


async def _standings(settings: Settings) -> list[Standing]:
    async with registered(settings) as there:
        return await there.standings()


def _kinds(settings: Settings) -> tuple[str, ...]:
    """The resource types that the studies ask for; those of definitions that are wrong are told elsewhere."""
    try:
        loaded = [load(settings, study) for study in study_ids(mappings(settings))]
        vocabulary = load_vocabulary(mappings(settings), settings.site)
    except DefinitionError:
        return ()
    return tuple(sorted({kind for study in loaded for kind in plan_for(study, vocabulary).kinds}))


async def _ask(server: Server, kinds: Sequence[str], without: Sequence[str], *, writes: bool) -> list[Finding]:
    async with FhirClient(server) as client:
        declared = await client.capabilities()
        found = [*_readable(declared, kinds), *(_writable(declared, without) if writes else ())]
        if (astray := await _astray(client)) is not None:
            found.append(astray)
    return found


def _readable(declared: Capabilities, kinds: Sequence[str]) -> Iterator[Finding]:
    version = str(declared.fhir_version)
    good = version.startswith(R4)
    yield Finding(good, f"FHIR {version}.", "" if good else "An R4 (4.0.1) endpoint is needed; ask for its URL.")
    unknown = [kind for kind in kinds if not declared.knows(kind)]
    if unknown:
        yield Finding(True, f"it keeps no {', '.join(unknown)}: charts are screened without.")


def _writable(declared: Capabilities, without: Sequence[str]) -> Iterator[Finding]:
    for kind, (actions, searches, instead, besides) in KINDS.items():
        lacking = declared.lacks(kind, [name for name in ("create", "update") if name[0] in actions])
        ignored = declared.ignores(kind, searches)
        refused = f"{kind} allows no {' and no '.join(lacking)}"
        if kind in without:
            yield Finding(True, f"{kind} is not written there: {instead}.")
        elif not lacking and ignored:
            what = f"{kind} is not searched by {' and '.join(ignored)}, as it declares."
            yield Finding(False, what, "Have it searched so: without, results are not posted there.")
        elif not lacking:
            yield Finding(True, f"{kind} can be written.")
        elif besides:
            yield Finding(True, f"{refused}: {instead}.")
        else:
            yield Finding(
                False,
                f"{refused}.",
                "Results cannot be posted there: have it allowed, or set CANDOR_FHIR_WRITE_URL to another server."
                + (f" With CANDOR_FHIR_WRITE_WITHOUT={kind}, {instead}." if instead else ""),
            )
    if declared.interactions and not declared.takes_transactions:
        yield Finding(True, "it declares no transactions: what belongs together is written piece by piece.")


async def _astray(client: FhirClient) -> Finding | None:
    """Look where the server's own links lead, by a search that is about no patient."""
    try:
        page = await client.search("ResearchStudy", [("_count", "1")])
    except CandorError:
        return None  # admission tells whether we are let in
    links = page.get("link")
    urls = [link.get("url") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    if all(client.follows(url) for url in urls if isinstance(url, str)):
        return None
    return Finding(
        False,
        "its links to further pages lead to another address, where nothing is read.",
        "Set the URL by which the server names itself, or have its own base URL corrected.",
    )
