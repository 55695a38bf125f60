"""FHIR R4 JSON <-> the facts and results of ``service.eligibility``; it opens no connection and knows no study."""
