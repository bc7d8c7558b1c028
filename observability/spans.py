"""Which spans are made, and what of them leaves the process: only what is named here."""

import time
from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes

from workflows.names import HOUSEKEEPING_WORKFLOW_ID, ids_in

SHOWN = frozenset(
    {
        *("http.request.method", "http.route", "http.response.status_code"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID"),
    }
)
"""Attributes that are ids, names of our own, or numbers from a short list."""
SHOWN_OF_ERRORS = frozenset({"exception.type"})
"""A message may quote what it stumbled upon."""
Rate = tuple[float, float]

BATCH = (10.0, 1.0)
"""Of each kind of span that batches' workflows begin, so many at once, and so many a second after that."""
CONTACT = (100.0, 20.0)
"""The same of contacts' workflows: a contact that asks again for days must not fill a collector."""
_WORKFLOW_ID = "temporalWorkflowID"


class DiscreetExporter(SpanExporter):
    """Hands on spans without anything that is not named above."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._exporter.export([_cut_down(each) for each in spans])

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return when everything is sent, or the time is over."""
        return self._exporter.force_flush(timeout_millis)


class SparseSampler(Sampler):
    """Lets spans be as their parents are, but for those that workflows begin without end.

    A batch of a million contacts would be one trace. Of what its workflow does, ten of each kind pass at
    once and then one a second, the starts of contacts among them; what is left out takes with it all that
    lies below. Housekeeping is not traced.
    """

    def __init__(self, others: Sampler, clock: Callable[[], float] = time.monotonic) -> None:
        """Take who decides about all other spans, and a count of seconds."""
        self._others = others
        self._clock = clock
        self._left: dict[tuple[str, Rate], tuple[float, float]] = {}
        """How many spans of a kind may pass, and when that was true."""

    def should_sample(  # noqa: PLR0913 - the signature of the SDK
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide whether a span is made; those below it go by it."""
        workflow_id = str((attributes or {}).get(_WORKFLOW_ID, ""))
        rate = _rate_of(workflow_id)
        if workflow_id == HOUSEKEEPING_WORKFLOW_ID or (rate is not None and not self._may_pass(name, rate)):
            return SamplingResult(Decision.DROP)
        return self._others.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Name the sampler."""
        return "SparseSampler"

    def _may_pass(self, kind: str, rate: Rate) -> bool:
        now, (at_once, per_second) = self._clock(), rate
        left, since = self._left.get((kind, rate), (at_once, now))
        left = min(at_once, left + (now - since) * per_second)
        passes = left >= 1
        self._left[kind, rate] = (left - 1 if passes else left), now
        return passes


def _rate_of(workflow_id: str) -> Rate | None:
    ids = ids_in(workflow_id)
    if "contact_id" in ids:
        return CONTACT
    return BATCH if ids else None


def _cut_down(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_only(SHOWN, span.attributes),
        events=[
            Event(each.name, _only(SHOWN_OF_ERRORS, each.attributes), each.timestamp) for each in span.events
        ],
        links=[Link(each.context) for each in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _only(shown: frozenset[str], attributes: Attributes) -> Attributes:
    return {name: value for name, value in (attributes or {}).items() if name in shown}
