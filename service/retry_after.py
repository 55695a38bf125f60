"""How long a server asks to wait, whichever client of ours asked it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0  # seconds: by a slip of its clock a server may name another century, and nobody would come back


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, as seconds or as a date (RFC 9110 § 10.2.3).

    They are a day at most.
    """
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}", header.strip()):
        return min(float(header), LONGEST)
    date = http_date(header)
    return None if date is None else min(max(0.0, (date - now).total_seconds()), LONGEST)


def http_date(header: str) -> datetime | None:
    """Return a date as HTTP headers write it (RFC 9110 § 5.6.7)."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)  # "-0000": UTC, by RFC 5322
