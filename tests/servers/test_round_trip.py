"""Sample charts on real FHIR servers: loaded, pulled and screened as their Bundles are."""

import pytest

from service.fhir.decode import decode
from service.hospital.client import FhirClient, Server
from tests.servers.written import AS_OF, EXAMPLES, load_chart, screen_on
from tests.verdicts import verdict_on

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.mark.parametrize("batches", [True, False], ids=["batch", "single searches"])
@pytest.mark.parametrize("name", ["001-clear-candidate", "029-aphp-style", "030-us-style", "306-bp-diastolic-absent",
                                  "240-consent-by-reference", "251-other-observational"])  # fmt: skip
async def test_a_pulled_chart_has_the_verdicts_of_its_bundle(server: str, name: str, *, batches: bool) -> None:
    """Nothing that decides is lost on the way through the server: every criterion is judged as from the Bundle."""
    patient = load_chart(server, f"pulled-{name[:3]}", name)
    expected = verdict_on(decode((EXAMPLES / f"{name}.json").read_bytes()), AS_OF.isoformat()).screening

    async with FhirClient(Server(base=server)) as client:
        client.habits.takes_batches = batches
        result = await screen_on(client, patient)

    assert [(one.criterion.id, one.truth, one.open) for one in result.criteria] == [
        (one.criterion.id, one.truth, one.open) for one in expected.criteria
    ]
    assert (result.status, result.priority) == (expected.status, expected.priority)
