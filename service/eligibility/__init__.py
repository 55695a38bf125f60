"""The pure core: truth, quantities, dates, the facts of one chart, rules and their evaluation.

Standard library only: no clock, no input or output, no logging, no FHIR JSON. The screening
date is always an argument, so the same chart on the same day gives the same answer.
"""
