"""What the two kinds of job do: judge a patient and keep the result, post a kept result and keep what became of it.

Both may be run again after any end: the result has the job's own id, and posting is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from service import metrics
from service.eligibility.results import NotScreened, Screening
from service.errors import InputError, Never
from service.screening.patient import Judged, Screener
from service.screening.ports import Why
from service.screening.stored import decode, not_posted, read_document, with_written
from service.work.announcing import may_be_announced
from service.work.keeping import to_keep
from service.work.model import Audit, Claim, Kind, NewJob
from service.work.orders import PostOrder, ScreenOrder, read_post_order, read_screen_order, write_order
from service.work.ports import Store


@dataclass(frozen=True, slots=True)
class Jobs:
    """Runs claimed jobs with the screeners of the studies, by study id.

    ``look`` runs those that look for changes, ``discover`` those that search the whole hospital.
    """

    store: Store
    screeners: Mapping[str, Screener]
    look: Callable[[Claim], Awaitable[None]] | None = None
    discover: Callable[[Claim], Awaitable[None]] | None = None

    async def run(self, claim: Claim) -> None:
        """Run a job of any kind. Raises ``TryLater``, ``Never``, ``LeaseLost`` and ``StoreDown``."""
        match claim.kind:
            case Kind.SCREEN:
                await self.screen(claim)
            case Kind.POST:
                await self.post(claim)
            case Kind.LOOK if self.look is not None:
                await self.look(claim)
            case Kind.DISCOVER if self.discover is not None:
                await self.discover(claim)
                await self.store.done(claim)
            case _:
                raise Never("No hospital server is configured any more: set CANDOR_FHIR_URL.")

    async def screen(self, claim: Claim, *, lease: timedelta | None = None) -> Claim | None:
        """Judge a patient, and keep the result together with the job that posts it, if that was asked for.

        With a ``lease`` that job is claimed at once, and returned. Raises as ``run``.
        """
        order = read_screen_order(claim.payload)
        screener = self._screener(order.study)
        judged = await self._judge(screener, order)
        result, person = judged
        post = None
        if isinstance(result, Screening) and order.write_back and person is not None:
            listed = await may_be_announced(self.store, screener, result, order)
            payload = write_order(PostOrder.about(result, person, order.caller, listed=listed))
            patient = person.reference
            lane = f"{order.study} {patient}"
            post = NewJob(str(uuid4()), Kind.POST, claim.screening, payload, patient, lane)
        else:
            result = await screener.with_persons_status(judged)
        kept = to_keep(claim.screening, result, study=order.study, as_of=order.as_of, trigger=order.trigger)
        audit = Audit("screened", order.caller, kept.patient, kept.id)
        then = await self.store.screened(claim, kept, audit, post, lease=lease)
        metrics.screened(order.study, result, order.trigger)
        return then

    async def post(self, claim: Claim) -> None:
        """Post the result, unless the patient has a newer one to be posted, or was refused since. Raises as ``run``."""
        order = read_post_order(claim.payload)
        screener = self._screener(order.study)
        if screener.results is None:
            raise Never("No server to write to is configured: set CANDOR_FHIR_WRITE_URL or CANDOR_FHIR_URL.")
        kept = await self.store.document(claim)
        if await self.store.superseded(claim):
            done, told = False, not_posted(kept, Why.SUPERSEDED)
        else:
            written = await screener.post(self._read(kept, order), order.person, listed=order.listed)
            done, told = written.done, with_written(kept, written)
        audit = Audit("posted" if done else "not-posted", order.caller, order.patient, claim.screening)
        await self.store.posted(claim, told, audit)

    async def give_up(self, claim: Claim, reason: str) -> None:
        """Set a job aside; a result that could not be posted says so. Raises ``LeaseLost`` and ``StoreDown``."""
        said = None
        if claim.kind is Kind.POST:
            said = not_posted(await self.store.document(claim), Why.REFUSED)
        await self.store.park(claim, reason, said)

    def _screener(self, study: str) -> Screener:
        if study not in self.screeners:
            raise Never("The study of this job is not loaded any more.")
        return self.screeners[study]

    async def _judge(self, screener: Screener, order: ScreenOrder) -> Judged:
        try:
            screener.needs(patient=order.patient is not None, write_back=order.write_back)
        except InputError as error:  # it was configured when the order was taken
            raise Never(str(error)) from None
        if order.patient is not None:
            return await screener.judge_patient(order.patient, order.as_of)
        try:
            return await screener.judge_bundle(bytes(order.bundle), order.as_of)
        except InputError as error:
            return Judged(NotScreened("", error.code, str(error)), None)

    def _read(self, kept: bytes, order: PostOrder) -> Screening:
        study = self.screeners[order.study].study
        try:
            return read_document(decode(kept), study, without_disease=order.without_disease)
        except KeyError:
            raise Never("The study has other criteria than when the result was made.") from None
