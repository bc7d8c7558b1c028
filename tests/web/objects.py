"""Objects of the wire as the API shows them, whole, with what a test is about changed."""

from typing import Any

COUNTERS = {
    "pending": 12,
    "dispatched": 2,
    "in_flight": 3,
    "retrying": 4,
    "completed": 14,
    "failed": 0,
    "busy": 0,
    "no_answer": 0,
    "skipped": 1,
    "followup_scheduled": 1,
    "max_retries_reached": 3,
}
DAY = {"start": "09:00", "end": "18:00", "enabled": True}
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def a_campaign(**changes: Any) -> dict[str, Any]:
    """Return a campaign."""
    return {
        "campaign_id": "cmp_1",
        "organization_id": "org_demo",
        "name": "September check-ups",
        "agent_id": "agent_care",
        "status": "active",
        "phone_numbers": ["+14155550180", "+14155550181"],
        "phone_number_strategy": "round_robin",
        "sticky_caller_id": False,
        "calls_per_second": None,
        "working_hours_enforced": True,
        "timezone": "America/Chicago",
        "fallback_timezone": None,
        "working_hours": {day: DAY | {"enabled": day not in ("saturday", "sunday")} for day in WEEK},
        "blackout_dates": ["2026-11-26"],
        "holidays": None,
        "presets": [],
        "retry_policy": {
            "max_retries": 3,
            "strategy": "fixed",
            "cooldown_minutes": 20,
            "max_cooldown_minutes": 1440,
            "retry_on": ["busy", "no_answer", "failed"],
        },
        "max_follow_ups": 1,
        "frequency_caps": [{"max_calls": 3, "hours": 24}],
        "on_machine": "continue",
        "disposition_rules": [{"disposition": "wrong_number", "then": "suppress", "after_minutes": None}],
        "default_call_variables": {"clinic": "Lakeside"},
        "metadata": {"concurrency_limit": 20, "owner": "north"},
        "completed_calls": 16,
        "failed_calls": 2,
        "busy_calls": 6,
        "no_answer_calls": 11,
        "follow_up_calls": 1,
        "created_at": "2026-09-01T14:00:00Z",
        "updated_at": "2026-09-04T08:12:30.250Z",
        **changes,
    }


def a_batch(**changes: Any) -> dict[str, Any]:
    """Return a batch that runs."""
    return {
        "batch_id": "btc_1",
        "campaign_id": "cmp_1",
        "organization_id": "org_demo",
        "parent_batch_id": None,
        "keep_open": False,
        "name": "north side",
        "status": "in_progress",
        "paused_by": None,
        "total_contacts": 40,
        "concurrency_limit": 5,
        "scheduled_start": None,
        "scheduled_end": None,
        "max_retries_override": None,
        "counters": COUNTERS,
        "metadata": {},
        "created_at": "2026-09-04T14:00:00Z",
        "updated_at": "2026-09-04T17:40:07Z",
        **changes,
    }


def a_call(**changes: Any) -> dict[str, Any]:
    """Return a call that was answered."""
    return {
        "execution_id": "exec_1",
        "attempt": 1,
        "kind": "initial",
        "call_status": "completed",
        "provider": "simulator",
        "provider_call_id": "5b0c-77",
        "from_number": "+14155550181",
        "to_number": "+14155550104",
        "started_at": "2026-09-04T14:20:31Z",
        "answered_at": "2026-09-04T14:20:39Z",
        "ended_at": "2026-09-04T14:21:07Z",
        "duration_seconds": 28,
        "recording_url": None,
        "transcript": None,
        "summary": "Visit confirmed.",
        "sentiment": None,
        "hangup_by": "callee",
        "hangup_reason": None,
        "total_cost": None,
        "sip_status": 200,
        "error": None,
        "answered_by": "human",
        "disposition": "confirmed",
        "disposition_note": "Comes at nine.",
        "disposition_data": None,
        **changes,
    }


def a_contact(**changes: Any) -> dict[str, Any]:
    """Return a contact that was reached."""
    calls = changes.pop("call_records", [a_call()])
    return {
        "contact_id": "con_1",
        "batch_id": "btc_1",
        "campaign_id": "cmp_1",
        "position": 7,
        "external_id": "P-2207",
        "phone_number": "+14155550104",
        "timezone": None,
        "effective_timezones": ["America/Chicago"],
        "call_variables": {"callee_name": "Ines Moreau"},
        "status": "completed",
        "held_by": [],
        "not_before": None,
        "priority": 0,
        "skip_reason": None,
        "skip_detail": None,
        "retry_count": 0,
        "follow_up_count": 0,
        "latest_retry_count": 0,
        "last_attempted_at": "2026-09-04T14:20:31Z",
        "next_retry_at": None,
        "follow_up_at": None,
        "current_call": calls[-1] if calls else None,
        "call_records": calls,
        "created_at": "2026-09-04T14:00:00Z",
        "updated_at": "2026-09-04T14:21:07Z",
        **changes,
    }


def a_debug(**changes: Any) -> dict[str, Any]:
    """Return what is known of a healthy batch."""
    return {
        "batch_id": "btc_1",
        "status": "in_progress",
        "diagnosis": "healthy",
        "diagnostics": {"stuck_pending": False, "tip": "Calls go out as they should."},
        "warnings": [],
        "counters_agree": True,
        "worker": {"state": "up", "task_queues": []},
        "workflow": {"id": "batch/btc_1", "run_id": "run-1", "status": "running", "history_length": 40},
        "capacity": {"limit": 5, "in_use": 5, "campaign_limit": 20, "campaign_in_use": 5},
        "window": {"open": True, "opens_at": None, "closes_at": "2026-09-04T23:00:00Z"},
        "outcomes": {
            "answer_rate": 0.5,
            "no_answer_by_hour": {},
            "no_answer_by_prefix": {},
            "answered_by_counts": {"human": 3, "machine": 1, "fax": 0, "unknown": 0},
            "disposition_counts": {"confirmed": 3},
        },
        **changes,
    }


def an_activity(**changes: Any) -> dict[str, Any]:
    """Return what a batch did lately."""
    return {
        "batch_id": "btc_1",
        "calls_by_minute": [
            {
                "minute": "2026-09-04T14:20:00Z",
                "completed": 4,
                "busy": 1,
                "no_answer": 0,
                "failed": 0,
                "unknown": 0,
            }
        ],
        "calls_by_hour": {"09": {"ended": 5, "answered": 4}},
        "newest_calls": [{"contact_id": "con_1", **a_call()}],
        **changes,
    }
