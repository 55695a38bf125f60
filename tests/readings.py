"""What a reader makes of records, asked as tests ask: the chart of a few resources, and the one fact in it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from service.eligibility.chart import Chart, Entry, Reading
from tests.builders import Resource, bundle, patient
from tests.verdicts import as_json, shipped_chart, shipped_study


def chart_of(*resources: Resource, person: Resource | None = None) -> Chart:
    """Return the chart of these records, read from JSON with the shipped value sets."""
    return chart_in(bundle(person or patient(), *resources))


def chart_in(source: Resource, wanted: str | None = None) -> Chart:
    """Return the chart of a Bundle, of its only patient or of the one wanted."""
    return shipped_chart(as_json(source), wanted)


def reading(chart: Chart, concept: str) -> Reading:
    """Return the only reading of a concept."""
    (only,) = chart.readings[concept]
    return only


def entry(chart: Chart, concept: str) -> Entry:
    """Return the only entry of a concept."""
    (only,) = chart.entries[concept]
    return only


def canonical(chart: Chart, concept: str) -> Any:
    """Return the only reading's value in the notion's canonical unit, or why it has none."""
    quantity = reading(chart, concept).quantity
    assert quantity is not None
    assert quantity.value is not None
    factor = converted(quantity.unit, quantity.code, shipped_study().notions[concept].quantity)
    return factor * Fraction(quantity.value)


def converted(unit: str | None, code: str | None, kind: str | None) -> Any:
    """Return the factor to the canonical unit of a kind, or why there is none."""
    assert kind is not None
    return shipped_study().units.to_canonical(kind, unit, code)


def warned(chart: Chart, code: str) -> list[str]:
    """Return what the warnings of that code say: ``Observation/1: effectiveDateTime is not a date of FHIR``."""
    return [f"{warning.source}: {warning.detail}" for warning in chart.warnings if warning.code == code]
