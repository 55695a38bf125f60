"""What the service tells whoever watches it: metrics as scraped, spans as exported, the log as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client.parser import text_string_to_metric_families

from service import metrics

Labels = dict[str, str]


class Spans(SpanExporter):
    """Keeps the spans that end while it listens."""

    def __init__(self) -> None:
        """Listen to nothing yet."""
        self.kept: list[ReadableSpan] | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep spans."""
        if self.kept is not None:
            self.kept.extend(spans)
        return SpanExportResult.SUCCESS


@cache
def _spans() -> Spans:
    """Return the one exporter of this process: a provider is set once."""
    exporter, provider = Spans(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@contextmanager
def spans() -> Iterator[list[ReadableSpan]]:
    """Give the spans that end while the body runs."""
    exporter = _spans()
    exporter.kept = []
    try:
        yield exporter.kept
    finally:
        exporter.kept = None


def counted(name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that bear these labels; 0 where there is none."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
