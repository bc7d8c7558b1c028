"""Structured logs for every process: one line an event, JSON or for the eye, ids only, on standard error."""

import logging
import sys
from collections.abc import Iterable, Mapping

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from workflows.names import ids_in

_SDK_FIELDS = {
    "workflow_id": "workflow_id",
    "run_id": "run_id",
    "workflow_run_id": "run_id",
    "workflow_type": "workflow",
    "activity_type": "activity",
}
"""What Temporal's SDK tells of a running workflow or activity, and what it is called here."""


def configure_logs(level: str, *, process: str, as_json: bool = True) -> None:
    """Send structlog and the standard library's loggers to standard error, as JSON or for the eye."""
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _with_ids,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*stamped, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamped,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(as_json)],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[lines], force=True)
    for name in ("uvicorn", "uvicorn.error"):  # it brings handlers of its own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes every URL, and a URL may name a call
    structlog.contextvars.bind_contextvars(process=process)


def _rendering(as_json: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback  # the others show the values of variables
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _with_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Flatten what the SDK tells of a workflow or activity, and name the batch and contact it belongs to."""
    event.pop("color_message", None)
    for source in ("temporal_workflow", "temporal_activity"):
        told = event.pop(source, None)
        if isinstance(told, Mapping):
            for name, ours in _SDK_FIELDS.items():
                if name in told:
                    event.setdefault(ours, told[name])
    core = event.pop("temporal_log", None)
    if core is not None:
        event["core"] = core.fields
    for name, value in ids_in(str(event.get("workflow_id", ""))).items():
        event.setdefault(name, value)
    return event


def warn_of_short_secrets(variables: Iterable[str]) -> None:
    """Log which variables hold a secret that can be guessed."""
    for variable in variables:
        structlog.get_logger().warning(
            "a secret is short enough to be guessed: use 16 characters or more", variable=variable
        )
