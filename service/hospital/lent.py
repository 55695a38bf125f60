"""The FHIR servers that CDS clients may name, entered with the token that a client lends for one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from service.cds.ports import Access
from service.eligibility.study import Study
from service.hospital.audit import AuditTrail
from service.hospital.client import FhirClient
from service.hospital.credentials import bearer
from service.hospital.origins import Origin
from service.hospital.plan import Plan
from service.hospital.records import fetch_chart_resources
from service.screening.ports import Pulled


@dataclass(frozen=True, slots=True)
class LentServers:
    """The port ``ClientServers`` over clients that have no credentials of their own."""

    clients: Mapping[Origin, FhirClient]  # those that are listed
    trails: Mapping[Origin, AuditTrail]  # where reads from them are recorded
    ours: Origin | None  # the hospital's own
    study: Study
    plan: Plan

    def is_ours(self, server: str) -> bool:
        """Whether it is the hospital's own server."""
        return self.ours is not None and _origin(server) == self.ours

    def allows(self, server: str) -> bool:
        """Whether it is listed, path and all."""
        return _origin(server) in self.clients

    async def fetch(self, access: Access, patient: str, kinds: Collection[str]) -> Pulled:
        """Fetch by the plan what is of ``kinds``, with the token that was lent and no other."""
        server = Origin.parse(access.server)
        wanted = self.plan._replace(kinds=tuple(kind for kind in self.plan.kinds if kind in kinds))
        with self.trails[server].reading(self.study, patient):
            return await fetch_chart_resources(self.clients[server].lent(bearer(access.token)), patient, wanted)


def _origin(server: str) -> Origin | None:
    try:
        return Origin.parse(server)
    except ValueError:
        return None
