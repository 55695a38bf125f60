"""Whether a notification is from a server that we registered with: it shows the secret, or signs with it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.trust.signed import Untrusted, shown

_PREFIX = "sha256="  # some servers write it before the signature


@dataclass(frozen=True, slots=True)
class NotificationSecrets:
    """Takes any of ``secrets``, so that one can follow another; without any, whoever is on this machine."""

    secrets: Sequence[str] = field(repr=False)
    loopback: bool  # the service is reached from this machine alone

    def shown(self, authorization: str | None) -> bool:
        """Whether the header carries a secret. Every secret is compared, in constant time."""
        token = shown(authorization)
        return token is not None and self._any(token, self.secrets)

    def signed(self, signature: str | None, body: bytes) -> bool:
        """Whether ``signature`` is the HMAC-SHA256 of the body under a secret, in hexadecimal."""
        if signature is None:
            return False
        digests = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in self.secrets]
        return self._any(signature.strip().lower().removeprefix(_PREFIX), digests)

    def admit(self, authorization: str | None, signature: str | None, body: bytes) -> None:
        """Raise ``Untrusted`` for a notification that shows no secret of ours and is signed with none."""
        if not self.secrets:
            if not self.loopback:
                raise Untrusted("No secret is set for notifications: set CANDOR_NOTIFICATION_SECRET.")
        elif not self.shown(authorization) and not self.signed(signature, body):
            raise Untrusted("Send the secret that the Subscription was registered with, or sign the body with it.")

    @staticmethod
    def _any(given: str, expected: Sequence[str]) -> bool:
        found = [hmac.compare_digest(given.encode(), each.encode()) for each in expected]
        return any(found)
