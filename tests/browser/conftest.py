"""A browser over one whole stack; only when this folder is named, for a machine may have no browser."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import BROWSERS, FLAGS, Visitor
from tests.e2e.world import World, a_plan, a_world

HERE = Path(__file__).parent
HOW_TO_GET_ONE = "no browser here: on Debian, apt-get install chromium"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave the folder out of every run that was not asked for it."""
    named = (Path(str(each).partition("::")[0]).resolve() for each in config.args)
    return None if any(each.is_relative_to(HERE) for each in named) else True


@pytest.fixture(scope="session")
def program() -> str:
    """The browser of this machine; without one the test is skipped before anything is started."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(HOW_TO_GET_ONE)
    return found


@pytest.fixture(scope="session")
def world(program: str) -> Iterator[World]:
    """A whole stack with its web console."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-browser-")).resolve()
    try:
        with a_world(replace(a_plan(folder, talk_seconds=0.2), has_console=True)) as world:
            yield world
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def browser(program: str, world: World) -> Iterator[Browser]:
    """The browser without a window, opened after the stack: its own event loop lets no other one run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, world: World) -> Iterator[Visitor]:
    """Somebody who has signed in."""
    with Visitor.arrives(browser, world) as visitor:
        visitor.signs_in(world.stack.token)
        yield visitor
