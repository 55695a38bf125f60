"""``/api/v1/studies``: what is screened for, in words, rules and codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Response

from service.api import models
from service.api.access import MayRead
from service.api.problems import described
from service.api.service import TheService
from service.eligibility.codes import Role
from service.eligibility.moment import Span
from service.eligibility.notions import Notion
from service.eligibility.rules import LeafRule, Rule, Same
from service.eligibility.study import Study
from service.study.plain_english import missing_in_words, rule_in_words
from service.study.references import children

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

COMMON = {field.name for field in fields(Rule)} | {"children", "child"}


@router.get(
    "",
    operation_id="listStudies",
    summary="List the studies",
    response_class=Response,
    responses={200: {"model": models.Studies, "description": "The studies that are loaded."}},
)
async def list_studies(service: TheService, _: MayRead) -> Response:
    """List the studies that are loaded, the default one first."""
    return _json({"items": [_summary(screener.study) for screener in service.screeners.values()]})


@router.get(
    "/{study}",
    operation_id="readStudy",
    summary="Read one study",
    response_class=Response,
    responses={
        200: {"model": models.StudyDetail, "description": "Criteria in words, rules and codes."},
        **described(HTTPStatus.NOT_FOUND),
    },
)
async def read_study(study: str, service: TheService, _: MayRead) -> Response:
    """Read one study: the protocol's words beside the rules that implement them, and the codes they look for."""
    return _json(_detail(service.screener(study).study))


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _summary(study: Study) -> dict[str, Any]:
    record, rules = study.record, study.rulebook
    return {
        "id": record.id,
        "title": record.title,
        "sponsor": record.sponsor,
        "status": record.status,
        "rules": {"version": rules.version, "hash": rules.hash, "reviewed": rules.reviewed},
    }


def _detail(study: Study) -> dict[str, Any]:
    record = study.record
    return {
        **_summary(study),
        "identifiers": record.identifiers,
        "phase": record.phase,
        "condition": record.condition,
        "participants": record.participants,
        "source": record.source,
        "criteria": [
            {
                "id": criterion.id,
                "kind": criterion.kind.value,
                "title": criterion.title["en"],
                "quote": criterion.text,
                "must_pass": criterion.must_pass,
                "rule": _rule(criterion.rule, study.notions),
            }
            for criterion in study.criteria
        ],
        "notions": [_notion(notion, study) for notion in study.notions.values()],
    }


def _rule(rule: Rule, notions: Mapping[str, Notion]) -> dict[str, Any]:
    leaf = isinstance(rule, LeafRule | Same)
    return {
        "op": rule.op,
        "id": rule.id,
        "quote": rule.quote,
        "words": rule_in_words(rule, notions) if leaf else None,
        "when_missing": missing_in_words(rule, notions) if leaf else None,
        "parameters": {name: value for name, value in _plain(rule).items() if name not in COMMON},
        "children": [_rule(child, notions) for child in children(rule)],
    }


def _plain(value: Any) -> Any:
    """Return a rule's parameter as JSON, without those that are not set."""
    if is_dataclass(value):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(member) for name, member in members.items() if member not in (None, (), {}, False)}
    match value:
        case Span() | Decimal():
            return str(value)
        case tuple():
            return [_plain(member) for member in value]
        case dict():
            return {key: _plain(member) for key, member in value.items()}
    return value


def _notion(notion: Notion, study: Study) -> dict[str, Any]:
    codes = dict.fromkeys(
        code
        for concept in notion.concepts or (notion.id,)
        for code in study.lexicon.codes_of(concept, (Role.MATCH, Role.REVIEW))
    )
    return {
        "id": notion.id,
        "label": notion.label["en"],
        "resources": list(notion.resources),
        "within": str(notion.window) if notion.window else None,
        "codes": [{"system": system, "code": code} for system, code in codes],
    }
