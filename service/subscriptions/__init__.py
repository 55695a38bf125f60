"""What FHIR servers tell of changes: Subscriptions of R4 and topics, taken in, looked at, and caught up with."""
