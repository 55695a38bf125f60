"""Mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Literal

_SECONDS = 30.0  # for each answer of the server

Tls = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A server that takes mail, and how it lets us in."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None  # whom to trust instead of the public authorities


def send(server: MailServer, *, sender: str, receivers: str, subject: str, text: str) -> None:
    """Send a mail; it blocks. ``receivers`` are addresses with commas between them.

    Raises ``OSError``, of which ``smtplib.SMTPException`` and ``ssl.SSLError`` are kinds, and ``ValueError`` for what
    is no address.
    """
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, receivers, subject
    mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # nobody's absence is answered
    mail.set_content(text)
    with _connected(server) as connection:
        if server.user is not None:
            connection.login(server.user, server.password or "")
        refused = connection.send_message(mail)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.tls == "none":
        return smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    context = ssl.create_default_context(cafile=server.ca_file)
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    try:
        connection.starttls(context=context)
    except BaseException:
        with suppress(OSError):
            connection.close()
        raise
    return connection
