"""What people with systemic sclerosis have on record, near the thresholds of the study, and others' signs of it."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any, NamedTuple

from bench.charts import AS_OF
from service.eligibility.codes import Role
from service.study.load import default_mappings, load_study

BEFORE = (AS_OF - timedelta(days=500)).isoformat()  # what ill people have on record anyhow is older than any window
NEAR = 0.12  # of the values
MISSING = 0.02
LABS = ("neutrophils", "platelets", "lymphocytes", "hemoglobin", "ast", "alt", "egfr", "crp")  # of nine thresholds

Resource = dict[str, Any]

_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_SIGNS = ("raynaud", "ild", "telangiectasia", "anti_centromere", "mpap_rhc")  # none of them alone lets anybody in
_ORGANS = ("pericardial_effusion", "av_block_2_3", "atrial_arrhythmia", "scleroderma_renal_crisis", "infection")


class Values(NamedTuple):
    """Where a notion's values lie."""

    usual: tuple[float, float]
    thresholds: tuple[float, ...]
    digits: int = 0
    share: float = 1  # of people who have the test
    upper: float | None = None  # of the reference range


_MEASURED = {
    "mrss": Values((8, 35), (15, 20)),
    "crp": Values((0.6, 40), (5,), 1, upper=5),
    "hemoglobin": Values((10, 15), (8, 11), 1),
    "neutrophils": Values((2, 7), (1,), 1),
    "platelets": Values((150, 400), (50,)),
    "lymphocytes": Values((0.8, 3), (0.5,), 2),
    "ast": Values((15, 70), (120,), upper=40),
    "alt": Values((15, 70), (120,), upper=40),
    "egfr": Values((50, 110), (30, 60)),
    "dlco_percent_predicted": Values((40, 95), (30, 80)),
    "fvc_percent_predicted": Values((55, 105), (80,)),
    "pasp_echo": Values((20, 48), (35, 50)),
    "mpap_rhc": Values((14, 38), (20, 25, 40), share=0.2),
    "lvef": Values((50, 70), (40,)),
    "bmi": Values((17, 30), (16.5,), 1),
}


class Ill:
    """Draws the records of people with the disease."""

    def __init__(self) -> None:
        self.study = load_study(default_mappings())

    def person(self, made: random.Random, person: Resource) -> Resource:
        """Return a Patient of an age in or about the study's bounds, alive."""
        born = AS_OF - timedelta(days=round(made.uniform(17, 73) * 365.25))
        kept = {key: value for key, value in person.items() if not key.startswith("deceased")}
        return kept | {"birthDate": born.isoformat()}

    def records(self, made: random.Random) -> list[Resource]:
        """Return the records of somebody with the disease, without ids and subject."""
        found = [self._measured(made, notion, values) for notion, values in _MEASURED.items() if _has(made, values)]
        if made.random() < 0.95:  # noqa: PLR2004 - others are out-patients, known by their skin score
            role = Role.REVIEW if made.random() < 0.1 else Role.MATCH  # noqa: PLR2004
            found.append(self._condition(made, "systemic_sclerosis", role))
        found += [self._shown(made, notion) for notion in ("ild", "raynaud", "anti_scl70") if made.random() < 0.5]  # noqa: PLR2004
        found += [self._shown(made, notion) for notion in _ORGANS if made.random() < 0.08]  # noqa: PLR2004
        return found

    def signs(self, made: random.Random) -> list[Resource]:
        """Return what one in two hundred others have on record: too little to be looked for."""
        return [self._shown(made, made.choice(_SIGNS))] if made.random() < 1 / 200 else []

    def _shown(self, made: random.Random, notion: str) -> Resource:
        if "Condition" in self.study.notions[notion].resources:
            return self._condition(made, notion, Role.MATCH)
        if notion in _MEASURED:
            return self._measured(made, notion, _MEASURED[notion])
        answer = {"coding": [{"system": "http://snomed.info/sct", "code": "10828004", "display": "Positive"}]}
        return self._observation(made, notion) | {"valueCodeableConcept": answer}

    def _condition(self, made: random.Random, notion: str, role: Role) -> Resource:
        hl7 = "http://terminology.hl7.org/CodeSystem"
        return {
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"system": f"{hl7}/condition-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": f"{hl7}/condition-ver-status", "code": "confirmed"}]},
            "code": self._code(made, notion, role),
            "onsetDateTime": _days_ago(made, 30, 3000).isoformat(),
        }

    def _measured(self, made: random.Random, notion: str, values: Values) -> Resource:
        quantity = self.study.notions[notion].quantity
        unit = self.study.units.canonical(quantity) if quantity else ""
        digits, value = values.digits, made.uniform(*values.usual)
        if made.random() < NEAR:
            value = made.choice(values.thresholds) + made.choice((-1, 0, 0, 1)) * 10**-digits
        written = f"{value:.{digits}f}"
        found = self._observation(made, notion) | {"valueQuantity": _quantity(float(written), unit)}
        if values.upper is not None:
            found["referenceRange"] = [{"high": _quantity(values.upper, unit)}]
        return found

    def _observation(self, made: random.Random, notion: str) -> Resource:
        day = _days_ago(made, 1, 200 if made.random() < NEAR else 90)
        time = f"T{made.randrange(7, 18):02}:{made.randrange(60):02}:00+01:00"
        code = self._code(made, notion, Role.MATCH)
        return {"resourceType": "Observation", "status": "final", "code": code, "effectiveDateTime": f"{day}{time}"}

    def _code(self, made: random.Random, notion: str, role: Role) -> Resource:
        concept = (self.study.notions[notion].concepts or (notion,))[0]
        codes = self.study.lexicon.codes_of(concept, (role,))
        if "Condition" not in self.study.notions[notion].resources:
            codes = codes[:1]  # the others may be of another specimen or method
        system, code = made.choice(codes)
        return {"coding": [{"system": system, "code": code, "display": self.study.notions[notion].label["en"]}]}


def _has(made: random.Random, values: Values) -> bool:
    return made.random() < values.share * (1 - MISSING)


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _days_ago(made: random.Random, least: int, most: int) -> date:
    return AS_OF - timedelta(days=made.randint(least, most))
