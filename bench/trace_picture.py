"""Draws the trace of one contact from real spans: `python -m bench.trace_picture docs/pictures/trace.svg`.

A whole stack is started and one person called; the collector is this process.
"""

import io
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from bench.collector import Collector, Span, a_collector
from console.api_client import ApiClient
from embedded.listening import free_ports
from embedded.plan import StackPlan, with_ports
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from settings import Settings, inherited_environment
from telephony.simulator.settings import SimulatorSettings
from temporal.process_exit import leave

ROW, LABELS, BARS, MARGIN = 20, 340, 520, 16
COLOURS = {"apollo-api": "#3366cc", "apollo-worker": "#2a8f5b", "provider": "#c9631d"}
ENDED = "CompleteWorkflow:BatchWorkflow"
NUMBER = "+14155550150"
NANOSECONDS = 1_000_000_000


def followed(spans: Sequence[Span]) -> list[tuple[int, Span]]:
    """Return the spans of the trace that began with the upload, each below its parent, with its depth."""
    upload = next(each for each in spans if each["name"].startswith("POST /api/v1/batches"))
    below: dict[str, list[Span]] = defaultdict(list)
    for each in spans:
        if each["traceId"] == upload["traceId"]:
            below[each.get("parentSpanId", "")].append(each)

    def told(span: Span, depth: int) -> Iterator[tuple[int, Span]]:
        yield depth, span
        for each in sorted(below[span["spanId"]], key=_begin):
            yield from told(each, depth + 1)

    return list(told(upload, 0))


def drawn(rows: Sequence[tuple[int, Span]]) -> str:
    """Return the picture, as SVG that reads on light and dark."""
    begin = _begin(rows[0][1])
    length = max(_end(span) for _, span in rows) - begin
    width, height = LABELS + BARS + 2 * MARGIN, ROW * (len(rows) + 2) + 2 * MARGIN
    scale = BARS / length
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>One contact, from the upload to its settled call</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<g font-family="sans-serif" font-size="11" fill="#222222">',
    ]
    for number, (depth, span) in enumerate(rows):
        top = MARGIN + ROW * number
        left = LABELS + MARGIN + (_begin(span) - begin) * scale
        bar = max((_end(span) - _begin(span)) * scale, 2)
        at, lasts = (_begin(span) - begin) / 1e6, (_end(span) - _begin(span)) / 1e6
        tip = f"{at:.0f} ms" + (f", {lasts:.0f} ms long" if lasts else "")
        lines += [
            f'<text x="{MARGIN + 11 * depth}" y="{top + 14}">{escape(span["name"])}</text>',
            f'<rect x="{left:.1f}" y="{top + 4}" width="{bar:.1f}" height="12" fill="{_colour(span)}">'
            f"<title>{escape(tip)}</title></rect>",
        ]
    lines += [*_axis(length, scale, height), *_legend(height), "</g>", "</svg>"]
    return "\n".join(lines) + "\n"


def _axis(length: int, scale: float, height: int) -> Iterator[str]:
    for second in range(int(length / NANOSECONDS) + 1):
        x = LABELS + MARGIN + second * NANOSECONDS * scale
        bottom = height - 2 * ROW
        yield f'<line x1="{x:.1f}" y1="{MARGIN}" x2="{x:.1f}" y2="{bottom}" stroke="#cccccc"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 12}" fill="#555555">{second} s</text>'


def _legend(height: int) -> Iterator[str]:
    for number, (name, colour) in enumerate(COLOURS.items()):
        x, y = MARGIN + 150 * number, height - MARGIN
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="{y}">{name}</text>'


def _colour(span: Span) -> str:
    return COLOURS["provider" if span["name"].startswith("provider ") else span["process"]]


def _begin(span: Span) -> int:
    return int(span["startTimeUnixNano"])


def _end(span: Span) -> int:
    return int(span["endTimeUnixNano"])


def quick_plan(data_dir: Path, told: Mapping[str, str], **changes: object) -> StackPlan:
    """Return a stack of its own whose calls last half a second; its parts are `told` the rest."""
    quick = SimulatorSettings(ring_seconds=0.2, talk_seconds=0.4)
    settings = with_ports(Settings.model_construct(data_dir=data_dir, sim=quick), free_ports(5))
    own = {name: value for name, value in inherited_environment().items() if not name.startswith("APOLLO_")}
    return StackPlan(
        settings=settings.model_copy(update=changes), environment=own | dict(told), working_dir=data_dir
    )


def _call_one_person(stack: RunningStack, collector: Collector) -> list[tuple[int, Span]]:
    with ApiClient(stack.plan.api_url, stack.token) as api:
        rules = {"name": "picture", "agent_id": "agent_1", "phone_numbers": ["+14155550180"]}
        fields = {"campaign_id": api.create_campaign(rules)["campaign_id"]}
        api.create_batch(fields, io.BytesIO(f"phone_number\n{NUMBER}".encode()))
    end = time.monotonic() + 60
    while not any(each["name"] == ENDED for each in collector.spans):
        if time.monotonic() > end:
            raise TimeoutError("the batch did not end")
        time.sleep(0.2)
    time.sleep(1)
    return followed(collector.spans)


def _told(collector: Collector) -> Mapping[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Draw the picture into the file that is named."""
    with (
        tempfile.TemporaryDirectory(prefix="apollo-trace-") as folder,
        a_collector() as collector,
        StopRequest() as stop,
        running(quick_plan(Path(folder).resolve(), _told(collector)), stop, _say) as stack,
    ):
        Path(sys.argv[1]).write_text(drawn(_call_one_person(stack, collector)))
    leave(0)


if __name__ == "__main__":
    main()
