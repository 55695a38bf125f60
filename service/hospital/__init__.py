"""The hospital's FHIR server, read politely and completely, and written to without a race."""
