"""Mail against a real SMTP server on loopback, in the clear and with TLS."""

from __future__ import annotations

import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.config import Settings
from service.notices import Notices
from tests.nights import eventful
from tests.servers.test_tls import Authority

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

USER, PASSWORD = "candor", "s3cret"
SENDER, RECEIVERS = "candor@hospital.example", "trials@hospital.example, nurse@hospital.example"


class Taken:
    """What a server took."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.mails, self.receivers, self.logins = list[EmailMessage](), list[str](), list[str]()
        self.encrypted = list[bool]()
        self.refused = frozenset[str]()
        self.broken = False


class Talk(socketserver.StreamRequestHandler):
    """One connection: as much of RFC 5321, 3207 and 4954 as a client needs."""

    def handle(self) -> None:
        """Answer a client until it goes."""
        self.taken: Taken = self.server.taken  # type: ignore[attr-defined]
        self.tls: ssl.SSLContext | None = self.server.tls  # type: ignore[attr-defined]
        self.secure = False
        self.answer("220 mail.hospital.example")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            if self.taken.broken or verb.upper() == "QUIT":
                return
            getattr(self, f"do_{verb.lower()}", self.do_noop)(rest)

    def finish(self) -> None:
        """Hang up, also where the connection is no longer the one that was opened."""
        super().finish()
        self.request.close()

    def answer(self, *lines: str) -> None:
        """Say something."""
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def do_noop(self, _: str) -> None:
        """Let anything else pass."""
        self.answer("250 ok")

    def do_ehlo(self, _: str) -> None:
        """Say what we can."""
        offered = "250-STARTTLS" if self.tls and not self.secure else "250-8BITMIME"
        self.answer("250-mail.hospital.example", offered, "250-SMTPUTF8", "250 AUTH PLAIN")

    def do_starttls(self, _: str) -> None:
        """Go on encrypted."""
        assert self.tls is not None
        self.answer("220 go ahead")
        self.request = self.tls.wrap_socket(self.request, server_side=True)
        self.setup()
        self.secure = True

    def do_auth(self, given: str) -> None:
        """Let in whoever knows the password."""
        self.taken.logins.append(given)
        self.answer("235 welcome")

    def do_rcpt(self, to: str) -> None:
        """Take a receiver, or not."""
        address = to.partition("<")[2].partition(">")[0]
        self.taken.receivers.append(address)
        self.answer("550 nobody of that name" if address in self.taken.refused else "250 ok")

    def do_data(self, _: str) -> None:
        """Take a mail."""
        self.answer("354 go on")
        lines = iter(self.rfile.readline, b".\r\n")
        self.taken.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        self.taken.encrypted.append(self.secure)
        self.answer("250 taken")


class Server(socketserver.ThreadingTCPServer):
    """Takes mail on loopback."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        """Listen."""
        super().__init__(("127.0.0.1", 0), Talk)
        self.taken, self.tls = Taken(), tls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a client alone that went away."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[Server]:
    """Run a server; ``at_once`` it speaks TLS from the first byte."""
    with Server(None if at_once else tls) as server:
        if at_once and tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the hospital's own authority."""
    return Authority(tmp_path_factory.mktemp("mail"), "hospital")


@pytest.fixture(scope="module")
def tls(hospital: Authority) -> ssl.SSLContext:
    """Give what a server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*hospital.issue("mail"))
    return context


def settings(server: Server, authority: Path | None = None, **others: Any) -> Settings:
    """Return settings for a server."""
    given = {"smtp_tls": "none", "smtp_from": SENDER, "smtp_to": RECEIVERS, "smtp_ca_file": authority}
    host, port = server.server_address[:2]
    return Settings(smtp_host=str(host), smtp_port=int(port), **(given | others))


async def told(of: Settings, **report: Any) -> list[dict[str, Any]]:
    """Tell of a run; return what was logged."""
    with capture_logs() as logs:
        await Notices(of).tell(eventful() | report)
    return [dict(log) for log in logs]


async def test_a_mail_is_sent_with_numbers_and_a_link() -> None:
    """To everybody who is named, and nothing of patients is in it."""
    with serving() as server:
        assert await told(settings(server)) == []
        (mail,) = server.taken.mails

    assert (mail["From"], mail["To"]) == (SENDER, RECEIVERS)
    assert server.taken.receivers == ["trials@hospital.example", "nurse@hospital.example"]
    assert mail["Subject"] == "NCT06722105: 2 new, 1 changed, 3 no longer listed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@hospital.example>")
    assert "http://127.0.0.1:8000/api/v1/discovery-runs/run-1" in mail.get_content()
    assert "Patient/" not in mail.as_string()


async def test_a_mail_in_french_keeps_its_accents() -> None:
    """Subject and text are UTF-8."""
    with serving() as server:
        await told(settings(server, report_language="fr"))
        (mail,) = server.taken.mails

    assert "changés 1" in mail["Subject"]
    assert "est terminée" in mail.get_content()


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_mail_goes_encrypted(hospital: Authority, tls: ssl.SSLContext, at_once: bool) -> None:
    """By STARTTLS or from the first byte, by the hospital's own authority; the password goes only then."""
    kind = "tls" if at_once else "starttls"
    with serving(tls, at_once=at_once) as server:
        logs = await told(settings(server, hospital.file, smtp_tls=kind, smtp_user=USER, smtp_password=PASSWORD))

    assert logs == []
    assert len(server.taken.mails) == 1
    assert server.taken.encrypted == [not at_once]
    assert len(server.taken.logins) == 1


async def test_a_server_of_another_authority_gets_nothing(tls: ssl.SSLContext) -> None:
    """Neither the mail nor the password; the log says what kind of failure it was."""
    with serving(tls) as server:
        logs = await told(settings(server, smtp_tls="starttls", smtp_user=USER, smtp_password=PASSWORD))

    assert [(log["event"], log["error"]) for log in logs] == [("mail-not-sent", "SSLCertVerificationError")]
    assert (server.taken.mails, server.taken.logins) == ([], [])


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for() -> None:
    """Whoever took STARTTLS out of the answer on the way learns no password."""
    with serving() as server:
        logs = await told(settings(server, smtp_tls="starttls", smtp_user=USER, smtp_password=PASSWORD))

    assert [log["error"] for log in logs] == ["SMTPNotSupportedError"]
    assert (server.taken.mails, server.taken.logins) == ([], [])


async def test_what_fails_is_logged_without_addresses() -> None:
    """The run is not failed by it: receivers nobody knows, a server that hangs up, one that is not there."""
    with serving() as server:
        of = settings(server)
        server.taken.refused = frozenset({"nurse@hospital.example"})
        some = await told(of)
        server.taken.broken = True
        none = await told(of)
    gone = await told(of)

    assert [log["error"] for log in (*some, *none, *gone)] == [
        "SMTPRecipientsRefused", "SMTPServerDisconnected", "ConnectionRefusedError",
    ]  # fmt: skip
    assert "hospital.example" not in str([some, none, gone])
    assert len(server.taken.mails) == 1


async def test_of_a_dry_run_nobody_is_told() -> None:
    """Nothing was posted either."""
    with serving() as server:
        await told(settings(server), dry_run=True)

    assert server.taken.mails == []
