"""OpenTelemetry's tracer over OTLP and HTTP. Importing this needs `sunsweep[otel]`."""

import os
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from sunsweep import __version__

_NAME: Final = "OTEL_SERVICE_NAME"


def tracing_provider() -> TracerProvider:
    """One that samples and exports as the environment says."""
    resource = Resource.create({"service.name": os.environ.get(_NAME, "sunsweep"), "service.version": __version__})
    # Its own last word at the exit of the interpreter would come when logging is gone.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
