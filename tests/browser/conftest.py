"""A real Chromium and the real stack for the browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from recourse_world.running import RunningStack, start

from recourse.ops.browser import HOW_TO_GET_ONE, find_chromium

_FLAGS = [
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_ANSWER_MS = 20_000


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """One running stack for all browser tests."""
    with ExitStack() as opened:
        yield start(opened)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium; without one the tests fail and say how to get it, because green must mean tried."""
    path = find_chromium()
    if path is None:
        pytest.fail(f"no Chromium for the browser tests; get one with: {HOW_TO_GET_ONE}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(path), args=_FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """The demo shop in a fresh browser profile. Anything the page logs as an error fails the test."""
    context = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(_ANSWER_MS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto("/")
    yield opened
    context.close()
    assert errors == []
