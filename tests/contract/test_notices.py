"""Another system is told of a search that is done, and what of that may not be set."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from service.config import Endpoint, Settings, Token
from service.errors import SettingError
from service.notices import Notices
from tests.nights import eventful

pytestmark = pytest.mark.anyio

URL = Endpoint("https://flow.hospital.example/hooks/candor/")
HERE = {"smtp_from": "a@hospital.example", "smtp_to": "b@hospital.example"}


async def told(settings: Settings, **report: Any) -> list[dict[str, Any]]:
    """Tell of a run; return what was logged."""
    with capture_logs() as logs:
        await Notices(settings).tell(eventful() | report)
    return [dict(log) for log in logs]


async def test_numbers_and_a_link_are_posted(respx_mock: respx.MockRouter) -> None:
    """To the address as it is written, with the token; nothing of patients is in it."""
    route = respx_mock.post(URL).respond(204)

    assert await told(Settings(webhook_url=URL, webhook_token=Token("t0ken"))) == []
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer t0ken"
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.content) == {
        "run": "run-1",
        "study": "NCT06722105",
        "as_of": "2026-11-23",
        "new": 2,
        "changed": 1,
        "lost": 3,
        "failed": 1,
        "unread": 2,
        "link": "http://127.0.0.1:8000/api/v1/discovery-runs/run-1",
    }


async def test_without_a_token_none_is_shown(respx_mock: respx.MockRouter) -> None:
    """Some addresses are secrets of their own."""
    route = respx_mock.post(URL).respond(200)
    await told(Settings(webhook_url=URL))

    assert "authorization" not in route.calls.last.request.headers


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
async def test_an_answer_that_is_no_yes_is_logged(respx_mock: respx.MockRouter, status: int) -> None:
    """The run is not failed by it, nothing is repeated, and no redirect is followed."""
    route = respx_mock.post(URL).respond(status, headers={"Location": "https://elsewhere.example/"})
    logs = await told(Settings(webhook_url=URL))

    assert [(log["event"], log["status"]) for log in logs] == [("webhook-not-called", status)]
    assert route.call_count == 1
    assert "flow" not in str(logs)


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_a_system_that_is_not_there_is_logged(respx_mock: respx.MockRouter, error: Exception) -> None:
    """By the kind of failure alone."""
    respx_mock.post(URL).mock(side_effect=error)
    logs = await told(Settings(webhook_url=URL))

    assert [log["event"] for log in logs] == ["webhook-not-called"]
    assert "flow" not in str(logs)


async def test_nobody_is_told_unasked(respx_mock: respx.MockRouter) -> None:
    """Without settings, or of a dry run, no request is made."""
    assert await told(Settings()) == []
    assert await told(Settings(webhook_url=URL), dry_run=True) == []
    assert not respx_mock.calls


@pytest.mark.parametrize("lacking", HERE)
def test_mail_without_sender_or_receivers_is_a_mistake(lacking: str) -> None:
    """Said when the service starts, not in the night."""
    with pytest.raises(SettingError, match=f"CANDOR_{lacking.upper()} is not set"):
        Notices(Settings(smtp_host="mail", **{name: value for name, value in HERE.items() if name != lacking}))


def test_no_secret_is_sent_in_the_clear() -> None:
    """A password to another machine without TLS, a token to an address that is not https."""
    with pytest.raises(SettingError, match="CANDOR_SMTP_TLS is none"):
        Notices(Settings(smtp_host="mail", smtp_tls="none", smtp_user="u", smtp_password="p", **HERE))  # noqa: S106
    with pytest.raises(SettingError, match="not https"):
        Notices(Settings(webhook_url=Endpoint("http://flow.hospital.example/"), webhook_token=Token("t")))
    Notices(Settings(smtp_host="127.0.0.1", smtp_tls="none", smtp_user="u", **HERE))
    Notices(Settings(webhook_url=Endpoint("http://127.0.0.1:9/"), webhook_token=Token("t")))
    Notices(Settings(webhook_url=Endpoint("http://flow.hospital.example/")))
