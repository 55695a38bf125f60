"""Traces leave by the extra [otel], to the collector that the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.errors import SettingError
from service.tracing import exported

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# A process of its own: which provider is in use is set once in a process.
PROGRAM = """
from service.tracing import exported, span
with exported():
    try:
        with span("outer"):
            raise ValueError("Smith")
    except ValueError:
        pass
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Give the address of a collector, and what it takes."""
    taken: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


@pytest.mark.servers
def test_spans_reach_the_collector(collector: tuple[str, list[ExportTraceServiceRequest]]) -> None:
    """At the end everything was sent, under the service's name; an error's type is told and its message is not."""
    address, taken = collector
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | {ENDPOINT: address}, check=False)
    (resource,) = taken[0].resource_spans
    (span,) = resource.scope_spans[0].spans

    assert run.returncode == 0
    assert ("service.name", "candor") in {(each.key, each.value.string_value) for each in resource.resource.attributes}
    assert span.name == "outer"
    assert {each.key: each.value.string_value for each in span.attributes} == {"error.type": "ValueError"}
    assert b"Smith" not in taken[0].SerializeToString()


def test_without_the_extra_an_endpoint_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants traces is told what to install; without an endpoint nothing is needed."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delenv(ENDPOINT, raising=False)
    with exported():
        pass
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")

    with pytest.raises(SettingError, match=r"candor\[otel\]"), exported():
        pass
