"""What ``/cds-services`` offers: one service a study and hook, and who may call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.cds.advise import Advisor
from service.cds.cards import short_title
from service.cds.clients import Gate
from service.cds.phrases import LANGUAGES
from service.cds.ports import Cards

HOOKS = ("patient-view", "order-sign")
PATH = "/cds-services"


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsHooks:
    """The door's share of the composition."""

    advisors: Mapping[str, Advisor]  # by study
    gate: Gate
    cards: Cards
    public_url: str  # under which clients call, without a slash at its end

    async def admit(self, authorization: str | None, *steps: str) -> str:
        """Return who calls the path of these ``steps`` below ``/cds-services``. Raises as ``Gate.admit``."""
        return await self.gate.admit(authorization, "/".join((f"{self.public_url}{PATH}", *steps)))

    def find(self, service: str) -> tuple[str, Advisor] | None:
        """Return the hook and the advisor of a service."""
        return next(
            (
                (hook, advisor)
                for study, advisor in self.advisors.items()
                for hook in HOOKS
                if service == _id(study, hook)
            ),
            None,
        )

    def services(self, language: str) -> list[dict[str, Any]]:
        """Return the services as discovery lists them."""
        words = LANGUAGES[language]
        return [
            {
                "hook": hook,
                "title": words.title.format(study=study),
                "description": words.description.format(study=short_title(advisor.screener.study, language)),
                "id": _id(study, hook),
                "prefetch": dict(advisor.templates),
                "usageRequirements": words.usage,
            }
            for study, advisor in self.advisors.items()
            for hook in HOOKS
        ]


def _id(study: str, hook: str) -> str:
    return f"{study}-{hook}"
