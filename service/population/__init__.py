"""Charts of many people from files on this machine: Bundles, resource files and NDJSON exports, streamed by patient."""
