"""What lets us in at the hospital's servers: one way each, and nothing that is for one host is shown to another."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from service.access import hospital_servers, signing_keys
from service.advisors import trusted
from service.config import Access, Endpoint, Settings, Token, Url, Urls, load_settings
from service.errors import SettingError
from service.hospital.keys import make_key
from service.hospital.tokens import BackendServices

URL = Url("https://fhir.hospital.example/r4")
TOKEN, OTHER_TOKEN = Token("t0ken"), Token("0ther")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Give a private key."""
    make_key("ES384", tmp_path / "key.pem")
    return tmp_path / "key.pem"


def shown(server: Any) -> str | None:
    """Return what a server is shown."""
    return asyncio.run(server.credentials.header()) if server.credentials else None


def test_one_server_is_one_object() -> None:
    """Where results go to the server of the charts, it is entered once, with one token and one pool of connections."""
    servers = hospital_servers(Settings(fhir_url=URL, fhir=Access(token=TOKEN)))
    named_twice = hospital_servers(Settings(fhir_url=URL, fhir_write_url=URL))

    assert servers.reads is servers.writes
    assert named_twice.reads is named_twice.writes
    assert shown(servers.reads) == "Bearer t0ken"


@pytest.mark.parametrize(
    ("url", "own", "expected"),
    [
        ("https://fhir.hospital.example/write", None, "Bearer t0ken"),
        ("https://fhir.hospital.example/write", OTHER_TOKEN, "Bearer 0ther"),
        ("https://fhir.hospital.example/r4", OTHER_TOKEN, "Bearer 0ther"),
        ("https://trials.example/r4", None, None),
        ("https://trials.example/r4", OTHER_TOKEN, "Bearer 0ther"),
        ("http://fhir.hospital.example/r4", None, None),
        ("https://fhir.hospital.example:8443/r4", None, None),
        ("https://fhir.hospital.example.evil.test/r4", None, None),
    ],
)
def test_a_token_is_for_the_host_that_it_was_issued_for(url: str, own: Token | None, expected: str | None) -> None:
    """The write server gets its own token, else on the same host that of the other, else none."""
    servers = hospital_servers(
        Settings(fhir_url=URL, fhir_write_url=Url(url), fhir=Access(token=TOKEN), fhir_write=Access(token=own))
    )

    assert shown(servers.reads) == "Bearer t0ken"
    assert shown(servers.writes) == expected


@pytest.mark.parametrize(
    ("url", "access", "refused"),
    [
        ("http://fhir.hospital.example/r4", Access(token=TOKEN), True),
        ("http://fhir.hospital.example/r4", Access(user="u", password=Token("p")), True),
        ("http://127.0.0.1:8080/r4", Access(token=TOKEN), False),
        ("http://localhost:8080/r4", Access(token=TOKEN), False),
        ("http://fhir.hospital.example/r4", Access(), False),
        ("https://fhir.hospital.example/r4", Access(token=TOKEN), False),
    ],
)
def test_nothing_that_lets_us_in_travels_in_plain_text(url: str, access: Access, refused: bool) -> None:
    """A token or a password for another machine needs https; without one there is nothing to hide."""
    settings = Settings(fhir_url=Url(url), fhir=access)
    if refused:
        with pytest.raises(SettingError, match=r"to fhir\.hospital\.example for all to read: set an https URL"):
            hospital_servers(settings)
    else:
        assert hospital_servers(settings).reads is not None


def test_no_token_is_asked_for_in_plain_text(key_file: Path) -> None:
    """A token endpoint on another machine needs https, however the FHIR server is reached."""
    access = Access(client_id="candor", key_file=key_file, token_url=Endpoint("http://auth.hospital.example/token"))
    with pytest.raises(SettingError, match="CANDOR_FHIR_TOKEN_URL: tokens would travel for all to read"):
        hospital_servers(Settings(fhir_url=URL, fhir=access))


def test_no_token_is_lent_in_plain_text() -> None:
    """A server that CDS clients may name with a token of theirs has an https address."""
    with pytest.raises(SettingError, match="CANDOR_FHIR_ALLOWED"):
        trusted(Settings(fhir_allowed=Urls([Url("https://a.example/r4"), Url("http://b.example/r4")])))


def test_certificates_go_with_the_host(tmp_path: Path) -> None:
    """On the same host the write server's own token keeps the authority that was set; elsewhere nothing is shown."""
    tls = Access(token=TOKEN, ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "cert.pem")
    near = Settings(fhir_url=URL, fhir_write_url=URL, fhir=tls, fhir_write=Access(token=OTHER_TOKEN))
    far = Settings(fhir_url=URL, fhir_write_url=Url("https://trials.example"), fhir=tls)

    writes = hospital_servers(near).writes
    elsewhere = hospital_servers(far).writes

    assert writes is not None
    assert elsewhere is not None
    assert writes.tls is not None
    assert (shown(writes), writes.tls.authorities) == ("Bearer 0ther", tmp_path / "ca.pem")
    assert (shown(elsewhere), elsewhere.tls) == (None, None)


