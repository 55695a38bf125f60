"""Everything that can go wrong and is not a bug.

CandorError
├── DefinitionError      a file of mappings/ is wrong: file, line, problem, remedy   (exit 3)
├── SettingError         a setting is missing or wrong                               (exit 3)
├── InputError           what a caller brought cannot be used                        (exit 2)
│   └── NotFhirError     not FHIR R4 JSON: broken JSON, another version, no FHIR in it
└── ServerError          the FHIR server
    ├── TryLater         it is down or says later (``retry_after`` seconds)          (exit 75)
    └── Never            it refuses for good; trying again does not help
Messages name the cause, the place and the remedy, and never hold names, identifiers of people,
dates of birth or clinical values.
"""

from __future__ import annotations

import errno

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what a disk says that takes no more


class CandorError(Exception):
    """Base of all errors that are shown without a traceback."""


class DefinitionError(CandorError):
    """A definition file is wrong."""

    def __init__(self, file: str, line: int | None, problem: str, remedy: str = "") -> None:
        """Say where (``file``, ``line``), what (``problem``) and what to do (``remedy``)."""
        self.file, self.line, self.problem, self.remedy = file, line, problem, remedy
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {problem}" + (f" {remedy}" if remedy else ""))


class SettingError(CandorError):
    """A setting is missing or wrong."""


class InputError(CandorError):
    """What the caller brought cannot be used; ``code`` is the machine-readable kind."""

    def __init__(self, message: str, code: str = "invalid") -> None:
        """Keep the message for people and the code for machines."""
        self.code = code
        super().__init__(message)


class NotFhirError(InputError):
    """Not FHIR R4 JSON."""


class ServerError(CandorError):
    """A FHIR server did not do what was asked."""


class TryLater(ServerError):  # noqa: N818 - named for what the caller has to do
    """The server is down, slow or busy; ``retry_after`` in seconds if it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep how long the server asked to wait."""
        self.retry_after = retry_after
        super().__init__(message)


class Never(ServerError):  # noqa: N818 - named for what the caller has to do
    """The server refuses for good."""
