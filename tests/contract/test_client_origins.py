"""Which URLs belong to the configured server, and what a link is relative to."""

import pytest

from service.hospital.origins import Origin, absolute

BASE = "https://fhir.hospital.example/r4"


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.hospital.example/r4",
        "https://fhir.hospital.example/r4/",
        "https://fhir.hospital.example/r4/Patient/1/_history/2",
        "https://fhir.hospital.example/r4?_getpages=1&url=http://elsewhere.example/",
        "https://fhir.hospital.example:443/r4/Patient",
        "HTTPS://FHIR.Hospital.Example/r4/Patient",
    ],
)
def test_own_urls(url: str) -> None:
    """The base, what lies below it, its default port and other capitals of scheme and host are the server's own."""
    assert Origin.parse(BASE).covers(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.hospital.example.attacker.example/r4/Patient",
        "https://attacker.example/r4/Patient",
        "https://attacker.example/fhir.hospital.example/r4",
        "https://fhir.hospital.example@attacker.example/r4",
        "https://user:word@fhir.hospital.example/r4",
        "https://fhir.hospital.example:8443/r4",
        "https://fhir.hospital.example:443:443/r4",
        "https://fhir.hospital.example:99999/r4",
        "http://fhir.hospital.example/r4",
        "http://fhir.hospital.example:443/r4",
        "ftp://fhir.hospital.example/r4",
        "javascript:alert(1)",
        "//fhir.hospital.example/r4",
        "https:/fhir.hospital.example/r4",
        "https://fhir.hospital.example",
        "https://fhir.hospital.example/r4x",
        "https://fhir.hospital.example/R4",
        "https://fhir.hospital.example/r4/../admin",
        "https://fhir.hospital.example/r4/%2e%2e/admin",
        "https://fhir.hospital.example/r4%2fPatient",
        "https://fhir.hospital.example/r4/%252e%252e/admin",
        "https://fhir.hospital.example/r4/a\\..\\admin",
        "https://fhir.hospital.example\\@attacker.example/r4",
        "https://fhir.hospital.example/r4//attacker.example/",
        "https://fhir.hospital.example/r4\n/Patient",
        " https://fhir.hospital.example/r4",
        "https://fhir.h\u043espital.example/r4",
        "https://fhir.hospital.example\u3002attacker.example/r4",
        "https://[::1]/r4",
        "https://[fhir.hospital.example/r4",
        "",
    ],
)
def test_other_urls(url: str) -> None:
    """Other hosts, ports, schemes and paths are not the server's, however they are dressed up."""
    assert not Origin.parse(BASE).covers(url)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("Patient?page=2", f"{BASE}/Patient?page=2"),
        ("?_getpages=1", f"{BASE}/?_getpages=1"),
        ("/r4?_getpages=1", f"{BASE}?_getpages=1"),
        ("/other/Patient?page=2", "https://fhir.hospital.example/other/Patient?page=2"),
        ("//attacker.example/r4", "https://attacker.example/r4"),
        ("http://attacker.example/r4", "http://attacker.example/r4"),
    ],
)
def test_links_are_resolved_against_the_base(link: str, url: str) -> None:
    """A relative link is below the base, one with a leading slash below the host, and others are what they say."""
    assert absolute(BASE, link) == url
