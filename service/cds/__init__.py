"""CDS Hooks 2.0.1 without its HTTP: who calls, what the client brought along, and the card that it gets."""
