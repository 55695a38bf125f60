"""TLS with a hospital's own authority and client certificates, against a real TLS server on loopback."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.access import hospital_servers
from service.config import Access, Settings, Url
from service.errors import Never, SettingError
from service.hospital.client import FhirClient

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

DAY = timedelta(days=1)


@dataclass
class Authority:
    """Signs certificates into ``folder``; ``file`` is its own."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        """Make the authority's own certificate."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = self.folder / f"{self.name}.pem"
        self.file.write_bytes(self._sign(self.name, self.key, authority=True))

    def issue(self, name: str, *, password: bytes = b"", until: timedelta = DAY) -> tuple[Path, Path]:
        """Return the files of a certificate for 127.0.0.1 and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, private = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(self._sign(name, key, until=until))
        hidden = BestAvailableEncryption(password) if password else NoEncryption()
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
        return certificate, private

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False, until: timedelta = DAY
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if not authority:
            names = [x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Fhir(BaseHTTPRequestHandler):
    """Answers every GET with a Patient."""

    def do_GET(self) -> None:
        """Answer."""
        body = b'{"resourceType": "Patient", "id": "1"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Patient(HTTPServer):
    """Says nothing of handshakes that fail, and closes a connection only when the client has: a reset eats alerts."""

    def handle_error(self, request: Any, *_: Any) -> None:
        """Read what is left, past TLS."""
        request.settimeout(5)
        while socket.socket.recv(request, 65536):
            pass


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the hospital's own authority."""
    return Authority(tmp_path_factory.mktemp("tls"), "hospital")


@pytest.fixture(scope="module")
def strict(hospital: Authority) -> Iterator[Url]:
    """Give a server that asks for a client certificate of the hospital's authority."""
    yield from served(hospital, hospital.issue("server"), client_certificates=True)


@pytest.fixture(scope="module")
def lax(hospital: Authority) -> Iterator[Url]:
    """Give a server that asks for none."""
    yield from served(hospital, hospital.issue("lax"), client_certificates=False)


@pytest.fixture(scope="module")
def expired(hospital: Authority) -> Iterator[Url]:
    """Give a server whose certificate has run out."""
    yield from served(hospital, hospital.issue("expired", until=-DAY), client_certificates=False)


def served(hospital: Authority, shown: tuple[Path, Path], *, client_certificates: bool) -> Iterator[Url]:
    """Serve FHIR over TLS, in a thread."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=hospital.file)
    context.load_cert_chain(*shown)
    context.verify_mode = ssl.CERT_REQUIRED if client_certificates else ssl.CERT_NONE
    server = Patient(("127.0.0.1", 0), Fhir)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Url(f"https://127.0.0.1:{server.server_address[1]}/fhir")
    server.shutdown()
    server.server_close()


async def read(url: Url, access: Access) -> object:
    """Read a patient."""
    server = hospital_servers(Settings(fhir_url=url, fhir=access)).reads
    assert server is not None
    async with FhirClient(server) as client:
        return (await client.read("Patient/1"))["id"]


async def test_the_hospitals_own_authority_is_trusted(lax: Url, hospital: Authority) -> None:
    """With CANDOR_FHIR_CA_FILE a certificate of the hospital's own authority is good, without it it is not."""
    assert await read(lax, Access(ca_file=hospital.file)) == "1"
    with pytest.raises(Never, match="shows a certificate that is not trusted"):
        await read(lax, Access())


async def test_another_authority_is_not_trusted(lax: Url, tmp_path: Path) -> None:
    """An authority that did not sign the server's certificate does not do."""
    with pytest.raises(Never, match="shows a certificate that is not trusted"):
        await read(lax, Access(ca_file=Authority(tmp_path, "another").file))


async def test_a_certificate_that_has_run_out(expired: Url, hospital: Authority) -> None:
    """A server whose certificate is too old is not trusted."""
    with pytest.raises(Never, match="shows a certificate that is not trusted"):
        await read(expired, Access(ca_file=hospital.file))


async def test_a_certificate_for_another_name(lax: Url, hospital: Authority) -> None:
    """A certificate is for the host that it names."""
    with pytest.raises(Never, match="shows a certificate that is not trusted"):
        await read(Url(lax.replace("127.0.0.1", "localhost")), Access(ca_file=hospital.file))


async def test_our_certificate_opens_the_door(strict: Url, hospital: Authority) -> None:
    """A server that asks for a client certificate lets us in with ours, in one file with its key or in two."""
    certificate, key = hospital.issue("candor")
    joined = certificate.with_suffix(".both")
    joined.write_bytes(certificate.read_bytes() + key.read_bytes())

    assert await read(strict, Access(ca_file=hospital.file, cert_file=certificate, cert_key_file=key)) == "1"
    assert await read(strict, Access(ca_file=hospital.file, cert_file=joined)) == "1"


async def test_without_our_certificate_the_door_stays_shut(strict: Url, hospital: Authority, tmp_path: Path) -> None:
    """Without a certificate, or with one of another authority, nothing is read."""
    certificate, key = Authority(tmp_path, "another").issue("stranger")
    for access in (
        Access(ca_file=hospital.file),
        Access(ca_file=hospital.file, cert_file=certificate, cert_key_file=key),
    ):
        with pytest.raises(Never, match="asks for a client certificate, or does not take ours"):
            await read(strict, access)


async def test_files_that_cannot_be_used_are_told(lax: Url, hospital: Authority, tmp_path: Path) -> None:
    """A key of another certificate, one behind a password, and files that are none are refused by their names."""
    certificate, key = hospital.issue("one")
    _, other = hospital.issue("two")
    _, hidden = hospital.issue("three", password=b"word")
    for access, said in (
        (Access(cert_file=certificate, cert_key_file=other), "no client certificate with its key"),
        (Access(cert_file=certificate, cert_key_file=hidden), "no client certificate with its key, unencrypted PEM"),
        (Access(cert_file=tmp_path / "none"), "No such file"),
        (Access(ca_file=tmp_path / "none"), "No such file"),
        (Access(ca_file=key), "no certificates of authorities in PEM"),
    ):
        with pytest.raises(SettingError, match=said):
            await read(lax, access)
