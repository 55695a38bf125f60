"""What is understood of a CapabilityStatement, and that none is too odd to be read."""

from typing import Any

import pytest

from service.errors import Never
from service.hospital.capabilities import read_capabilities

HOST = "fhir.hospital.example"


def statement(**elements: Any) -> dict[str, Any]:
    """Return a CapabilityStatement."""
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"} | elements


def test_what_is_declared() -> None:
    """Interactions of the server and of each type, search parameters and conditional creation, over all ``rest``."""
    lists = {
        "type": "List",
        "interaction": [{"code": "read"}, {"code": "update"}],
        "searchParam": [{"name": "identifier"}],
        "conditionalCreate": True,
    }
    declared = read_capabilities(
        statement(
            rest=[{"interaction": [{"code": "transaction"}], "resource": [lists]}, {"resource": [{"type": "Flag"}]}]
        ),
        HOST,
    )

    assert declared.takes_transactions
    assert declared.fhir_version == "4.0.1"
    assert declared.types["List"].conditional_create
    assert not declared.types["Flag"].conditional_create
    assert declared.types["List"].searches == {"identifier"}
    assert declared.lacks("List", ("update", "delete", "create")) == ["create", "delete"]
    assert declared.lacks("Observation", ("create",)) == ["create"]
    assert (declared.knows("Flag"), declared.knows("Observation")) == (True, False)


@pytest.mark.parametrize(
    "rest", [None, "all", [None], [{"resource": None}], [{"resource": ["x", {"type": 3, "interaction": "all"}]}]]
)
def test_what_is_odd(rest: Any) -> None:
    """Anything else than arrays of objects declares nothing."""
    declared = read_capabilities(statement(rest=rest, software="HAPI", implementation=[]), HOST)

    assert not declared.takes_transactions
    assert declared.lacks("List", ("read",)) == ["read"]


def test_a_server_that_declares_no_types_may_keep_any() -> None:
    """Silence is no denial."""
    assert read_capabilities(statement(), HOST).knows("List")


def test_what_is_no_statement() -> None:
    """Another resource at that place is a wrong address."""
    with pytest.raises(Never, match="by no CapabilityStatement"):
        read_capabilities({"resourceType": "Patient"}, HOST)
