"""A Bundle read from its bytes gives the chart that decoded JSON gives, whatever its Observations look like."""

from collections.abc import Callable
from typing import Any

import pytest

from service.errors import NotFhirError
from tests.builders import Resource, bundle, concept, observation, patient
from tests.verdicts import as_json, shipped_chart, shipped_reader


def platelets(**more: Any) -> Resource:
    """Return an Observation as most are, but for what a test adds to it."""
    return observation("777-3", "250 10*3/uL", id="p") | more


def numbers(chart_of: Any) -> list[str]:
    """Return the values of the platelet counts of a chart."""
    return [reading.quantity.text if reading.quantity else "" for reading in chart_of.readings.get("platelets", [])]


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, ["250 10*3/uL"]),
        ({"meta": {"versionId": "2"}}, ["250 10*3/uL"]),
        ({"status": "entered-in-error"}, []),
        ({"status": " Final "}, ["250 10*3/uL"]),
        ({"identifier": [{"value": "1"}]}, ["250 10*3/uL"]),
        ({"modifierExtension": [{"url": "u"}]}, ["250 10*3/uL"]),
        ({"valueQuantity": {"value": "250", "unit": "10*3/uL"}}, ["250 10*3/uL"]),
        ({"valueQuantity": {"value": True}}, [""]),
        ({"valueQuantity": {"value": "250 µ"}}, [""]),
        ({"valueQuantity": {"value": 10**200}}, [""]),
        ({"valueQuantity": None}, [""]),
        ({"valueString": "about 250"}, ["250 10*3/uL"]),
        ({"valueFoo": 1}, ["250 10*3/uL"]),
        ({"referenceRange": [{"low": {"value": 150}, "high": {"value": "400"}}]}, ["250 10*3/uL"]),
        ({"interpretation": "H"}, ["250 10*3/uL"]),
        ({"interpretation": {"text": "as in STU3"}}, ["250 10*3/uL"]),
        ({"component": [{"code": concept("777-3")}]}, ["250 10*3/uL", ""]),
        ({"code": {"coding": "777-3"}}, []),
        ({"subject": {"reference": "Patient/another"}}, []),
        ({"id": ""}, ["250 10*3/uL"]),
    ],
)
def test_an_observation_gives_the_same_either_way(more: dict[str, Any], shown: list[str]) -> None:
    """What is unusual about one is read as tolerantly as ever; ``shipped_chart`` compares the two whole charts."""
    assert numbers(shipped_chart(as_json(bundle(patient(), platelets(**more))))) == shown


@pytest.mark.parametrize("other", [{}, {"meta": {"lastUpdated": "2030-01-01T00:00:00Z"}}, {"method": {"text": "m"}}])
def test_a_second_copy_of_an_observation_is_no_second_record(other: dict[str, Any]) -> None:
    """Be the copies alike, of another update, or one of them unusual."""
    for records in ((platelets(), platelets(**other)), (platelets(**other), platelets())):
        assert len(numbers(shipped_chart(as_json(bundle(patient(), *records))))) == 1


@pytest.mark.parametrize("turn", [lambda e: e | {"resource": None}, lambda e: e | {"resource": 5}, lambda _: 5])
def test_an_entry_without_a_resource_costs_no_other_its_place(turn: Callable[[Any], Any]) -> None:
    """The records beside it are read."""
    whole = bundle(patient(), platelets())
    whole["entry"].append(turn({"fullUrl": "urn:x"}))

    assert numbers(shipped_chart(as_json(whole))) == ["250 10*3/uL"]


@pytest.mark.parametrize("junk", [b"NaN", b"925.", b'"\\x"', b'"\xff"', b"[1 2]", b"[" * 9999])
def test_what_is_passed_over_has_to_be_json_all_the_same(junk: bytes) -> None:
    """A broken file is refused, also where nobody would have read on."""
    broken = as_json(bundle(patient(), platelets(note="JUNK"))).replace(b'"JUNK"', junk)

    with pytest.raises(NotFhirError) as error:
        shipped_reader().read_bytes(broken)

    assert error.value.code == "not-json"
