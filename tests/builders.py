"""Charts for tests, in a line or two: builders of FHIR resources, and one chart that passes everything measurable.

    from tests.builders import complete_chart, condition, observation, verdict

    verdict(complete_chart().value("platelets", "49.9 10*9/L")).truth("E11")              # "true"
    verdict(complete_chart().dated("platelets", "2026-05-26")).reason("E11")              # "too-old"
    verdict(complete_chart().drop("mrss").add(condition("I48.9"))).open("I5")             # "missing-data"
    verdict(complete_chart().replace("bmi", observation("39156-5", "16.4 kg/m2"))).truth("E9")  # "true"

Codes name their own system where their shape tells it (LOINC, SNOMED CT, ICD-10, ATC, CCAM, the
project's own); any other is written ``system|code``. Values are written as people write them: ``"< 5 mg/L"``.
Every further keyword is a FHIR element; ``None`` leaves an element out.
``tests.verdicts`` says what a verdict can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any

from tests.verdicts import AS_OF, Verdict, verdict_on

Resource = dict[str, Any]

SERVER = "https://fhir.hospital.example/fhir"
OURS = "https://trial-screening.example/fhir/CodeSystem/ssc"
UCUM = "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem"
_SYSTEMS = (
    (r"\d{1,5}-\d", "http://loinc.org"),
    (r"\d{6,18}", "http://snomed.info/sct"),
    (r"[A-Z]\d\d(\.\w+|\d\w*)?", "http://hl7.org/fhir/sid/icd-10"),
    (r"[A-Z]\d\d[A-Z]{1,2}(\d\d)?", "http://www.whocc.no/atc"),
    (r"[A-Z]{4}\d{3}", "https://smt.esante.gouv.fr/terminologie-ccam"),
    (r"[a-z][a-z0-9-]+", OURS),
)
_QUANTITY = re.compile(r"(<=|>=|<|>)?\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(.*)")
_PATIENT_ELEMENT = {
    "AdverseEvent": "subject", "AllergyIntolerance": "patient", "Consent": "patient", "Coverage": "beneficiary",
    "RelatedPerson": "patient", "ResearchSubject": "individual",
}  # fmt: skip
_OF_NOBODY = {"Patient", "ResearchStudy", "OperationOutcome", "Provenance", "Organization", "Medication"}


def coding(code: str) -> Resource:
    """Return a Coding; the system follows from the code's shape, or stands before it: ``system|code``."""
    if "|" in code:
        system, _, code = code.rpartition("|")
        return {"system": system, "code": code}
    for shape, system in _SYSTEMS:
        if re.fullmatch(shape, code):
            return {"system": system, "code": code}
    raise ValueError(f"the system of {code!r} does not follow from its shape: write system|code")


def concept(*codes: str, text: str | None = None) -> Resource:
    """Return a CodeableConcept of these codes, in this order."""
    codes_and_text: Resource = {"coding": [coding(code) for code in codes]} if codes else {}
    return codes_and_text | ({"text": text} if text is not None else {})


def quantity(written: str) -> Resource:
    """Return a Quantity: ``"< 5 mg/L"`` has comparator, value (decimals as written), UCUM unit and code."""
    match = _QUANTITY.fullmatch(written.strip())
    if match is None:
        raise ValueError(f"{written!r} is not a quantity such as '< 5 mg/L'")
    comparator, value, unit = match.groups()
    result: Resource = {"value": Decimal(value)}
    if comparator:
        result["comparator"] = comparator
    return result | ({"unit": unit, "system": UCUM, "code": unit} if unit else {})


def resource(kind: str, **elements: Any) -> Resource:
    """Return a resource of any type with these elements; ``bundle`` gives it an id and its patient."""
    return {"resourceType": kind, **elements}


def patient(*, gender: str | None = "female", birth: str | None = "1978-03-14", **elements: Any) -> Resource:
    """Return a Patient; by default a woman of 48 on the tests' day, with the id ``p``."""
    return resource("Patient", **({"id": "p", "gender": gender, "birthDate": birth} | elements))


