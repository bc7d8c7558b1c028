"""Templates, and how instants, lengths and numbers are written in them."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

TONES = {
    "healthy": "good",
    "completed": "good",
    "scheduled": "calm",
    "paused": "calm",
    "cancelled": "calm",
    "expired": "calm",
    "outside_working_hours": "calm",
    "waiting_for_capacity": "calm",
}
"""How urgent a diagnosis is; all others need somebody."""


class Pages:
    """Every page of the console."""

    def render(self, template: str, **values: Any) -> str:
        """Return a page as HTML."""
        return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Read and translate each template once."""
    environment = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count, instant=instant, lasting=lasting, words=words, percent=percent, tone=tone
    )
    return environment


def count(number: float | None) -> str:
    """Write a number with its thousands apart."""
    return "–" if number is None else f"{number:,.0f}"


def percent(share: float | None) -> str:
    """Write 0..1 as a percentage."""
    return "–" if share is None else f"{share:.0%}"


def words(name: str | None) -> str:
    """Write a word of the wire as people do."""
    return "–" if name is None else name.replace("_", " ")


def tone(diagnosis: str) -> str:
    """Return `good`, `calm` or `bad`."""
    return TONES.get(diagnosis, "bad")


def lasting(seconds: float | None) -> str:
    """Write a length of time in its two largest units."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min {whole % 60} s" if minutes < 10 else f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def instant(text: str | None) -> Markup:
    """Write an instant in UTC; the browser shows it in its own zone."""
    when = parsed(text)
    if when is None:
        return Markup("–")
    shown = when.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(), shown)


def parsed(text: str | None) -> datetime | None:
    """Return an instant of the wire, None where there is none."""
    try:
        return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
