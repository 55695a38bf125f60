"""Key pairs: made for nobody else to read, named by their thumbprint, published without their private part."""

from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from service.errors import SettingError
from service.hospital.keys import ALGORITHMS, SigningKey, jwks, load_key, make_key

PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture(params=ALGORITHMS)
def key(request: pytest.FixtureRequest, tmp_path: Path) -> SigningKey:
    """Give a fresh key of each kind."""
    return make_key(request.param, tmp_path / "key.pem")


def test_a_key_is_kept_for_its_owner_alone(key: SigningKey, tmp_path: Path) -> None:
    """The file is readable by its owner only, and gives the same key again."""
    file = tmp_path / "key.pem"

    assert file.stat().st_mode & 0o777 == 0o600
    assert (load_key(file).id, load_key(file).algorithm) == (key.id, key.algorithm)


def test_a_key_in_use_is_not_overwritten(key: SigningKey, tmp_path: Path) -> None:
    """A file that is there already stays as it is, and that is said."""
    file = tmp_path / "key.pem"
    before = file.read_bytes()

    with pytest.raises(SettingError, match="exists already"):
        make_key(key.algorithm, file)

    assert file.read_bytes() == before


def test_a_folder_that_takes_no_file_is_said(tmp_path: Path) -> None:
    """Where the key cannot be kept, the place and the reason are said."""
    with pytest.raises(SettingError, match=r"nowhere/key\.pem: the key cannot be written \(No such file"):
        make_key("ES384", tmp_path / "nowhere/key.pem")


def test_what_is_published_holds_no_private_part(key: SigningKey) -> None:
    """A JWK Set has what checks a signature, and nothing by which one is made; neither has ``repr``."""
    [published] = jwks([key])["keys"]

    assert not PRIVATE_PARTS & published.keys()
    assert (published["kid"], published["alg"], published["use"]) == (key.id, key.algorithm, "sig")
    assert repr(key) == f"SigningKey(algorithm={key.algorithm!r})"


def test_a_key_that_is_current_and_next_is_published_once(key: SigningKey) -> None:
    """Two names of one key make one entry."""
    assert len(jwks([key, key])["keys"]) == 1


def test_a_signature_is_checked_by_what_is_published(key: SigningKey, tmp_path: Path) -> None:
    """The header names algorithm and key; the published set verifies the token, another key's does not."""
    token = key.sign({"iss": "candor"})

    checked = jwt.decode(token, key_set(*jwks([key])["keys"]), algorithms=[key.algorithm])

    assert checked.claims == {"iss": "candor"}
    assert checked.header == {"alg": key.algorithm, "kid": key.id, "typ": "JWT"}
    other = make_key(key.algorithm, tmp_path / "other.pem").public() | {"kid": key.id}
    with pytest.raises(BadSignatureError):
        jwt.decode(token, key_set(other), algorithms=[key.algorithm])


def key_set(*published: dict[str, Any]) -> KeySet:
    """Read keys as a server does that has them registered."""
    return KeySet.import_key_set(cast("Any", {"keys": list(published)}))


WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())


def _pem(key: Any, encryption: Any = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_pem(WEAK), "is neither a P-384 nor an RSA key of 2048 bits or more"),
        (_pem(P256), "is neither a P-384 nor an RSA key"),
        (_pem(ed25519.Ed25519PrivateKey.generate()), "is neither a P-384 nor an RSA key"),
        (_pem(P384, BestAvailableEncryption(b"word")), "is no private key in PEM without a password"),
        (P384.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "is no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "is no private key in PEM"),
        (b"", "is no private key in PEM"),
    ],
    ids=["weak RSA", "P-256", "Ed25519", "encrypted", "public", "broken", "empty"],
)
def test_a_file_that_cannot_sign_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """What SMART Backend Services cannot use is named by its file, without a line of it."""
    file = tmp_path / "key.pem"
    file.write_bytes(content)

    with pytest.raises(SettingError) as refused:
        load_key(file)

    assert str(refused.value).startswith(f"{file}: {said}")
    assert "c2VjcmV0" not in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A missing file is named with the reason."""
    with pytest.raises(SettingError, match="No such file"):
        load_key(tmp_path / "none.pem")
