"""Candor: trial pre-screening over FHIR R4, with the record behind every verdict."""

__version__ = "0.1.0"
