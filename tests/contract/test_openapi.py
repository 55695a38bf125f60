"""``openapi.yaml`` is what the code says."""

from pathlib import Path

import yaml
from pydantic import BaseModel

from service.api import cds_models, models
from service.api.openapi import openapi_yaml
from service.screening.ports import Why

FILE = Path(__file__).parents[2] / "openapi.yaml"


def test_the_document_is_fresh() -> None:
    """The committed document is the one that `make openapi` writes now."""
    assert FILE.read_text(encoding="utf-8") == openapi_yaml()


def test_every_operation_documents_its_errors() -> None:
    """Each operation has an id, a summary, a description, and its errors in the form of its door."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    operations = [(path, each) for path, methods in document["paths"].items() for each in methods.values()]

    assert len({operation["operationId"] for _, operation in operations}) == len(operations)
    fhir = "application/fhir+json"
    doors = {"fhir": fhir, "subscriptions": fhir, "cds-services": "application/json"}
    for path, operation in operations:
        error = doors.get(path.split("/")[1], "application/problem+json")
        assert operation["summary"]
        assert operation["description"]
        assert error in operation["responses"]["default"]["content"]


def test_why_nothing_was_written_is_documented() -> None:
    """Every reason is named where callers and operators look it up."""
    schema = yaml.safe_load(FILE.read_text(encoding="utf-8"))["components"]["schemas"]["Written"]
    page = (FILE.parent / "docs/writing-back.md").read_text(encoding="utf-8")

    for reason in Why:
        assert f"`{reason}`" in schema["properties"]["why"]["description"]
        assert f"| `{reason}` |" in page


def test_no_error_about_a_shape_repeats_what_was_sent() -> None:
    """An exception's text may end in a log; pydantic would put the input into it."""
    shapes = [each for room in (models, cds_models) for each in vars(room).values() if isinstance(each, type)]
    pydantic = {each for each in shapes if issubclass(each, BaseModel) and each is not BaseModel}

    assert len(pydantic) > 30
    assert all(each.model_config["hide_input_in_errors"] for each in pydantic)
