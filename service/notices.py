"""Who is told that a run is done: people by mail, another system by a webhook. That fails without failing the run."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
import structlog

from service.config import Settings
from service.discovery.sections import Report
from service.discovery.summary import announcement, summarise
from service.errors import ServerError, SettingError
from service.hospital.origins import Origin, is_loopback
from service.hospital.transport import Transport
from service.mail import MailServer, send

_SECONDS = 30.0

log = structlog.get_logger()


class Notices:
    """Tells of runs, as far as the settings say to whom."""

    def __init__(self, settings: Settings) -> None:
        """Raises ``SettingError`` where something for mail is not set, or a secret would be sent in the clear."""
        self._settings = settings
        self._mail = _mail_server(settings)
        url = settings.webhook_url
        if url and settings.webhook_token and not (url.startswith("https:") or is_loopback(Origin.parse(url).host)):
            raise SettingError("CANDOR_WEBHOOK_URL is not https: the token would be sent in the clear.")

    async def tell(self, report: Report) -> None:
        """Tell of a run that is done, unless it was a dry one."""
        if report["dry_run"]:
            return
        link = f"{self._settings.public}/api/v1/discovery-runs/{report['run']}"
        await asyncio.gather(self._by_mail(report, link), self._by_webhook(report, link))

    async def _by_mail(self, report: Report, link: str) -> None:
        if self._mail is None:
            return
        summary = summarise(report, link, self._settings.report_language)
        sender, receivers = self._settings.smtp_from or "", self._settings.smtp_to or ""
        words = {"sender": sender, "receivers": receivers, "subject": summary.subject, "text": summary.text}
        try:
            await asyncio.to_thread(send, self._mail, **words)
        except (OSError, ValueError) as error:  # their texts may repeat an address
            log.warning("mail-not-sent", host=self._mail.host, error=type(error).__name__)

    async def _by_webhook(self, report: Report, link: str) -> None:
        url, token = self._settings.webhook_url, self._settings.webhook_token
        if url is None:
            return
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with Transport(connections=1, seconds=_SECONDS) as http:
                body = msgspec.json.encode(announcement(report, link))
                reply = await http.send("POST", url, "webhook", headers, body)
        except ServerError as error:
            log.warning("webhook-not-called", error=type(error).__name__)
            return
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            log.warning("webhook-not-called", status=reply.status)


def _mail_server(settings: Settings) -> MailServer | None:
    """Return what takes our mail."""
    if settings.smtp_host is None:
        return None
    for name in ("smtp_from", "smtp_to"):
        if not getattr(settings, name):
            raise SettingError(f"CANDOR_{name.upper()} is not set: with CANDOR_SMTP_HOST, set it too.")
    if settings.smtp_user and settings.smtp_tls == "none" and not is_loopback(settings.smtp_host):
        raise SettingError("CANDOR_SMTP_TLS is none: a password would be sent in the clear; use starttls or tls.")
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=settings.smtp_password,
        ca_file=settings.smtp_ca_file,
    )
