"""Named sets of hours, holidays and frequency caps out of laws: a preset only ever narrows.

Each row names its source and the day it was compared with it. What could not be confirmed has no row:
a wrong law is worse than none. Nothing here is legal advice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from domain.frequency import Counted, FrequencyCap
from domain.working_hours import DailyWindow, DayHours, Schedule, WorkingHours

NOT_LEGAL_ADVICE = "Not legal advice: whether and how a law applies to your calls is for you to decide."

_CLOSED = DayHours(enabled=False, windows=())


def _open(start: str, end: str) -> DayHours:
    return DayHours(enabled=True, windows=(DailyWindow(time.fromisoformat(start), time.fromisoformat(end)),))


def _week(workday: DayHours, saturday: DayHours, sunday: DayHours) -> WorkingHours:
    return WorkingHours((workday, workday, workday, workday, workday, saturday, sunday))


_NEVER = _week(_CLOSED, _CLOSED, _CLOSED)


def _every_day(start: str, end: str) -> WorkingHours:
    return _week(_open(start, end), _open(start, end), _open(start, end))


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What one law asks for, by the local time of the called person."""

    name: str
    title: str
    working_hours: WorkingHours
    holidays: str | None = None
    """Code of the calendar on whose public holidays nobody is called."""
    frequency_caps: tuple[FrequencyCap, ...] = ()
    """Counted per number, over all campaigns of an organization."""
    law: str
    """Statute or regulation, with its section."""
    address: str
    """Where the law can be read."""
    checked_on: date

    @property
    def schedule(self) -> Schedule:
        """Return its hours as one rule among others."""
        return Schedule(preset=self.name, working_hours=self.working_hours, holidays=self.holidays)


_PRESETS = (
    Preset(
        name="au-telemarketing",
        title="Australia: telemarketing calls",
        working_hours=_week(_open("09:00", "20:00"), _open("09:00", "17:00"), _CLOSED),
        holidays="AU",
        law="Telecommunications (Telemarketing and Research Calls) Industry Standard 2017, calling times",
        address="https://www.donotcall.gov.au/industry/industry-overview/industry-standards",
        checked_on=date(2026, 11, 29),
    ),
    Preset(
        name="ca-crtc",
        title="Canada: telemarketing calls",
        working_hours=_week(_open("09:00", "21:30"), _open("10:00", "18:00"), _open("10:00", "18:00")),
        law="CRTC Unsolicited Telecommunications Rules, Part III (Telemarketing Rules), hours",
        address="https://crtc.gc.ca/eng/trules-reglest.htm",
        checked_on=date(2026, 11, 29),
    ),
    Preset(
        name="us-fl",
        title="Florida: commercial telephone solicitation",
        working_hours=_every_day("08:00", "20:00"),
        frequency_caps=(FrequencyCap(3, timedelta(hours=24)),),
        law="Florida Statutes 501.616(6)(a) and (b)",
        address="https://www.flsenate.gov/Session/Bill/2021/1120/BillText/er/HTML",
        checked_on=date(2026, 11, 29),
    ),
    Preset(
        name="us-reg-f",
        title="United States: debt collection (Regulation F)",
        working_hours=_every_day("08:00", "21:00"),
        frequency_caps=(
            FrequencyCap(7, timedelta(days=7)),
            FrequencyCap(1, timedelta(days=7), Counted.CONVERSATIONS),
        ),
        law="12 CFR 1006.6(b)(1) and 1006.14(b)(2)",
        address="https://www.consumerfinance.gov/rules-policy/regulations/1006/14/",
        checked_on=date(2026, 11, 29),
    ),
    Preset(
        name="us-tcpa",
        title="United States: telephone solicitation (TCPA)",
        working_hours=_every_day("08:00", "21:00"),
        law="47 CFR 64.1200(c)(1)",
        address="https://www.ecfr.gov/current/title-47/section-64.1200",
        checked_on=date(2026, 11, 29),
    ),
    Preset(
        name="us-wa",
        title="Washington State: commercial telephone solicitation",
        working_hours=_every_day("08:00", "20:00"),
        law="Revised Code of Washington 19.158.040(2)",
        address="https://app.leg.wa.gov/RCW/default.aspx?cite=19.158.040",
        checked_on=date(2026, 11, 29),
    ),
)

PRESETS: Mapping[str, Preset] = {each.name: each for each in _PRESETS}
"""By name, in the order of names."""
LONGEST_OF_LAW = max(cap.window for each in _PRESETS for cap in each.frequency_caps)


def schedules_of(names: Iterable[str]) -> tuple[Schedule, ...]:
    """Return the schedules of presets. One that this release does not know never opens."""
    return tuple(
        PRESETS[name].schedule if name in PRESETS else Schedule(preset=name, working_hours=_NEVER)
        for name in names
    )


def caps_with_presets(own: Sequence[FrequencyCap], names: Iterable[str]) -> tuple[FrequencyCap, ...]:
    """Return a campaign's own caps and those of its presets, which are marked with their names."""
    known = (PRESETS[name] for name in names if name in PRESETS)
    return (*own, *(replace(cap, preset=each.name) for each in known for cap in each.frequency_caps))
