"""The forms of CDS Hooks 2.0.1 as JSON Schema, from the specification's tables; no member that it does not name."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

Json = dict[str, Any]

_TEXT: Json = {"type": "string", "minLength": 1}
_URL: Json = {"type": "string", "pattern": "^https?://"}
_UUID: Json = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}


def _object(required: str, **members: Json) -> Json:
    """Return an object of these members; ``required`` names those that have to be there."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": members,
        "additionalProperties": False,
    }


def _array(of: Json) -> Json:
    return {"type": "array", "items": of}


_CODING = _object("code system", code=_TEXT, system=_URL, display=_TEXT)
_ACTION = _object(
    "type description",
    type={"enum": ["create", "update", "delete"]},
    description=_TEXT,
    resource={"type": "object", "required": ["resourceType"]},
    resourceId=_TEXT,
)
_SUGGESTION = _object("label", label=_TEXT, uuid=_UUID, isRecommended={"type": "boolean"}, actions=_array(_ACTION))
_LINK = _object(
    "label url type", label=_TEXT, url=_URL, type={"enum": ["absolute", "smart"]}, appContext={"type": "string"}
)
_CARD = _object(
    "summary indicator source",
    uuid=_UUID,
    summary={"type": "string", "minLength": 1, "maxLength": 139},
    detail={"type": "string"},
    indicator={"enum": ["info", "warning", "critical"]},
    source=_object("label", label=_TEXT, url=_URL, icon=_URL, topic=_CODING),
    suggestions=_array(_SUGGESTION),
    selectionBehavior={"enum": ["at-most-one", "any"]},
    overrideReasons=_array(_CODING | {"required": ["code", "system", "display"]}),
    links=_array(_LINK),
) | {"dependentRequired": {"suggestions": ["selectionBehavior"]}}
_SERVICE = _object(
    "hook description id",
    hook=_TEXT,
    title=_TEXT,
    description=_TEXT,
    id=_TEXT,
    prefetch={"type": "object", "additionalProperties": _TEXT},
    usageRequirements=_TEXT,
)

CARD = jsonschema_rs.Draft202012Validator(_CARD)
RESPONSE = jsonschema_rs.Draft202012Validator(_object("cards", cards=_array(_CARD), systemActions=_array(_ACTION)))
DISCOVERY = jsonschema_rs.Draft202012Validator(_object("services", services=_array(_SERVICE)))


def check(form: jsonschema_rs.Draft202012Validator, value: Any) -> None:
    """Fail with everything in which a value is not of the form."""
    issues = [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in form.iter_errors(value)]
    assert not issues, "\n".join(issues)
