"""What a job's payload says: JSON, in which the records that a caller brought stand as they came."""

from __future__ import annotations

from datetime import date

import msgspec

from service.eligibility.chart import Person
from service.eligibility.results import Screening

_NONE = msgspec.Raw(b"null")


class ScreenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Screen one patient: of the hospital (``patient``), or as the records of a ``bundle`` tell."""

    study: str
    as_of: date
    patient: str | None = None  # Patient/id
    bundle: msgspec.Raw = _NONE
    write_back: bool = False
    trigger: str = "api"
    caller: str = ""


class PostOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Post a result that is kept; here stands what its document does not tell."""

    study: str
    without_disease: bool
    patient: str
    identifiers: tuple[tuple[str | None, str], ...]
    caller: str = ""
    listed: bool = True  # false: the screening list is left as it is

    @classmethod
    def about(cls, screening: Screening, person: Person, caller: str, *, listed: bool) -> PostOrder:
        """Return the order for a result about ``person``."""
        return cls(
            study=screening.study.record.id,
            without_disease=screening.without_disease,
            patient=person.reference,
            identifiers=person.identifiers,
            caller=caller,
            listed=listed,
        )

    @property
    def person(self) -> Person:
        """Who it is, as far as posting asks."""
        return Person(self.patient, None, None, None, identifiers=self.identifiers)


_encoder = msgspec.json.Encoder()
read_screen_order = msgspec.json.Decoder(ScreenOrder).decode
read_post_order = msgspec.json.Decoder(PostOrder).decode


def write_order(order: ScreenOrder | PostOrder) -> bytes:
    """Return the payload."""
    return _encoder.encode(order)


def patients_brought(payload: bytes) -> frozenset[str]:
    """Return whom the Bundle of a screening is about, as Patient/id; nobody, where it does not tell."""
    try:
        bundle = msgspec.json.decode(read_screen_order(payload).bundle)
    except msgspec.DecodeError:
        return frozenset()
    match bundle:
        case {"entry": [*entries]}:
            return frozenset(found for each in entries if (found := _patient_of(each)) is not None)
    return frozenset()


def _patient_of(entry: object) -> str | None:
    match entry:
        case {"resource": {"resourceType": "Patient", "id": str(id_)}}:
            return f"Patient/{id_}"
    return None
