"""Bytes -> FHIR JSON: decimals as written, and nothing that JSON does not allow."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from service.errors import NotFhirError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_PLACE = re.compile(r"\s*\(byte (\d+)\)\Z")


def decode(data: bytes) -> dict[str, Any]:
    """Decode one FHIR resource; of equal keys in one object the last wins.

    Raises ``NotFhirError`` with the place, never the content: code ``not-json`` for broken JSON, NaN, a number such as
    ``925.`` or bottomless nesting, ``not-fhir`` for JSON that is no resource.
    """
    resource = decode_json(data)
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise NotFhirError("This is JSON, but no FHIR resource: an object with a resourceType is needed.", "not-fhir")
    return resource


def decode_json(data: bytes) -> Any:
    """Decode any JSON; raises ``NotFhirError`` with the code ``not-json``."""
    text = data.removeprefix(BYTE_ORDER_MARK)
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise NotFhirError("The JSON is nested too deeply to be FHIR.", "not-json") from None
    except ArithmeticError:  # an exponent that no decimal holds
        raise NotFhirError("A number in the JSON is beyond all bounds.", "not-json") from None
    except UnicodeDecodeError:
        raise NotFhirError("The JSON is not in UTF-8; FHIR JSON has to be.", "not-json") from None
    except msgspec.DecodeError as error:
        raise NotFhirError(_broken(text, str(error)), "not-json") from None


def _broken(text: bytes, problem: str) -> str:
    """Say where the JSON breaks, by line and byte of that line."""
    place = _PLACE.search(problem)
    if place is None:
        return "The JSON ends too early: was the file cut short?"
    offset = int(place[1])
    line = text.count(b"\n", 0, offset) + 1
    byte = offset - text.rfind(b"\n", 0, offset)
    return f"The JSON breaks at line {line}, byte {byte}: {_PLACE.sub('', problem)}."
