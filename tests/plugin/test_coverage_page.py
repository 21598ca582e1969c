"""The page of the coverage report, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from pytest_rasa.coverage import page as report
from pytest_rasa.coverage.allowed import LeftOut
from pytest_rasa.coverage.inventory import KINDS, Inventory, Place
from pytest_rasa.coverage.measured import Coverage
from pytest_rasa.coverage.store import merge
from recourse.ops.browser import HOW_TO_GET_ONE, find_chromium

ODD = 'a rule of <b>bold</b> & "quoted" {{kinds}} words, long enough to go over several lines: ' + "x" * 90


def coverage(chosen: str = "") -> Coverage:
    rules = {f"rule {n}": Place("data/rules/a_folder/with_a_long_name/cancellation.yml", n) for n in range(30)}
    places = {kind: {} for kind in KINDS} | {
        "rule": {ODD: Place("data/rules.yml", 3)} | rules,
        "response": {
            "utter_a": Place("domain.yml", 1),
            "utter_a [es]": Place("domain.yml", 2),
            "utter_b": Place("domain.yml", 3),
        },
    }
    cases = [
        (f"flow/file_{n}::case <{n}>", {"rule": {"rule 1": 1, "not there <i>": 1}, "response": {"utter_a": 2}})
        for n in range(15)
    ]
    shown = [("flow/file::shown", {"button_shown": {"/choose{reason}": 2}})]
    left_out = [LeftOut("response", "utter_b", "only said <once> a year", Place("coverage.yml", 2))]
    return Coverage(Inventory(places), merge([*cases, *shown]), left_out, chosen)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.fail(f"no Chromium for the browser tests; get one with: {HOW_TO_GET_ONE}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The report; anything that it logs or fetches fails the test."""
    file = tmp_path / "index.html"
    file.write_text(report.html(coverage()), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    problems: list[str] = []
    fetched: list[str] = []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: fetched.append(request.url))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert problems == []
    assert [url for url in fetched if not url.startswith("data:")] == [file.as_uri()]


def shown(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".things tbody tr:visible th code").all_inner_texts()]


def test_everything_is_there_with_its_state_and_place(page: Page) -> None:
    assert page.get_by_role("status").inner_text() == "35 of 35 shown"
    row = page.get_by_role("row", name="rule 1 ", exact=False).first
    cells = page.locator("tr", has=page.get_by_text("rule 1", exact=True)).locator("td, th").all_inner_texts()
    assert cells[:5] == ["exercised", "rule", "rule 1", "15", "data/rules/a_folder/with_a_long_name/cancellation.yml:1"]
    assert row.count() == 1
    assert ODD in shown(page)
    assert page.get_by_text("only said <once> a year").is_visible()
    assert page.get_by_text("made by an action, shown twice").count() == 0
    assert page.get_by_text("made by an action, shown 2 times").is_visible()
    assert page.get_by_role("heading", name="Exercised, but not in the files of the assistant").is_visible()


def test_missing_things_come_first(page: Page) -> None:
    states = page.locator('.things tr[data-kind="rule"] .state').all_inner_texts()
    assert states == ["missing"] * 30 + ["exercised"]


@pytest.mark.parametrize("width", [1280, 320])
def test_the_filters(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_label("Kind").select_option("response [es]")
    assert shown(page) == ["utter_a [es]"]
    page.get_by_label("Kind").select_option("response")
    assert shown(page) == ["utter_b", "utter_a"]
    page.get_by_label("Missing only").check()
    assert shown(page) == []
    assert page.get_by_role("status").inner_text() == "0 of 35 shown"
    page.get_by_label("Kind").select_option("all kinds")
    page.get_by_label("Name or file").fill("DATA/rules.yml:3")
    assert shown(page) == [ODD]
    page.keyboard.press("Enter")
    assert shown(page) == [ODD], "Enter keeps the page as it is"


def test_the_conversations_behind_a_thing(page: Page) -> None:
    page.get_by_text("15 conversations").first.click()
    names = page.locator("details[open] li").all_inner_texts()
    assert names[0] == "flow/file_0::case <0>"
    assert len(names) == 13
    assert names[-1] == "and 3 more, see coverage.json"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 500, 900, 1100, 1280])
def test_it_is_accessible_and_nothing_is_cut_off(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("details").first.evaluate("one => one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_page_without_scripts_still_tells_everything(browser: Browser, page: Page) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(page.url)
    assert plain.locator(".things tbody tr:visible").count() == 35
    assert not plain.locator("form").is_visible(), "filters that cannot work are not offered"
    context.close()


def test_a_part_of_the_conversations_is_said_at_the_top() -> None:
    text = re.sub(r"\s+", " ", report.html(coverage("-k refund & more")))
    assert "the 16 conversations of this run only (-k refund &amp; more) exercised" in text
    assert "Only a part of the conversations ran" in text
    assert "Only a part of the conversations ran" not in report.html(coverage())


def test_the_markup_is_closed_properly() -> None:
    open_tags: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "link", "input", "wbr"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Checker().feed(report.html(coverage()))
    assert open_tags == []
