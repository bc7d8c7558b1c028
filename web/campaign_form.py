"""A campaign's rules as the fields of a form, and back; whether they are right is the API's to say."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.datastructures import FormData

from web.api_client import JsonObject

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RETRY_ON = ("busy", "no_answer", "failed", "unknown", "voicemail")
SPANS = 2
"""Windows of a day that the form has room for, where the campaign has fewer."""
MOST_SPANS = 10
CAPS = 3
NEW: JsonObject = {
    "name": "",
    "agent_id": "",
    "phone_numbers": [],
    "phone_number_strategy": "round_robin",
    "sticky_caller_id": False,
    "calls_per_second": None,
    "working_hours_enforced": False,
    "timezone": "UTC",
    "fallback_timezone": None,
    "working_hours": {
        day: {"start": "09:00", "end": "18:00", "enabled": day not in ("saturday", "sunday")} for day in DAYS
    },
    "blackout_dates": [],
    "holidays": None,
    "presets": [],
    "retry_policy": {
        "max_retries": 3,
        "strategy": "fixed",
        "cooldown_minutes": 30,
        "max_cooldown_minutes": 1440,
        "retry_on": ["busy", "no_answer", "failed"],
    },
    "max_follow_ups": 1,
    "frequency_caps": [],
    "on_machine": "continue",
    "disposition_rules": [],
    "default_call_variables": {},
    "metadata": {"concurrency_limit": 10},
}
"""What the form of a new campaign begins with."""

Fields = dict[str, str]
"""A form's fields by name; a box that is not ticked is absent."""


def fields_of(campaign: Mapping[str, Any]) -> Fields:
    """Return the fields that show a campaign."""
    shown: Fields = {}
    for name in (
        "name",
        "agent_id",
        "phone_number_strategy",
        "timezone",
        "fallback_timezone",
        "holidays",
        "on_machine",
    ):
        shown[name] = campaign[name] or ""
    for name in ("calls_per_second", "max_follow_ups"):
        shown[name] = _text(campaign[name])
    for name in ("phone_numbers", "blackout_dates", "presets"):
        shown[name] = "\n".join(campaign[name])
    for name in ("sticky_caller_id", "working_hours_enforced"):
        shown |= {name: "on"} if campaign[name] else {}
    policy = campaign["retry_policy"]
    for name in ("max_retries", "strategy", "cooldown_minutes", "max_cooldown_minutes"):
        shown[f"retry_policy.{name}"] = _text(policy[name])
    shown |= {f"retry_policy.retry_on.{name}": "on" for name in policy["retry_on"]}
    metadata = dict(campaign["metadata"])
    shown["metadata.concurrency_limit"] = _text(metadata.pop("concurrency_limit", None))
    shown["metadata"] = _json(metadata)
    shown["default_call_variables"] = _json(campaign["default_call_variables"])
    shown["disposition_rules"] = "\n".join(map(_rule_text, campaign["disposition_rules"]))
    for place, cap in enumerate(campaign["frequency_caps"]):
        shown[f"frequency_caps.{place}.max_calls"] = _text(cap["max_calls"])
        shown[f"frequency_caps.{place}.hours"] = _text(cap["hours"])
    for day in DAYS:
        shown |= _day_fields(day, campaign["working_hours"][day])
    return shown


def fields_in(form: FormData) -> Fields:
    """Return what was sent."""
    return {name: value.strip() for name, value in form.items() if isinstance(value, str)}


def body_of(fields: Fields) -> JsonObject:
    """Return the rules that fields say; what cannot be read stays as it was typed, for the API to refuse."""
    get: Callable[[str], str] = lambda name: fields.get(name, "")  # noqa: E731 - short for what follows
    return {
        "name": get("name"),
        "agent_id": get("agent_id"),
        "phone_numbers": _lines(get("phone_numbers")),
        "phone_number_strategy": get("phone_number_strategy"),
        "sticky_caller_id": "sticky_caller_id" in fields,
        "calls_per_second": _number(get("calls_per_second")),
        "working_hours_enforced": "working_hours_enforced" in fields,
        "timezone": get("timezone") or None,
        "fallback_timezone": get("fallback_timezone") or None,
        "working_hours": {day: _day(fields, day) for day in DAYS},
        "blackout_dates": _lines(get("blackout_dates")),
        "holidays": get("holidays") or None,
        "presets": get("presets").split(),
        "retry_policy": {
            "max_retries": _number(get("retry_policy.max_retries")),
            "strategy": get("retry_policy.strategy"),
            "cooldown_minutes": _number(get("retry_policy.cooldown_minutes")),
            "max_cooldown_minutes": _number(get("retry_policy.max_cooldown_minutes")),
            "retry_on": [name for name in RETRY_ON if f"retry_policy.retry_on.{name}" in fields],
        },
        "max_follow_ups": _number(get("max_follow_ups")),
        "frequency_caps": [_cap(fields, place) for place in _places(fields, "frequency_caps")],
        "on_machine": get("on_machine"),
        "disposition_rules": [_rule(line) for line in _lines(get("disposition_rules"))],
        "default_call_variables": _object(get("default_call_variables")),
        "metadata": _metadata(fields),
    }


