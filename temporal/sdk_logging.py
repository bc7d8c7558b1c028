"""The log lines of Temporal's SDK among our own: its loggers, and the engine beneath them."""

import logging

from temporalio import activity, workflow
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

CORE_LOGGER = "temporalio.core"


def forward_sdk_logs(metrics: PrometheusConfig | None = None) -> None:
    """Have everything the SDK says written by our loggers; once a process, before its first connection.

    With `metrics` the SDK also serves what it measures.
    """
    workflow.logger.workflow_info_on_message = False  # ids are fields, and the text is constant
    activity.logger.activity_info_on_message = False
    forwarding = LogForwardingConfig(
        logger=logging.getLogger(CORE_LOGGER),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    what = TelemetryFilter(core_level="WARN", other_level="ERROR")
    telemetry = TelemetryConfig(logging=LoggingConfig(filter=what, forwarding=forwarding), metrics=metrics)
    Runtime.set_default(Runtime(telemetry=telemetry), error_if_already_set=False)