def observation(
    code: str | Resource, value: str | bool | None = None, when: str | None = "2026-11-02", *,
    status: str | None = "final", high: str | None = None, coded: str | None = None, flag: str | None = None,
    **elements: Any,
) -> Resource:  # fmt: skip
    """Return an Observation; ``value`` is a quantity or a boolean, ``coded`` the code of a coded answer.

    ``high`` is the upper limit of normal, ``flag`` the interpretation (``POS``, ``N`` …).
    """
    defaults = {
        "valueBoolean" if isinstance(value, bool) else "valueQuantity": _value(value),
        "valueCodeableConcept": concept(coded) if coded else None,
        "effectiveDateTime": when,
        "interpretation": [concept(f"{_HL7}/v3-ObservationInterpretation|{flag}")] if flag else None,
        "referenceRange": [{"high": quantity(high)}] if high else None,
    }
    return resource("Observation", status=status, code=_concept(code), **(defaults | elements))


def panel(
    code: str | Resource, values: Mapping[str, str], when: str | None = "2026-10-15", **elements: Any
) -> Resource:
    """Return an Observation with components: ``panel("85354-9", {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"})``."""
    parts = [{"code": concept(part), "valueQuantity": quantity(value)} for part, value in values.items()]
    return observation(code, None, when, component=parts, **elements)


def condition(
    code: str | Resource, onset: str | None = None, *, clinical: str | None = "active",
    verification: str | None = "confirmed", severity: str | None = None, **elements: Any,
) -> Resource:  # fmt: skip
    """Return a Condition; ``onset`` may be partial, ``clinical`` and ``verification`` are the status codes."""
    defaults = {
        "clinicalStatus": concept(f"{_HL7}/condition-clinical|{clinical}") if clinical else None,
        "verificationStatus": concept(f"{_HL7}/condition-ver-status|{verification}") if verification else None,
        "severity": concept(severity) if severity else None,
        "onsetDateTime": onset,
    }
    return resource("Condition", code=_concept(code), **(defaults | elements))


def procedure(code: str | Resource, when: str | None = None, *, status: str = "completed", **elements: Any) -> Resource:
    """Return a Procedure performed on that day."""
    return resource("Procedure", status=status, code=_concept(code), **({"performedDateTime": when} | elements))


def prescription(code: str | Resource, when: str | None = None, *, status: str = "active", **elements: Any) -> Resource:
    """Return a MedicationRequest authored on that day."""
    defaults = {"intent": "order", "medicationCodeableConcept": _concept(code), "authoredOn": when}
    return resource("MedicationRequest", status=status, **(defaults | elements))


def bundle(*resources: Resource, kind: str = "collection") -> Resource:
    """Return a Bundle; resources without an id get one, those without a patient belong to the first Patient."""
    owner = next((one["id"] for one in resources if one["resourceType"] == "Patient"), "p")
    entries = []
    for number, one in enumerate(resources):
        of_type = one["resourceType"]
        defaults: Resource = {"id": f"{of_type.lower()}-{number}"}
        if of_type not in _OF_NOBODY:
            defaults[_PATIENT_ELEMENT.get(of_type, "subject")] = {"reference": f"Patient/{owner}"}
        full = {name: element for name, element in (defaults | one).items() if element is not None}
        entries.append({"fullUrl": f"{SERVER}/{of_type}/{full['id']}", "resource": full})
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


