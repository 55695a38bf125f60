"""The definitions of ``mappings/``: read strictly, checked, shown to people and bound to their signatures.

It knows files and the evaluator's types; it does not know FHIR.
"""