def test_a_password_is_shown_as_basic() -> None:
    """User and password stand in the header as RFC 7617 says, and in no ``repr``."""
    settings = Settings(fhir_url=URL, fhir=Access(user="candor", password="pässword"))  # noqa: S106 - a canary
    server = hospital_servers(settings).reads

    assert shown(server) == "Basic Y2FuZG9yOnDDpHNzd29yZA=="
    assert "Y2FuZG9y" not in repr(server)
    assert "pässword" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "first", "lacks"),
    [
        (None, "system/AdverseEvent.rs", None),
        ("v1", "system/AdverseEvent.read", None),
        ("system/*.rs", "system/*.rs", "system/Observation"),
    ],
)
def test_the_smallest_scope_is_asked_for(key_file: Path, given: str | None, first: str, lacks: str | None) -> None:
    """Without a setting every type that a loaded study reads is asked for, and what results are made of."""
    access = Access(client_id="candor", key_file=key_file, scope=given)
    server = hospital_servers(Settings(fhir_url=URL, fhir=access)).reads

    assert server is not None
    assert isinstance(server.credentials, BackendServices)
    scope = server.credentials.client.scope
    assert scope.split()[0] == first
    assert ("system/Observation" in scope) == (lacks is None)
    assert ("system/ResearchSubject.crus" in scope) == (given is None)


def test_two_servers_are_asked_for_what_each_is_for(key_file: Path) -> None:
    """The server of the charts is asked for reading alone, the one of the results for no charts."""
    access = Access(client_id="candor", key_file=key_file)
    url = Url("https://trials.example/r4")
    servers = hospital_servers(Settings(fhir_url=URL, fhir_write_url=url, fhir=access, fhir_write=access))

    reads, writes = (server.credentials.client.scope for server in servers)  # type: ignore[union-attr]
    assert all(scope.endswith(".rs") for scope in reads.split())
    assert "system/Observation.rs" in reads
    assert "Observation" not in writes


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ({"token": TOKEN, "user": "u", "password": "p"}, "CANDOR_FHIR_TOKEN and CANDOR_FHIR_USER are different ways"),
        ({"token": TOKEN, "client_id": "c", "key_file": Path("k")}, "CANDOR_FHIR_TOKEN and CANDOR_FHIR_CLIENT_ID"),
        ({"user": "u"}, "CANDOR_FHIR_USER is of no use alone: set CANDOR_FHIR_PASSWORD too"),
        ({"password": "p"}, "CANDOR_FHIR_PASSWORD is of no use alone: set CANDOR_FHIR_USER too"),
        ({"client_id": "c"}, "CANDOR_FHIR_CLIENT_ID is of no use alone: set CANDOR_FHIR_KEY_FILE too"),
        ({"key_file": Path("k")}, "CANDOR_FHIR_KEY_FILE is of no use alone: set CANDOR_FHIR_CLIENT_ID too"),
        ({"token": TOKEN, "scope": "x"}, "CANDOR_FHIR_SCOPE is of no use alone: set CANDOR_FHIR_CLIENT_ID too"),
        ({"cert_key_file": Path("k")}, "CANDOR_FHIR_CERT_KEY_FILE is of no use alone: set CANDOR_FHIR_CERT_FILE too"),
        ({"user": "a:b", "password": "p"}, "CANDOR_FHIR_USER: HTTP Basic allows no colon"),
        ({"client_id": "c", "key_file": Path("/nowhere")}, "/nowhere: the private key cannot be read (No such file"),
    ],
)
def test_two_ways_in_and_half_of_one_are_refused(access: dict[str, Any], said: str) -> None:
    """What cannot be meant is told by the names of the settings, at either server."""
    with pytest.raises(SettingError) as refused:
        hospital_servers(Settings(fhir_url=URL, fhir=Access(**access)))
    assert str(refused.value).startswith(said)

    elsewhere = Settings(fhir_url=URL, fhir_write_url=Url("https://trials.example"), fhir_write=Access(**access))
    with pytest.raises(SettingError) as refused:
        hospital_servers(elsewhere)
    assert str(refused.value).startswith(said.replace("CANDOR_FHIR_", "CANDOR_FHIR_WRITE_"))


def test_current_and_next_keys_of_both_servers(key_file: Path, tmp_path: Path) -> None:
    """Whoever checks our signatures gets the key in use and the one that comes next."""
    coming = make_key("RS384", tmp_path / "next.pem")
    access = Access(client_id="candor", key_file=key_file, next_key_file=tmp_path / "next.pem")

    found = [key.algorithm for key in signing_keys(Settings(fhir=access, fhir_write=Access(key_file=key_file)))]

    assert found == ["ES384", coming.algorithm, "ES384"]


def test_how_politely_a_server_is_asked() -> None:
    """Connections, page size and seconds are a server's own, else on the same host those of the other, else ours."""
    near, far = Url("https://fhir.hospital.example/write"), Url("https://trials.example/r4")
    hospital, own = Access(connections=2, page_size=50, seconds=10), Access(connections=8)

    def polite(write: Url, access: Access) -> list[tuple[int, int, float]]:
        servers = hospital_servers(Settings(fhir_url=URL, fhir_write_url=write, fhir=hospital, fhir_write=access))
        return [(each.connections, each.page_size, each.seconds) for each in servers if each is not None]

    assert polite(near, Access()) == [(2, 50, 10), (2, 50, 10)]
    assert polite(near, own) == [(2, 50, 10), (8, 50, 10)]
    assert polite(far, own) == [(2, 50, 10), (8, 200, 30)]


def test_how_politely_is_read_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings stand after the server's name, and zero of anything is refused by its name."""
    monkeypatch.setenv("CANDOR_FHIR_CONNECTIONS", "2")
    monkeypatch.setenv("CANDOR_FHIR_WRITE_PAGE_SIZE", "50")
    settings = load_settings()
    assert (settings.fhir.connections, settings.fhir_write.page_size) == (2, 50)

    monkeypatch.setenv("CANDOR_FHIR_SECONDS", "0")
    with pytest.raises(SettingError, match="CANDOR_FHIR_SECONDS"):
        load_settings()
