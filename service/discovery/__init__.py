"""The nightly search: who in the hospital might qualify, what changed since the last night, and the report of it."""
