"""Tokens that others signed, believed or not: what holds for both doors, whatever each asks before."""

from __future__ import annotations

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from service.trust.signed import Untrusted, shown, verify

KEY = ECKey.generate_key("P-384", {"kid": "k"})
NOW, ISSUER, ALGORITHMS = 1_800_000_000.0, "https://login.example/", ("ES384",)
TOKEN = jwt.encode({"alg": "ES384", "kid": "k"}, {"iss": ISSUER, "exp": NOW + 60, "sub": "me"}, KEY, ["ES384"])


def test_what_is_proven_is_what_the_issuer_says() -> None:
    """The claims come back; of another issuer's key they are nobody's, though the signature is good."""
    assert verify(TOKEN, KEY.as_dict(private=False), ALGORITHMS, ISSUER, NOW)["sub"] == "me"
    with pytest.raises(Untrusted, match="iss"):
        verify(TOKEN, KEY.as_dict(private=False), ALGORITHMS, "https://other.example/", NOW)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"), ("bEARER  abc ", "abc"), ("Bearer ", ""),
        ("Bearer", None), ("", None), (None, None), ("Basic abc", None), ("abc", None),
    ],
)  # fmt: skip
def test_a_token_is_borne_in_a_header(header: str | None, token: str | None) -> None:
    """The scheme is written in any case; any other header bears none."""
    assert shown(header) == token
