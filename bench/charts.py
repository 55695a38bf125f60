"""Charts to measure with, made here: one as Synthea writes them, and one that gives every notion of a study a value."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import cycle, islice
from typing import Any

from service.eligibility.codes import Role
from service.eligibility.notions import Notion
from service.eligibility.study import Study

Resource = dict[str, Any]

AS_OF = date(2026, 11, 23)
_LOINC, _SNOMED, _UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem"
# What a visit leaves behind: code, name, unit, lowest and highest value, and whether it is a vital sign.
_VISIT = (
    ("8302-2", "Body Height", "cm", 168, 170, True),
    ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 5, True),
    ("29463-7", "Body Weight", "kg", 60, 75, True),
    ("39156-5", "Body Mass Index", "kg/m2", 21, 27, True),
    ("8867-4", "Heart rate", "/min", 60, 100, True),
    ("9279-1", "Respiratory rate", "/min", 12, 16, True),
    ("2339-0", "Glucose", "mg/dL", 65, 110, False),
    ("6299-2", "Urea Nitrogen", "mg/dL", 7, 20, False),
    ("38483-4", "Creatinine", "mg/dL", 0.6, 1.2, False),
    ("49765-1", "Calcium", "mg/dL", 8.5, 10.2, False),
    ("2947-0", "Sodium", "mmol/L", 136, 144, False),
    ("6298-4", "Potassium", "mmol/L", 3.7, 5.2, False),
    ("2069-3", "Chloride", "mmol/L", 101, 111, False),
    ("20565-8", "Carbon Dioxide", "mmol/L", 20, 29, False),
    ("33914-3", "Estimated Glomerular Filtration Rate", "mL/min/{1.73_m2}", 65, 110, False),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4, 6, False),
    ("2093-3", "Total Cholesterol", "mg/dL", 150, 200, False),
    ("2571-8", "Triglycerides", "mg/dL", 100, 150, False),
    ("18262-6", "Low Density Lipoprotein Cholesterol", "mg/dL", 70, 130, False),
    ("2085-9", "High Density Lipoprotein Cholesterol", "mg/dL", 40, 80, False),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 3.5, 10.5, False),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12, 17.5, False),
    ("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 35, 50, False),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 150, 450, False),
)


def synthea_like(observations: int) -> bytes:
    """Return a transaction Bundle of one patient and that many Observations, as Synthea writes them (0.9 KB each)."""
    made = random.Random(observations)
    person = _urn(made)
    day = AS_OF - timedelta(days=3650)
    found: list[Resource] = []
    while len(found) < observations:
        encounter, day = _urn(made), day + timedelta(days=3650 * (len(_VISIT) + 1) // observations)
        when = f"{day.isoformat()}T09:12:37"
        found += [_measured(made, row, person, encounter, when) for row in _VISIT]
        found.append(_blood_pressure(made, person, encounter, when))
    return _bundle(made, _person(), found[:observations], person)


def every_notion(study: Study, observations: int) -> bytes:
    """Return a Bundle in which every notion of the study that a code can state has a value, the newest of this month.

    The Observations are of the study's notions alone, turn by turn; each other notion has one record.
    """
    made = random.Random(observations)
    person = _urn(made)
    coded = [notion for notion in study.notions.values() if "Observation" in notion.resources and _code(study, notion)]
    turns = islice(cycle(coded), observations)
    found = [_observed(made, study, notion, person, number) for number, notion in enumerate(turns)]
    return _bundle(made, _person(), [*found, *_statements(study, person)], person)


def _measured(made: random.Random, row: tuple[Any, ...], person: str, encounter: str, when: str) -> Resource:
    code, name, unit, low, high, vital = row
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [_concept(f"{_HL7}/observation-category", "vital-signs" if vital else "laboratory")],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        "subject": {"reference": person},
        "encounter": {"reference": encounter},
        "effectiveDateTime": f"{when}+01:00",
        "issued": f"{when}.530+01:00",
        "valueQuantity": _quantity(made.uniform(low, high), unit),
    }


def _blood_pressure(made: random.Random, person: str, encounter: str, when: str) -> Resource:
    panel = _measured(made, ("85354-9", "Blood Pressure", "", 0, 0, True), person, encounter, when)
    del panel["valueQuantity"]
    names = (("8462-4", "Diastolic Blood Pressure", 70, 85), ("8480-6", "Systolic Blood Pressure", 110, 135))
    panel["component"] = [
        {
            "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
            "valueQuantity": _quantity(made.uniform(low, high), "mm[Hg]"),
        }
        for code, name, low, high in names
    ]
    return panel


def _observed(made: random.Random, study: Study, notion: Notion, person: str, number: int) -> Resource:
    system, code = _code(study, notion) or ("", "")
    if notion.id == "blood_pressure":
        return _blood_pressure(made, person, _urn(made), f"{AS_OF.isoformat()}T08:{number % 60:02}:00")
    when = f"{(AS_OF - timedelta(days=number // 4)).isoformat()}T08:{number % 60:02}:00"
    found = _measured(made, (code, notion.label["en"], "", 0, 0, False), person, _urn(made), when)
    found["code"]["coding"][0]["system"] = system
    del found["valueQuantity"]
    if notion.quantity is None:
        return found | {"valueCodeableConcept": _concept(_SNOMED, "260385009")}
    unit = study.units.canonical(notion.quantity)
    low, high = (notion.plausible.low, notion.plausible.high) if notion.plausible else (1, 9)
    value = float(low) + (float(high) - float(low)) * made.uniform(0.1, 0.4)
    value = round(value) if notion.whole else value
    upper = [{"high": _quantity(value * 2, unit)}]
    return found | {"valueQuantity": _quantity(value, unit), "referenceRange": upper}


def _statements(study: Study, person: str) -> Iterator[Resource]:
    """One record of each notion that is stated by a code (diagnoses, procedures, prescriptions), consent and cover."""
    research = {"scope": _concept(f"{_HL7}/consentscope", "research"), "patient": {"reference": person}}
    permit = {"type": "permit", "data": [{"meaning": "instance", "reference": {"identifier": _identifier(study)}}]}
    yield {"resourceType": "Consent", "status": "active", "dateTime": "2026-11-01", "provision": permit} | research
    yield {"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": person}}
    for notion in study.notions.values():
        stated = _code(study, notion)
        kind = next(
            (kind for kind in ("Condition", "Procedure", "MedicationRequest") if kind in notion.resources), None
        )
        if stated is None or kind is None:
            continue
        element = "medicationCodeableConcept" if kind == "MedicationRequest" else "code"
        yield {
            "resourceType": kind,
            "status": "active" if kind == "MedicationRequest" else "completed",
            element: _concept(*stated),
            "subject": {"reference": person},
            "onsetDateTime" if kind == "Condition" else "performedDateTime": "2020-03-01",
        }


def _code(study: Study, notion: Notion) -> tuple[str, str] | None:
    """One code that counts for the notion: of LOINC or SNOMED CT where there is one, for others may be ranges."""
    codes = [
        code for concept in notion.concepts or (notion.id,) for code in study.lexicon.codes_of(concept, (Role.MATCH,))
    ]
    return next((code for code in codes if code[0] in (_LOINC, _SNOMED)), next(iter(codes), None))


def _identifier(study: Study) -> Resource:
    system, value = next(iter(study.record.identifiers.items()))
    return {"system": system, "value": value}


def _person() -> Resource:
    return {"resourceType": "Patient", "active": True, "gender": "female", "birthDate": "1978-03-14"}


def _bundle(made: random.Random, person: Resource, records: list[Resource], urn: str) -> bytes:
    entries = [{"fullUrl": urn, "resource": {"id": urn.removeprefix("urn:uuid:")} | person}]
    for record in records:
        full_url = _urn(made)
        request = {"method": "POST", "url": record["resourceType"]}
        entries.append({"fullUrl": full_url, "resource": {"id": full_url[9:]} | record, "request": request})
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _urn(made: random.Random) -> str:
    return f"urn:uuid:{uuid.UUID(int=made.getrandbits(128), version=4)}"
