"""The documents name what there is: every setting on its page, every link to a file that exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from settings import variables

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
VARIABLES = tuple(variables())
_ROW = re.compile(r"^\| `(APOLLO_[A-Z0-9_]+)` \|", re.MULTILINE)
_EXAMPLE = re.compile(r"^#?(APOLLO_[A-Z0-9_]+)=", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_OF_THE_COMMAND_LINE = {"APOLLO_API_URL", "APOLLO_API_TOKEN"}
_OF_COMPOSE = {"APOLLO_POSTGRES_PASSWORD"}


def rows() -> set[str]:
    return set(_ROW.findall((ROOT / "docs/settings.md").read_text()))


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(page.read_text()):
            if "://" not in target and not target.startswith("#"):
                yield page, target.partition("#")[0]


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_has_a_row_on_the_settings_page(variable: str) -> None:
    assert variable in rows()


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_is_shown_in_the_example_file(variable: str) -> None:
    assert variable in _EXAMPLE.findall((ROOT / ".env.example").read_text())


def test_settings_page_has_no_row_for_a_setting_that_is_gone() -> None:
    assert rows() == {*VARIABLES} | _OF_THE_COMMAND_LINE | _OF_COMPOSE


def test_example_file_sets_nothing_that_is_gone() -> None:
    assert set(_EXAMPLE.findall((ROOT / ".env.example").read_text())) == {*VARIABLES}


def test_plain_defaults_on_the_settings_page_are_those_of_the_code() -> None:
    shown = dict(
        re.findall(
            r"^\| `(APOLLO_[A-Z0-9_]+)` \| `([^`]+)` \|", (ROOT / "docs/settings.md").read_text(), re.M
        )
    )
    defaults = {
        name: _text_of(field.default)
        for name, field in variables().items()
        if field.default not in (None, "", SecretStr(""))
    }

    assert shown == defaults


@pytest.mark.parametrize(
    ("page", "target"),
    [pytest.param(page, target, id=f"{page.name}: {target}") for page, target in links()],
)
def test_every_relative_link_leads_to_a_file(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


def _text_of(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default)
