"""Bytes become FHIR JSON, or are refused with a place and no content."""

from decimal import Decimal

import pytest

from service.errors import NotFhirError
from service.fhir.decode import decode


def test_numbers_keep_their_decimals() -> None:
    """10.50 and 1E400 are decimals, not floats."""
    decoded = decode(b'{"resourceType":"Observation","a":10.50,"b":1E400,"c":7}')

    assert (str(decoded["a"]), decoded["b"], decoded["c"]) == ("10.50", Decimal("1E400"), 7)


def test_byte_order_mark_is_cut() -> None:
    """Files of Windows tools begin with one."""
    assert decode(b'\xef\xbb\xbf{"resourceType":"Patient"}') == {"resourceType": "Patient"}


def test_of_equal_keys_the_last_wins() -> None:
    """As the documentation says."""
    assert decode(b'{"resourceType":"Patient","id":"1","id":"2"}')["id"] == "2"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"resourceType":"Patient"',
        b'{"resourceType":"Observation","value":NaN}',
        b'{"resourceType":"Observation","value":925.}',
        b'{"resourceType":"Observation","value":01}',
        b'{"resourceType":"Patient"}}',
        b'{"resourceType":"Pati\xffent"}',
        b'{"resourceType":"Bundle","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"<Patient/>",
    ],
)
def test_broken_json_is_refused(data: bytes) -> None:
    """What JSON does not allow is no FHIR, however deep it nests."""
    with pytest.raises(NotFhirError) as refused:
        decode(data)
    assert refused.value.code == "not-json"


@pytest.mark.parametrize("data", [b"[]", b"null", b'"Patient"', b"{}", b'{"resourceType":1}'])
def test_json_that_is_no_resource_is_refused(data: bytes) -> None:
    """An object with a resourceType is needed."""
    with pytest.raises(NotFhirError) as refused:
        decode(data)
    assert refused.value.code == "not-fhir"


def test_the_message_names_the_place_and_no_content() -> None:
    """Line and byte of the line; a name or a value never gets into a log."""
    with pytest.raises(NotFhirError) as refused:
        decode(b'{"resourceType":"Patient",\n"name":[{"family":"Martin"}],\n"birthDate" "1978"}')
    assert "line 3, byte 13" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("Martin", "1978"))
