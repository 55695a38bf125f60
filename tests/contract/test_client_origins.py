"""Which URLs belong to the configured server, and what a link is relative to."""

import pytest

from service.hospital.client import FhirClient, Server
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
        "https://fhir.hospital.example/r4?next=https://a.example/..&x=%2e%2e",
        "https://fhir.hospital.example/r4/Patient#https://attacker.example/",
        "https://fhir.hospital.example/r4/Patient;version=1/a%20b",
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
        "https://fhir.hospital.example./r4",
        "https://fhir.hospital.example:0/r4",
        "https://fhir-hospital.example/r4",
        "https://attacker.example#@fhir.hospital.example/r4",
        "https://attacker.example?@fhir.hospital.example/r4",
        "https://attacker.example;@fhir.hospital.example/r4",
        "https://fhir.hospital.example%2eattacker.example/r4",
        "https://fhir.hospital.example%00.attacker.example/r4",
        "https://xn--fhir-hspital-6ib.example/r4",
        "https://fhir.hospital.example/r4/..;/admin",
        "https://fhir.hospital.example/r4/..;x=1/admin",
        "https://fhir.hospital.example/r4/..%3b/admin",
        "https://fhir.hospital.example/r4/%c0%ae%c0%ae/admin",
        "https://fhir.hospital.example/r4/%u002e%u002e/admin",
        "https://fhir.hospital.example/r4/./Patient",
        "https://fhir.hospital.example/r4/\tPatient",
        "https://fhir.hospital.example/r4;/Patient",
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


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254:443",
        "169.254.170.2",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata",
        "instance-data",
        "[::ffff:169.254.169.254",
        "1.2.3.4.5",
        "08.8.8.8",
    ],
)
def test_machines_own_secrets_are_nobodys_server(host: str) -> None:
    """Link-local and metadata addresses are refused as settings too, in every way of writing them."""
    with pytest.raises(ValueError, match=r"."):
        Origin.parse(f"http://{host}/latest")


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "192.168.1.20:8080",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[2001:db8::1]",
        "fhir-1.local",
        "3com.example",
    ],
)
def test_servers_of_an_intranet_can_be_configured(host: str) -> None:
    """Private addresses are where hospitals' servers are."""
    assert Origin.parse(f"http://{host}/fhir").covers(f"http://{host}/fhir/Patient")


@pytest.mark.parametrize(
    ("reference", "own"),
    [
        ("Patient/1", "Patient/1"),
        ("Patient/1/_history/2", "Patient/1"),
        (f"{BASE}/Patient/1", "Patient/1"),
        ("HTTPS://FHIR.Hospital.Example:443/r4/Patient/1", "Patient/1"),
        ("/r4/Patient/1", "Patient/1"),
        ("https://attacker.example/r4/Patient/1", None),
        ("https://fhir.hospital.example/r4x/Patient/1", None),
        ("//attacker.example/r4/Patient/1", None),
        ("//[attacker.example/r4/Patient/1", None),
        ("Patient/1/../../admin", None),
        ("Patient/1/$everything", None),
        ("Patient", None),
        ("#1", None),
        ("urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", None),
        ("", None),
    ],
)
def test_references_to_the_server(reference: str, own: str | None) -> None:
    """A reference is the server's own by its parts as well, and is asked for by type and id alone."""
    assert FhirClient(Server(base=BASE)).own(reference) == own