def changes(campaign: Mapping[str, Any], fields: Fields) -> JsonObject:
    """Return what the fields say otherwise than the campaign."""
    before, after = body_of(fields_of(campaign)), body_of(fields)
    return {name: value for name, value in after.items() if value != before[name]}


def errors_by_field(errors: Iterable[JsonObject], known: Iterable[str]) -> dict[str, list[str]]:
    """Return what the API says, by the field that it is about; `""` has what is about none."""
    names = sorted(known, key=len, reverse=True)
    found: dict[str, list[str]] = {}
    for error in errors:
        steps = [str(step) for step in list(error.get("loc") or [])[1:]]
        path = ".".join(steps)
        name = next((each for each in names if path == each or path.startswith(f"{each}.")), "")
        rest = path.removeprefix(name).strip(".")
        found.setdefault(name, []).append(f"{rest}: {error['msg']}" if rest else str(error["msg"]))
    return found


def windows_of(day: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the windows of a day, as texts; none where the day is off."""
    if not day["enabled"]:
        return []
    spans = day.get("windows", [day])
    return [(each["start"], each["end"]) for each in spans]


def spans_of(fields: Fields, day: str) -> range:
    """Return the places of the windows that the form shows for a day, an empty one among them."""
    filled = [place for place in range(MOST_SPANS) if fields.get(f"working_hours.{day}.{place}.start")]
    return range(min(MOST_SPANS, max([SPANS, *(place + 2 for place in filled)])))


def _day_fields(day: str, hours: Mapping[str, Any]) -> Fields:
    prefix = f"working_hours.{day}"
    shown = {f"{prefix}.enabled": "on"} if hours["enabled"] else {}
    spans = hours.get("windows", [hours])
    for place, span in enumerate(spans):
        shown |= {
            f"{prefix}.{place}.start": span.get("start", ""),
            f"{prefix}.{place}.end": span.get("end", ""),
        }
    return shown


def _day(fields: Fields, day: str) -> JsonObject:
    prefix = f"working_hours.{day}"
    spans = [
        {edge: fields.get(f"{prefix}.{place}.{edge}", "") for edge in ("start", "end")}
        for place in range(MOST_SPANS)
    ]
    windows = [span for span in spans if any(span.values())]
    is_on = f"{prefix}.enabled" in fields
    return {"windows": windows, "enabled": is_on} if windows else {"enabled": is_on}


def _cap(fields: Fields, place: int) -> JsonObject:
    return {
        part: _number(fields.get(f"frequency_caps.{place}.{part}", "")) for part in ("max_calls", "hours")
    }


def _places(fields: Fields, name: str) -> list[int]:
    return [
        place
        for place in range(5)
        if any(fields.get(f"{name}.{place}.{part}") for part in ("max_calls", "hours"))
    ]


def _rule(line: str) -> JsonObject:
    disposition, then, minutes, *_ = [*line.split(), "", ""]
    rule: JsonObject = {"disposition": disposition, "then": then}
    return rule | ({"after_minutes": _number(minutes)} if minutes else {})


def _rule_text(rule: Mapping[str, Any]) -> str:
    minutes = rule.get("after_minutes")
    return " ".join([rule["disposition"], rule["then"], *([] if minutes is None else [_text(minutes)])])


def _metadata(fields: Fields) -> Any:
    own = _object(fields.get("metadata", ""))
    limit = _number(fields.get("metadata.concurrency_limit", ""))
    return own if limit is None or not isinstance(own, dict) else {**own, "concurrency_limit": limit}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> int | float | str | None:
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _object(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
