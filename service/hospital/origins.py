"""Which URLs belong to a configured server: compared by parsed parts, never by the start of a string.

A token follows a URL only where this module says so; links to anywhere else are not followed, whoever brings them:
a page, a reference, a header, a caller. Where machines keep their own secrets nobody's server is.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\Z|[0-9a-f:.]*:[0-9a-f:.]*\Z")  # a name in ASCII, or an IPv6 address
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\Z")  # what many resolvers take for an IPv4 address
_DISGUISE = re.compile(r"[\x00-\x20\x7f\\]")  # white space, controls and backslashes, which parsers read differently
# An encoded . / \ % ; or control, an overlong form of one, or a percent sign that encodes nothing.
_HIDDEN_STEP = re.compile(r"%(2e|2f|5c|25|3b|0[0-9a-f]|1[0-9a-f]|7f|c0|c1|(?![0-9a-f]{2}))", re.IGNORECASE)

# Link-local addresses, and those by which clouds give a machine its credentials.
_SECRETS = tuple(
    map(
        ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
_SECRET_NAMES = {
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
}
_HOLDING_IPV4 = tuple(map(ip_network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))


class Origin(NamedTuple):
    """A server's base URL, parsed."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Take a URL apart. Raises ``ValueError`` for one that hides where it leads, or leads where none should."""
        if _DISGUISE.search(url):
            raise ValueError("a URL holds white space, a control character or a backslash")
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in _PORTS or not _HOST.match(host) or parts.port == 0:
            raise ValueError("a URL is not http or https with a plain host name")
        if "@" in parts.netloc:
            raise ValueError("a URL holds user information")
        if _keeps_secrets(host):
            raise ValueError("a URL leads to a link-local address or to a cloud's metadata")
        steps = tuple(parts.path.rstrip("/").split("/")[1:])
        names = {step.partition(";")[0] for step in steps}  # some servers drop what follows a semicolon
        if _HIDDEN_STEP.search(parts.path) or not {".", "..", ""}.isdisjoint(names):
            raise ValueError("a URL's path holds empty, relative or encoded steps")
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme], steps)

    def below(self, url: str) -> tuple[str, ...] | None:
        """Return the steps of ``url``'s path below the base; ``None`` when it is not this server's."""
        try:
            other = Origin.parse(url)
        except ValueError:
            return None
        depth = len(self.path)
        return other.path[depth:] if other[:3] == self[:3] and other.path[:depth] == self.path else None

    def covers(self, url: str) -> bool:
        """Whether ``url`` is this server's: same scheme, host and port, and a path at or below the base."""
        return self.below(url) is not None


def absolute(base: str, link: str) -> str:
    """Return ``link`` as a full URL; a relative one is relative to the base, or to the host with a leading slash.

    What cannot be joined is returned as it is, and is nobody's.
    """
    try:
        return urljoin(f"{base.rstrip('/')}/", link)
    except ValueError:
        return link


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and nothing on the way can listen."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def in_the_open(url: str) -> bool:
    """Whether what is sent to a URL can be read on the way: plain http to another machine."""
    there = urlsplit(url)
    return there.scheme == "http" and not is_loopback(there.hostname or "")


def _keeps_secrets(host: str) -> bool:
    """Raises ``ValueError`` for numbers that are no address as everybody writes it (octal, hexadecimal, too few)."""
    if ":" not in host and not _NUMBER.match(host):
        return host in _SECRET_NAMES
    address = ip_address(host)
    inner: IPv4Address | IPv6Address = address
    if isinstance(address, IPv6Address):
        holds = any(address in network for network in _HOLDING_IPV4)
        inner = IPv4Address(int(address) & 0xFFFFFFFF) if holds else address.sixtofour or address
    return any(each in network for each in (address, inner) for network in _SECRETS)
