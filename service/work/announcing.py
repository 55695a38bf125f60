"""Holds back what laboratory values alone have turned: people are told of it once a day, and of the end in any case."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

from service.eligibility.results import Screening
from service.screening.announce import EVERY, told, turned_by_laboratory
from service.screening.document import document
from service.screening.patient import Screener
from service.screening.stored import decode
from service.work.model import Kind, NewJob
from service.work.orders import ScreenOrder, write_order
from service.work.ports import Store

SUBSCRIPTION = "subscription"  # the trigger of a screening that a change in the hospital asked for
SETTLE = timedelta(seconds=5)  # from a change to the screening: what comes meanwhile is screened with it


async def may_be_announced(store: Store, screener: Screener, result: Screening, order: ScreenOrder) -> bool:
    """Whether the screening list may tell of a result now; if not, the patient is screened again in a day.

    Whoever asks for a screening wants it announced: only those that a change asked for are held back.
    Raises ``StoreDown``.
    """
    if order.trigger != SUBSCRIPTION:
        return True
    for each in await store.recent(order.study, result.patient, EVERY):
        before = decode(each.document)
        if not told(before):
            continue
        if not turned_by_laboratory(before, document(result, id=each.id), screener.laboratory):
            return True
        again = screening_after_change(order.study, result.patient, order.as_of + EVERY)
        await store.accept(again._replace(wait=EVERY, dedup=f"announce {again.dedup}"))
        return False
    return True


def screening_after_change(study: str, patient: str, as_of: date) -> NewJob:
    """Return a screening that a change of the patient's records asks for; one waits for each patient, study and day.

    Its result is posted: whoever is to hear of it has not asked.
    """
    order = ScreenOrder(
        study=study, as_of=as_of, patient=patient, write_back=True, trigger=SUBSCRIPTION, caller=SUBSCRIPTION
    )
    id_ = str(uuid4())
    return NewJob(
        id_,
        Kind.SCREEN,
        id_,
        write_order(order),
        patient,
        lane=f"screen {study} {patient}",
        dedup=f"{study} {patient} {as_of}",  # what is dated on a later day is seen on that day only
        wait=SETTLE,
    )
