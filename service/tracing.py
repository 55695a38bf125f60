"""Spans of what the service does, for OpenTelemetry: names and attributes are ours, without ids, values or URLs.

Without the extra ``[otel]`` and an endpoint in the environment they go nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import __version__
from service.errors import SettingError

SERVER, CLIENT, INTERNAL = SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("candor", __version__)


@contextmanager
def span(
    name: str, kind: SpanKind = INTERNAL, parent: Context | None = None, **attributes: str | int
) -> Iterator[Span]:
    """Give a span; of an error it keeps the type alone, for a message could hold clinical values."""
    with _tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise


def parent_of(traceparent: str | None) -> Context | None:
    """Return the caller's span by its header (W3C Trace Context); what else it says of it is left out."""
    if traceparent is None:
        return None
    told = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, Context())).get_span_context()
    if not told.is_valid:
        return None
    context = SpanContext(told.trace_id, told.span_id, is_remote=True, trace_flags=told.trace_flags)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


@contextmanager
def exported() -> Iterator[None]:
    """Send spans to the collector that the environment names, until the end.

    Raises ``SettingError`` where one is named and the extra is not installed.
    """
    endpoint = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise SettingError(f"{endpoint} is set, and traces need the extra: pip install 'candor[otel]'.") from None
    provider = TracerProvider(resource=Resource.create({"service.name": "candor", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
