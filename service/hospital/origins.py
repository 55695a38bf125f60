"""Which URLs belong to a configured server: compared by parsed parts, never by the start of a string.

A token follows a URL only where this module says so; links to anywhere else are not followed.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+\Z|[0-9a-f:.]+\Z")  # a name in ASCII, or the inside of an IPv6 address
_DISGUISE = re.compile(r"[\x00-\x20\x7f\\]")  # white space, controls and backslashes, which parsers read differently
_HIDDEN_STEP = re.compile(r"%(2e|2f|5c|25|0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)  # an encoded . / \ % or control


class Origin(NamedTuple):
    """A server's base URL, parsed."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Take a URL apart. Raises ``ValueError`` for one that hides where it leads."""
        if _DISGUISE.search(url):
            raise ValueError("a URL holds white space, a control character or a backslash")
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in _PORTS or not _HOST.match(host):
            raise ValueError("a URL is not http or https with a plain host name")
        if "@" in parts.netloc:
            raise ValueError("a URL holds user information")
        steps = tuple(parts.path.rstrip("/").split("/")[1:])
        if _HIDDEN_STEP.search(parts.path) or not {".", "..", ""}.isdisjoint(steps):
            raise ValueError("a URL's path holds empty, relative or encoded steps")
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme], steps)

    def covers(self, url: str) -> bool:
        """Whether ``url`` is this server's: same scheme, host and port, and a path at or below the base."""
        try:
            other = Origin.parse(url)
        except ValueError:
            return False
        return other[:3] == self[:3] and other.path[: len(self.path)] == self.path


def absolute(base: str, link: str) -> str:
    """Return ``link`` as a full URL; a relative one is relative to the base, or to the host with a leading slash."""
    return urljoin(f"{base.rstrip('/')}/", link)
