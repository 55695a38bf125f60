"""Who may notify us: whoever shows a secret of ours, or signs with it."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from service.subscriptions.secrets import NotificationSecrets
from service.trust.signed import Untrusted

BODY = b'{"resourceType":"Observation"}'
NEW, OLD = "new-secret", "old-secret"
BOTH = NotificationSecrets((NEW, OLD), loopback=True)


def signature(secret: str, body: bytes = BODY) -> str:
    """Sign as servers do."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("authorization", "signed"),
    [
        (f"Bearer {NEW}", None),
        (f"bearer {OLD}", None),
        (None, signature(NEW)),
        (None, f"sha256={signature(OLD).upper()}".replace("SHA256", "sha256")),
        ("Bearer wrong", signature(NEW)),
    ],
)
def test_either_secret_lets_in(authorization: str | None, signed: str | None) -> None:
    """While one follows another both count, in the header or as the key of a signature."""
    BOTH.admit(authorization, signed, BODY)


@pytest.mark.parametrize(
    ("authorization", "signed"),
    [
        (None, None),
        ("", ""),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer wrong", None),
        (f"Bearer {NEW} ,", None),
        (f"Basic {NEW}", None),
        (NEW, None),
        ("Bearer é", "é"),
        (None, signature("wrong")),
        (None, signature(NEW, BODY + b" ")),
        (None, NEW),
        (None, "sha256="),
    ],
)
def test_nothing_else_lets_in(authorization: str | None, signed: str | None) -> None:
    """No secret, a wrong one, a signature of another body: refused, and nothing of it is repeated."""
    with pytest.raises(Untrusted) as refused:
        BOTH.admit(authorization, signed, BODY)

    assert NEW not in str(refused.value)


def test_without_a_secret_only_this_machine_is_let_in() -> None:
    """Where none is set, whoever is on this machine may notify, and nobody else."""
    NotificationSecrets((), loopback=True).admit(None, None, b"")
    with pytest.raises(Untrusted, match="CANDOR_NOTIFICATION_SECRET"):
        NotificationSecrets((), loopback=False).admit("Bearer ", None, b"")


def test_secrets_are_not_shown() -> None:
    """What prints the object prints no secret."""
    assert NEW not in repr(BOTH)
