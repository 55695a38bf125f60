"""FHIR JSON -> charts, tolerantly: one bad field loses no chart, and what cannot be read is said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from service.eligibility.chart import Chart
from service.eligibility.codes import Lexicon
from service.eligibility.vocabulary import Vocabulary
from service.errors import InputError
from service.fhir.copies import Copy, choose, one_of_each, source_of
from service.fhir.decode import decode_json
from service.fhir.facts import Facts
from service.fhir.outcome import says_incomplete
from service.fhir.ownership import Ownership, Whose
from service.fhir.read_condition import read_allergy, read_condition
from service.fhir.read_medication import read_adverse_event, read_medication
from service.fhir.read_observation import read_observation
from service.fhir.read_patient import read_contacts, read_coverage, read_person, read_relation
from service.fhir.read_procedure import read_flag, read_imaging, read_procedure, read_report
from service.fhir.read_research import read_consent, read_participation
from service.fhir.references import Index, Located, local_name
from service.fhir.skim import Entry, Usual, entries_of, read_usual, usual

_READERS: dict[str, Callable[[Copy, Facts], None]] = {
    "AdverseEvent": read_adverse_event,
    "AllergyIntolerance": read_allergy,
    "Condition": read_condition,
    "Consent": read_consent,
    "Coverage": read_coverage,
    "DiagnosticReport": read_report,
    "Flag": read_flag,
    "ImagingStudy": read_imaging,
    "MedicationAdministration": read_medication,
    "MedicationRequest": read_medication,
    "MedicationStatement": read_medication,
    "Observation": read_observation,
    "Procedure": read_procedure,
    "RelatedPerson": read_relation,
    "ResearchSubject": read_participation,
}
_OBSERVATION = "Observation"
_OUTCOME = "OperationOutcome"
_NOTHING = ""  # stands for the type of an entry that is no resource
_NO_SUBJECT_OF_OURS = "its subject is neither this patient nor another Patient of this source"

_ByType = dict[str, list[Located]]
_Usual = dict[str, tuple[Usual, Entry]]  # Observations as most are, by id


class Reader:
    """Reads the records that the value sets know; ``server`` is the base URL by which references may be absolute."""

    def __init__(self, lexicon: Lexicon, vocabulary: Vocabulary, *, server: str | None = None) -> None:
        self._lexicon, self._vocabulary, self._server = lexicon, vocabulary, server

    def at(self, server: str | None) -> Reader:
        """Return the same reader for the records of another server."""
        return Reader(self._lexicon, self._vocabulary, server=server)

    def read_bundle(self, bundle: dict[str, Any], patient: str | None = None) -> Chart:
        """Read the chart of a Bundle's only patient, or of the one named (``Patient/1``).

        Raises ``InputError``: ``no-patient``, ``several-patients``, ``patient-unreadable``, or as ``read`` does.
        """
        located = list(located_in(bundle))
        return self.read(located, patient or _only_patient(located))

    def read_bytes(self, data: bytes, patient: str | None = None) -> Chart:
        """Read the chart of a Bundle that is not decoded yet: the same chart, in less time.

        Raises ``NotFhirError`` for what is not JSON, or as ``read_bundle`` does.
        """
        entries = entries_of(data)
        if entries is None:
            return self.read_bundle(decode_json(data), patient)
        located: list[Located] = []
        most: _Usual = {}
        for entry in entries:
            seen = usual(entry)
            # A second copy is for those who know which of two counts.
            if seen is None or most.setdefault(seen.id, (seen, entry))[0] is not seen:
                located += located_in(*entry.located)
        return self._read(located, most, patient or _only_patient(located))

    def read(self, resources: Iterable[Located], patient: str) -> Chart:
        """Read the chart of one patient (``Patient/1``) from resources with their fullUrls.

        Raises ``InputError``: ``patient-not-found``.
        """
        return self._read(resources, {}, patient)

    def _read(self, resources: Iterable[Located], most: _Usual, patient: str) -> Chart:
        patient = patient if "/" in patient else f"Patient/{patient}"
        by_type: _ByType = {_OBSERVATION: []}
        for located in resources:
            by_type.setdefault(located[0]["resourceType"], []).append(located)
        observations = by_type[_OBSERVATION]
        names = [local_name(*each) or "" for each in observations] if most else []
        copies = [most.pop(name, None) for name in (name.removeprefix(f"{_OBSERVATION}/") for name in names)]
        observations += [copy[1].located for copy in copies if copy is not None]
        ours, others = _told_apart(by_type.get("Patient", []), patient)
        person, warnings = read_person(ours, patient)
        each_once = ((copy.resource, copy.full_url) for same in by_type.values() for copy in one_of_each(same))
        index = Index(chain(each_once, (entry.located for _, entry in most.values())), self._server)
        facts = Facts(Chart(person=person, warnings=warnings), self._lexicon.meanings, self._vocabulary, index)
        read_contacts(ours, facts)
        ownership = Ownership(ours, others, self._server)
        for seen, entry in most.values():
            if not (seen.subject.reference in ownership.ours and read_usual(seen, facts)):
                observations.append(entry.located)
        for kind, read_one in _READERS.items():
            for copy in one_of_each(by_type.get(kind, [])):
                whose = ownership.whose(copy.resource)
                if whose is Whose.OURS:
                    read_one(copy, facts)
                elif whose is not Whose.ANOTHERS:
                    source = source_of(copy.resource, copy.full_url)
                    facts.warn("other-patients-record", source, _NO_SUBJECT_OF_OURS)
                    facts.chart.incomplete |= whose is Whose.PERHAPS_OURS
        self._hear(by_type.get(_OUTCOME, []), facts)
        for _ in by_type.get(_NOTHING, []):
            facts.warn("record-unreadable", "Bundle", "an entry holds no resource with a resourceType")
        return facts.finish()

    def _hear(self, outcomes: Iterable[Located], facts: Facts) -> None:
        """A source that says it is cut short makes the whole chart incomplete."""
        for outcome, full_url in outcomes:
            if says_incomplete(outcome, self._vocabulary):
                facts.chart.incomplete = True
                source = local_name(outcome, full_url) or _OUTCOME
                facts.warn("records-incomplete", source, "the server withheld records or failed to return them")


def located_in(bundle: dict[str, Any], full_url: str | None = None) -> Iterator[Located]:
    """The resources of a Bundle with their fullUrls, those of nested Bundles too; a single resource is its own source.

    What is no resource comes as an empty one, so that it is not lost unsaid.
    """
    waiting: deque[tuple[Any, str | None]] = deque([(bundle, full_url)])
    while waiting:
        resource, full_url = waiting.popleft()
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind == "Bundle":
            waiting.extend(_held_by(resource))
        elif isinstance(kind, str):
            yield resource, full_url
        else:
            yield {"resourceType": _NOTHING}, full_url


def located_in_bytes(data: bytes) -> Iterator[Located]:
    """What ``located_in`` gives of a Bundle that is not decoded yet, but for Observations as most are."""
    entries = entries_of(data)
    if entries is None:
        yield from located_in(decode_json(data))
    for entry in entries or ():
        if usual(entry) is None:
            yield from located_in(*entry.located)


def _held_by(bundle: dict[str, Any]) -> Iterator[tuple[Any, str | None]]:
    """What the entries hold; an entry without a resource may carry the reason why (a failed search of a batch)."""
    entries = bundle.get("entry", ())
    for entry in entries if isinstance(entries, list | tuple) else (entries,):
        if not isinstance(entry, dict):
            yield None, None
        elif entry.get("resource") is not None:
            full_url = entry.get("fullUrl")
            yield entry["resource"], full_url if isinstance(full_url, str) else None
        elif isinstance(response := entry.get("response"), dict) and response.get("outcome") is not None:
            yield response["outcome"], None


def _names(located: Iterable[Located]) -> list[str]:
    patients = (each for each in located if each[0]["resourceType"] == "Patient")
    return list(dict.fromkeys(name for each in patients if (name := local_name(*each))))


def _only_patient(located: list[Located]) -> str:
    names = _names(located)
    if len(names) == 1:
        return names[0]
    if names:
        raise InputError(
            "The Bundle holds several patients: leave the others out, or name the one that is meant.",
            "several-patients",
        )
    if any(resource["resourceType"] == "Patient" for resource, _ in located):
        raise InputError("The Patient has neither an id nor a fullUrl: give it one.", "patient-unreadable")
    raise InputError("The Bundle holds no Patient: add it.", "no-patient")


def _told_apart(patients: list[Located], wanted: str) -> tuple[Located, list[Located]]:
    """The Patient that is meant, of several copies the newest, and all others."""
    ours = [each for each in patients if local_name(*each) == wanted]
    if not ours:
        raise InputError("The Patient asked for is not among the records.", "patient-not-found")
    copy = choose(ours)
    return (copy.resource, copy.full_url), [each for each in patients if local_name(*each) != wanted]
