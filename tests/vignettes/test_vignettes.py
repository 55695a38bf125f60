"""Vignettes: one sentence, the facts and the answer, in YAML files that a clinician can read.

A file names nothing but ``vignettes``, a list of:

    - sentence: Platelets of 49.9 G/L exclude
      chart: complete                      # or diagnosed, empty: where tests/builders.py starts from
      patient: {gender: male}              # elements of the Patient
      drop: [mrss]                         # parts of that chart, by their names
      value: {platelets: 49.9 10*9/L}
      dated: {platelets: 2026-05-27}
      add:
        - {observation: 777-3, value: 40 10*9/L, when: 2026-11-10, status: preliminary}
        - {condition: [M34.0, J99.1], onset: 2020-05, clinical: resolved}
      as_of: 2026-11-23
      expect: {E11: true, E3: missing-data too-old !derived, status: ineligible}   # tests/expectations.py

``add`` takes the arguments of the builders and any FHIR element; all keys but ``sentence`` and
``expect`` may be left out.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.study.strict_yaml import read_yaml
from tests.builders import (
    AS_OF,
    Resource,
    SampleChart,
    complete_chart,
    concept,
    condition,
    diagnosed_chart,
    empty_chart,
    observation,
    prescription,
    procedure,
    verdict,
)
from tests.expectations import differences

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
KEYS = {"sentence", "chart", "patient", "drop", "value", "dated", "add", "as_of", "expect"}
STARTS = {"complete": complete_chart, "diagnosed": diagnosed_chart, "empty": empty_chart}
BUILDERS: dict[str, Callable[..., Resource]] = {
    "observation": observation,
    "condition": condition,
    "procedure": procedure,
    "prescription": prescription,
}


def vignettes() -> list[Any]:
    """Return every vignette, named by its file and its sentence."""
    return [
        pytest.param(one, id=f"{path.stem}: {one['sentence']}")
        for path in FILES
        for one in read_yaml(path)["vignettes"]
    ]


def as_written(value: Any) -> Any:
    """Return a number as the text that stands in the file; the builders read quantities and codes from text."""
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def record(facts: Mapping[str, Any]) -> Resource:
    """Return the resource that an entry of ``add`` describes."""
    kind = next(iter(facts))
    codes = facts[kind] if isinstance(facts[kind], list) else [facts[kind]]
    arguments = {key: as_written(value) for key, value in facts.items() if key != kind}
    return BUILDERS[kind](concept(*map(str, codes)), **arguments)


def chart(vignette: Mapping[str, Any]) -> SampleChart:
    """Return the chart that the facts describe."""
    result = STARTS[vignette.get("chart", "complete")]()
    result = result.elements("patient", **vignette.get("patient", {})).drop(*vignette.get("drop", []))
    for name, value in vignette.get("value", {}).items():
        result = result.value(name, as_written(value))
    for name, day in vignette.get("dated", {}).items():
        result = result.dated(name, as_written(day))
    return result.add(*map(record, vignette.get("add", [])))


@pytest.mark.parametrize("vignette", vignettes())
def test_the_answer_is_the_one_that_stands_beside_the_facts(vignette: Mapping[str, Any]) -> None:
    """The chart of the facts, screened on that day, gives what ``expect`` says."""
    assert set(vignette) <= KEYS

    wrong = differences(verdict(chart(vignette), vignette.get("as_of", AS_OF)), vignette["expect"])

    assert not wrong, "\n".join([vignette["sentence"], *wrong])
