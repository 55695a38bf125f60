"""How long a server asks to wait, in both forms of RFC 9110."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from service.retry_after import retry_after

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    """Both forms of RFC 9110 are understood; a date gone by means now, anything else nothing."""
    assert retry_after(header, NOW) == seconds


def test_a_rest_in_no_time_zone_is_none() -> None:
    """A date that no computer can hold asks for nothing."""
    assert retry_after("Thu, 1 Jan 1970 00:00:00 99999999999999", NOW) is None


@pytest.mark.parametrize("header", ["Fri, 31 Dec 9999 23:59:59 -2359", "999999999"])
def test_a_rest_of_centuries_is_a_day(header: str) -> None:
    """Whoever waits for the server comes back tomorrow, though its clock is wrong."""
    assert retry_after(header, NOW) == timedelta(days=1).total_seconds()
