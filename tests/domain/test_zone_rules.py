"""The rules of time zones are those of the pinned package, in every process and however it was started."""

import os
import subprocess
import sys
import tomllib
import zoneinfo
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path

import pytest

from domain.wall_clock import rules_version, zone_named, zone_names
from tests.domain.calling_hours import in_zone

ROOT = Path(__file__).parents[2]
RELEASE = metadata.version("tzdata")
NINE_IN_THE_MORNING = "2026-12-07T09:00"
"""British Columbia stays on summer time from 2026 on: six months before, every system said otherwise."""

# A process of its own, in which something else has made the zone first.
_ELSEWHERE = """
from zoneinfo import ZoneInfo
ZoneInfo("America/Vancouver")
from datetime import UTC, datetime
from domain.wall_clock import rules_version, zone_named
at = datetime(2026, 12, 7, 9, tzinfo=zone_named("America/Vancouver")).astimezone(UTC)
print(at.isoformat(), rules_version())
"""


def an_old_system(folder: Path) -> Path:
    """A folder of zones as a system keeps them, in which Vancouver has the rules of Los Angeles."""
    old = resources.files("tzdata").joinpath("zoneinfo", "America", "Los_Angeles").read_bytes()
    (folder / "America").mkdir()
    (folder / "America" / "Vancouver").write_bytes(old)
    return folder


def test_zone_that_changed_this_year_follows_the_package() -> None:
    at = in_zone("America/Vancouver", NINE_IN_THE_MORNING)

    assert at == datetime(2026, 12, 7, 16, tzinfo=UTC)


def test_zones_of_an_older_system_do_not_count(tmp_path: Path) -> None:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(an_old_system(tmp_path))])
    zone_named.cache_clear()
    try:
        test_zone_that_changed_this_year_follows_the_package()
    finally:
        zoneinfo.reset_tzpath(to=before)


@pytest.mark.process
@pytest.mark.parametrize("variable", ["PYTHONTZPATH", "TZDIR"])
def test_zones_named_by_the_environment_do_not_count(variable: str, tmp_path: Path) -> None:
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _ELSEWHERE],
        env={**os.environ, variable: str(an_old_system(tmp_path))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert told.stdout.split() == ["2026-12-07T16:00:00+00:00", rules_version()]


def test_version_is_that_of_the_package() -> None:
    year, release = RELEASE.split(".")

    assert rules_version() == f"{year}{chr(ord('a') + int(release) - 1)}"


def test_every_zone_of_the_package_is_known_but_the_one_that_names_no_place() -> None:
    listed = resources.files("tzdata").joinpath("zones").read_text().split()

    assert zone_names() == frozenset(listed) - {"Factory"}
    assert all(zone_named(name) is not None for name in zone_names())
    assert zone_named("Factory") is None


def test_package_is_installed_everywhere_and_pinned() -> None:
    """The image is built from these two files as well."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "constraints.txt").read_text().splitlines()

    assert [each for each in needed if each.startswith("tzdata")] == [f"tzdata>={RELEASE}"]
    assert f"tzdata=={RELEASE}" in pinned