@dataclass(frozen=True)
class SampleChart:
    """A chart with named parts; every method returns a changed copy."""

    parts: dict[str, Resource]

    def value(self, name: str, value: str | bool) -> SampleChart:
        """Give a part's Observation another value, everything else as it is."""
        kind = "valueBoolean" if isinstance(value, bool) else "valueQuantity"
        kept = {key: element for key, element in self.parts[name].items() if not key.startswith("value")}
        return self.replace(name, kept | {kind: _value(value)})

    def dated(self, name: str, when: str | None) -> SampleChart:
        """Move a part to another day (``effectiveDateTime``, ``onsetDateTime`` …)."""
        element = next(key for key in self.parts[name] if key.endswith("DateTime"))
        return self.elements(name, **{element: when})

    def elements(self, name: str, **elements: Any) -> SampleChart:
        """Change elements of a part: ``elements("patient", gender="male")``."""
        return self.replace(name, self.parts[name] | elements)

    def replace(self, name: str, other: Resource) -> SampleChart:
        """Put another resource in a part's place."""
        if name not in self.parts:
            raise KeyError(f"{name!r} is none of {', '.join(self.parts)}")
        return replace(self, parts=self.parts | {name: {"id": self.parts[name]["id"]} | other})

    def drop(self, *names: str) -> SampleChart:
        """Leave parts out."""
        if unknown := set(names) - set(self.parts):
            raise KeyError(f"{', '.join(sorted(unknown))}: none of {', '.join(self.parts)}")
        return replace(self, parts={name: part for name, part in self.parts.items() if name not in names})

    def add(self, *resources: Resource) -> SampleChart:
        """Add records."""
        free = (name for number in count(len(self.parts)) if (name := f"added-{number}") not in self.parts)
        added = dict(zip(free, resources, strict=False))
        return replace(self, parts=self.parts | {name: {"id": name} | one for name, one in added.items()})

    def bundle(self) -> Resource:
        """Return the chart as a Bundle."""
        return bundle(*self.parts.values())


def empty_chart(**person: Any) -> SampleChart:
    """Return a chart of the Patient alone; ``person`` are arguments of ``patient``."""
    return SampleChart({"patient": patient(**person)})


def diagnosed_chart(**person: Any) -> SampleChart:
    """Return a chart of the Patient and a confirmed systemic sclerosis (``ssc``)."""
    ssc = condition("89155008", "2019-03-01", id="ssc")
    return replace(empty_chart(**person), parts={"patient": patient(**person), "ssc": ssc})


def complete_chart(**person: Any) -> SampleChart:
    """Return a woman of 48, candidate on 2026-11-23: all that can be measured is there and passes.

    She has severe disease by I5.b: mRSS 18, ILD and a DLCO of 65 %. Duration, FVC, blood, heart and
    pressures are normal. The parts' names are the keys below.
    """
    blood, lungs, heart, bedside = "2026-11-02T08:30:00+01:00", "2026-06-10", "2026-07-08", "2026-10-15"
    pressures = {"8480-6": "120 mm[Hg]", "8462-4": "75 mm[Hg]"}
    parts = {
        "ild": condition("233703007", "2020-01-20"),
        "acr_eular": observation("acr-eular-2013-total", "14 {score}", "2020-05-05"),
        "mrss": observation("mrss-total", "18 {score}", bedside),
        "crp": observation("1988-5", "3 mg/L", blood, high="5 mg/L"),
        "hemoglobin": observation("718-7", "12.5 g/dL", blood),
        "neutrophils": observation("751-8", "4.2 10*9/L", blood),
        "lymphocytes": observation("731-0", "1.6 10*9/L", blood),
        "platelets": observation("777-3", "250 10*9/L", blood),
        "ast": observation("1920-8", "25 U/L", blood, high="40 U/L"),
        "alt": observation("1742-6", "30 U/L", blood, high="45 U/L"),
        "egfr": observation("98979-8", "85 mL/min/{1.73_m2}", blood),
        "bmi": observation("39156-5", "23.1 kg/m2", bedside),
        "dlco": observation("dlco-hb-corrected-percent-predicted", "65 %", lungs),
        "fvc": observation("19872-1", "85 %", lungs),
        "lvef": observation("18043-0", "60 %", heart),
        "spap": observation("82341-9", "30 mm[Hg]", heart),
        "mpap": observation("8414-5", "18 mm[Hg]", heart),
        "blood_pressure": panel("85354-9", pressures, bedside),
    }
    named = {name: {"id": name.replace("_", "-")} | part for name, part in parts.items()}
    return SampleChart(diagnosed_chart(**person).parts | named)


def verdict(chart: SampleChart | Resource, as_of: str = AS_OF, answers: tuple[Any, ...] = ()) -> Verdict:
    """Screen a chart, or any Bundle of one patient, with the shipped study on that day."""
    return verdict_on(chart.bundle() if isinstance(chart, SampleChart) else chart, as_of, answers)


def _value(value: str | bool | None) -> Resource | bool | None:
    return quantity(value) if isinstance(value, str) else value


def _concept(code: str | Resource) -> Resource:
    return concept(code) if isinstance(code, str) else code
