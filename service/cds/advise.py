"""One CDS call from the client's data to the card: judged within the budget, kept, and shown where it is worth it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import uuid4

import structlog

from service import metrics
from service.cds.cards import card_id, write_card
from service.cds.ports import Access, Cards, ClientServers
from service.cds.prefetch import read_prefetch
from service.eligibility.results import LISTED, NotScreened, Screening
from service.errors import CandorError, InputError, ServerError
from service.screening.announce import EVERY, differs_by_laboratory
from service.screening.document import document
from service.screening.patient import Screener, today
from service.screening.ports import Pulled
from service.screening.stored import decode, read_document
from service.work.keeping import to_keep
from service.work.model import Audit
from service.work.orders import ScreenOrder

TRIGGER = "cds-hooks"
FETCHING = 10.0  # seconds that a client's server has to give what the prefetch lacks

log = structlog.get_logger()


class DataMissing(CandorError):  # noqa: N818 - what the specification answers with 412
    """What a screening needs was not brought, and cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of a service says."""

    caller: str  # the client's issuer
    patient: str  # Patient/id
    user: str  # the clinician, e.g. Practitioner/id
    prefetch: Mapping[str, Any]
    access: Access | None
    language: str
    arrived: float  # when its body was there, by the event loop's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisor:
    """Answers the calls about one study."""

    screener: Screener
    templates: Mapping[str, str]  # what the prefetch is asked to hold, by resource type
    servers: ClientServers
    cards: Cards
    budget: float  # seconds from when the data is there
    worklist: str  # where a card leads

    async def advise(self, call: Call) -> list[dict[str, Any]]:
        """Return the card, or none. Raises ``DataMissing`` and ``StoreDown``."""
        try:
            async with asyncio.timeout_at(call.arrived + self.budget) as clock:
                return await self._judge(call, await self._pull(call, clock))
        except TimeoutError:
            log.warning("cds-over-budget")
            return []

    async def _pull(self, call: Call, clock: asyncio.Timeout) -> Pulled:
        """Return what was brought, and what it lacks from the client's server: then the budget begins anew."""
        loop, server = asyncio.get_running_loop(), call.access.server if call.access else None
        read = partial(read_prefetch, self.templates, call.prefetch, call.patient, server)
        brought = await loop.run_in_executor(self.screener.worker, read)
        if call.access is None or call.access.token is None or not self.servers.allows(call.access.server):
            if brought.lacking:
                raise DataMissing(
                    f"The prefetch lacks {', '.join(sorted(brought.lacking))}, "
                    "and there is no token for a FHIR server that CANDOR_FHIR_URL or CANDOR_FHIR_ALLOWED names."
                )
            return Pulled(brought.records, brought.unexplained)
        wanted = brought.lacking | brought.unexplained
        if not wanted:
            return Pulled(brought.records)
        clock.reschedule(None)
        fetched = await self._fetch(call.access, call.patient, wanted)
        clock.reschedule(loop.time() + self.budget)
        return fetched._replace(resources=[*brought.records, *fetched.resources])

    async def _fetch(self, access: Access, patient: str, kinds: frozenset[str]) -> Pulled:
        try:
            async with asyncio.timeout(FETCHING):
                return await self.servers.fetch(access, patient, kinds)
        except (ServerError, InputError) as error:
            raise DataMissing(f"The prefetch lacks records, and they cannot be fetched. {error}") from None
        except TimeoutError:
            raise DataMissing("The prefetch lacks records, and the FHIR server is too slow.") from None

    async def _judge(self, call: Call, pulled: Pulled) -> list[dict[str, Any]]:
        server = call.access.server if call.access else None
        at_home = server is None or self.servers.is_ours(server)
        screener = self.screener if at_home else _away(self.screener, server)
        order = ScreenOrder(study=screener.study.record.id, as_of=today(), trigger=TRIGGER, caller=call.caller)
        judged = await screener.judge_records(pulled, call.patient, order.as_of)
        result = await screener.with_persons_status(judged)
        # Elsewhere the same id is another person.
        kept = result if at_home else result._replace(patient=f"{server}/{call.patient}")
        id_ = str(uuid4())
        keep = to_keep(id_, kept, study=order.study, as_of=order.as_of, trigger=order.trigger)
        await self.cards.keep(keep, Audit("screened", call.caller, kept.patient, id_))
        metrics.screened(order.study, result, TRIGGER)
        if isinstance(kept, NotScreened) or isinstance(result, NotScreened) or result.priority not in LISTED:
            return []
        card = card_id(result, kept.patient, call.caller, call.user)
        if await self.cards.dismissed(call.caller, str(card)) or await self._dismissed_today(call, kept):
            return []
        return [write_card(result, pulled, card, worklist=self.worklist, server=server, language=call.language)]

    async def _dismissed_today(self, call: Call, result: Screening) -> bool:
        """Whether the clinician has dismissed a card today that differs by laboratory values alone."""
        cards = await self.cards.dismissals(call.caller, EVERY)
        if not cards:
            return False
        recent = await self.cards.recent(result.study.record.id, result.patient, EVERY)

        def same() -> bool:
            now, study = document(result, id=""), self.screener.study
            for each in recent:
                before = decode(each.document) if each.status is not None else None
                if before is None or not differs_by_laboratory(before, now, self.screener.laboratory):
                    continue
                shown = read_document(before, study, without_disease=False)
                if str(card_id(shown, result.patient, call.caller, call.user)) in cards:
                    return True
            return False

        return await asyncio.get_running_loop().run_in_executor(self.screener.worker, same)


def _away(screener: Screener, server: str | None) -> Screener:
    """Return the screener for patients of another server than the hospital's: our own servers know nothing of them."""
    return replace(screener, reader=screener.reader.at(server), records=None, results=None)
