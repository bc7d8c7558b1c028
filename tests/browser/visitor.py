"""What a person does with the console, in a real browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.world import World

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Theme = Literal["light", "dark"]
HEIGHTS = {390: 844, 1920: 1080}


@dataclass
class Visitor:
    """One person with an open page."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """Whatever the browser complains of: errors of scripts, of the policy, of loading."""

    @classmethod
    @contextmanager
    def arrives(cls, browser: Browser, world: World) -> Iterator["Visitor"]:
        """Yield somebody who has not signed in."""
        context = browser.new_context(viewport={"width": 1920, "height": HEIGHTS[1920]})
        page = context.new_page()
        visitor = cls(page, world.stack.plan.settings.web_url)
        page.on("console", lambda said: visitor.hears(said.type, said.text))
        page.on("pageerror", lambda error: visitor.hears("error", str(error)))
        yield visitor
        context.close()

    def hears(self, kind: str, text: str) -> None:
        """Keep what the browser complains of."""
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def signs_in(self, token: str) -> None:
        """Enter a token."""
        self.opens("/sign-in")
        self.page.get_by_label("API token").fill(token)
        self.presses("Sign in")

    def opens(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(f"{self.url}{path}")

    def presses(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def looks_at(self, width: int, theme: Theme) -> "Visitor":
        """Look at the same page on a screen of this width, and with a system of this theme."""
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        self.page.emulate_media(color_scheme=theme)
        return self

    def sees(self, text: str, *, seconds: float = 15) -> None:
        """Wait until the page says something."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=seconds * 1000)

    def sees_status(self, status: str, *, seconds: float = 60) -> None:
        """Wait until the page's heading shows a status, without opening the page again."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(status, timeout=seconds * 1000)

    def batch_id(self) -> str:
        """Return the batch whose page is open."""
        found = re.search(r"/batches/(btc_\w+)", self.page.url)
        assert found is not None, self.page.url
        return found[1]

    def width_that_does_not_fit(self) -> int:
        """Return how many pixels of the page are to the right of the screen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def barriers(self) -> list[str]:
        """Return what axe finds that keeps people out, contrast included."""
        violations = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"]]
