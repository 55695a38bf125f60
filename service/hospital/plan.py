"""Which searches a screening needs: derived from the study's notions, so that a new notion is asked for by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from service.eligibility.codes import Role
from service.eligibility.notions import Notion
from service.eligibility.study import Study
from service.eligibility.vocabulary import Vocabulary
from service.hospital.ports import Params

_ALWAYS = ("Consent", "ResearchSubject")  # consent and opposition; this study's subject and other studies'
_BY_REFERENCE = {"Patient", "ResearchStudy", "Medication"}  # read by their ids, or with what names them
_CODES_AT_ONCE = 500
_CATEGORIES = "activity,exam,imaging,laboratory,procedure,social-history,survey,therapy,vital-signs"  # of HL7
_PATIENT_PARAMETER = {"AdverseEvent": "subject"}  # every other type of R4 that is about a patient has ``patient``
_MEDICATIONS = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
_INCLUDES = {"ResearchSubject": "study", **dict.fromkeys(_MEDICATIONS, "medication")}


class Search(NamedTuple):
    """One resource type of one patient: ``ways`` to ask, the next one for a server that refuses the one before.

    A way is a list of searches which together give everything.
    """

    kind: str
    ways: tuple[tuple[Params, ...], ...]


class Plan(NamedTuple):
    """What to ask a server for."""

    kinds: tuple[str, ...]
    observation_codes: tuple[str, ...]
    vocabulary: Vocabulary

    def searches(self, patient_id: str, page_size: int, *, at_once: bool) -> list[Search]:
        """Return the searches for one patient; ``at_once`` where one request may hold many of them."""
        return [Search(kind, self._ways(kind, patient_id, page_size, at_once=at_once)) for kind in self.kinds]

    def by_patient(self, patient_id: str) -> dict[str, str]:
        """Return for each resource type the query that every server understands; it gives all there is."""
        return {kind: "=".join(_of(kind, patient_id)) for kind in self.kinds}

    def _ways(self, kind: str, patient_id: str, page_size: int, *, at_once: bool) -> tuple[tuple[Params, ...], ...]:
        whole = [_of(kind, patient_id), ("_count", str(page_size))]
        if kind == "Observation" and self.observation_codes:
            parts = _parts(self.observation_codes)
            codes = parts if at_once else (",".join(parts),)
            return (
                # Components count too, and the bare code finds it under every spelling of its system.
                tuple([*whole, ("combo-code", part)] for part in codes),
                (whole,),
                # For a server that gives nothing whole: by the codes themselves, and panels by their category.
                (*([*whole, ("code", part)] for part in parts), [*whole, ("category", _CATEGORIES)]),
            )
        if kind in _INCLUDES:
            return ([*whole, ("_include", f"{kind}:{_INCLUDES[kind]}")],), (whole,)
        return ((whole,),)


def _of(kind: str, patient_id: str) -> tuple[str, str]:
    parameter = _PATIENT_PARAMETER.get(kind, "patient")
    return parameter, patient_id if parameter == "patient" else f"Patient/{patient_id}"


def plan_for(study: Study, vocabulary: Vocabulary) -> Plan:
    """Return what a study's notions need of a server."""
    kinds = dict.fromkeys(kind for notion in study.notions.values() for kind in notion.resources)
    kinds |= dict.fromkeys(_ALWAYS)
    if vocabulary.opposition_codes:
        kinds["Flag"] = None
    return Plan(tuple(kind for kind in kinds if kind not in _BY_REFERENCE), _observation_codes(study), vocabulary)


def exported_kinds(plan: Plan) -> tuple[str, ...]:
    """Return the resource types that an export needs: what tells of others comes with them."""
    return ("Patient", *plan.kinds, "Medication", "Provenance", "ResearchStudy")


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Give a long list in parts."""
    return (items[start : start + size] for start in range(0, len(items), size))


@cache
def _parts(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(",".join(map(escape, part)) for part in chunks(codes, _CODES_AT_ONCE))


def _observation_codes(study: Study) -> tuple[str, ...]:
    notions = [notion for notion in study.notions.values() if "Observation" in notion.resources]
    concepts = dict.fromkeys(concept for notion in notions for concept in _concepts(notion))
    codes = (code for concept in concepts for _, code in study.lexicon.codes_of(concept, set(Role)))
    return tuple(dict.fromkeys(codes))


def _concepts(notion: Notion) -> tuple[str, ...]:
    ratios = [concept for ratio in notion.ratios for concept in (ratio.measured, ratio.predicted)]
    return (*(notion.concepts or (notion.id,)), *(alias.concept for alias in notion.aliases), *ratios)


def escape(code: str) -> str:
    """Write a value of a search parameter so that nothing in it parts it."""
    return re.sub(r"([\\,$|])", r"\\\1", code)
