"""The chat on a shop's page: by keyboard, in two tabs, on a phone, on a page that is against it, over a broken line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from recourse_world.processes import Processes
from recourse_world.running import RunningStack

from recourse.cancellations import service as cancellations
from recourse.core.db import reading, transaction
from recourse.core.transitions import Actor
from recourse.orders import service as orders
from recourse.overview import service as overview

BUYER = "b-1002"
TIMEOUT_MS = 20_000
HOSTILE_CSS = """*:not(html):not(body) { color: red !important; background: yellow !important; width: 50px !important;
font: italic 30px serif !important; transform: rotate(3deg) !important; opacity: .5 !important; overflow: hidden !important;
position: static !important; letter-spacing: 9px !important; text-transform: uppercase !important }"""


@pytest.fixture
def shop(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """The demo shop with BUYER signed in, in a browser of its own; errors in the console are allowed."""
    context = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
    yield opened(context.new_page())
    context.close()


def opened(page: Page, buyer: str = BUYER) -> Page:
    page.goto("/")
    page.get_by_label("You are shopping as").select_option(buyer)
    expect(page.get_by_role("listitem").filter(has_text="Get help").first).to_be_visible()
    return page


def launcher(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Order support"))


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your message")


def log(page: Page) -> Locator:
    return page.get_by_role("log")


def say(page: Page, text: str) -> None:
    composer(page).fill(text)
    composer(page).press("Enter")


def assert_accessible(page: Page, part: str | None = None) -> None:
    page.wait_for_timeout(300)  # while the panel rises, it is half transparent
    results = Axe().run(page, context=part)
    assert results.violations_count == 0, results.generate_report()


def test_by_keyboard_alone(shop: Page) -> None:
    help_button = shop.get_by_role("button", name="Get help with this order").first
    help_button.focus()
    shop.keyboard.press("Enter")
    expect(composer(shop)).to_be_focused()
    expect(composer(shop)).to_have_value(re.compile(r"^About order RC-\d{4}-\d{4}: $"))
    composer(shop).fill("")
    shop.keyboard.type("I want to cancel an order")
    shop.keyboard.press("Enter")
    choice = shop.get_by_role("group", name="Suggested answers").get_by_role("button").last
    expect(choice).to_be_visible()
    shop.keyboard.press("Shift+Tab")
    expect(choice).to_be_focused()
    shop.keyboard.press("Enter")
    expect(composer(shop)).to_be_focused()
    shop.keyboard.press("Escape")
    expect(shop.get_by_role("dialog")).to_have_count(0)
    expect(help_button).to_be_focused()


def test_two_tabs_show_the_same(shop: Page) -> None:
    launcher(shop).click()
    expect(log(shop)).to_contain_text("automated assistant")
    other = opened(shop.context.new_page())
    launcher(other).click()
    say(other, "hello from the second tab")
    for page in (shop, other):
        expect(log(page).get_by_text("hello from the second tab")).to_have_count(1)


def test_nothing_is_lost_while_the_gateway_is_away(shop: Page, stack: RunningStack) -> None:
    launcher(shop).click()
    expect(log(shop)).to_contain_text("automated assistant")
    Processes(stack.layout).set("gateway", "killed")
    say(shop, "what is the status of my orders?")
    mine = log(shop).locator(".buyer", has_text="what is the status")
    expect(mine).to_contain_text("Sent", timeout=60_000)
    expect(mine).to_have_count(1)
    expect(log(shop)).to_contain_text(re.compile(r"RC-\d{4}-\d{4}"), timeout=60_000)


def test_the_sellers_answer_reaches_a_closed_chat_and_the_page(shop: Page, stack: RunningStack) -> None:
    with reading(stack.store) as session:
        views = orders.list_for(session, BUYER, limit=100)
        number = next(view.number for view in views if view.scenario == "cancellation_pending")
        request = overview.request_ref(session, number)
    card = shop.get_by_role("listitem").filter(has_text=number).filter(has_text="Get help")
    expect(card).to_contain_text("cancellation requested")
    launcher(shop).click()
    expect(log(shop)).to_contain_text("automated assistant")
    shop.keyboard.press("Escape")
    with transaction(stack.store) as session:
        cancellations.seller_approves(session, request, datetime.now(UTC), Actor("seller", "test"))
    expect(launcher(shop)).to_contain_text("unread message")
    assert_accessible(shop)
    expect(card).not_to_contain_text("cancellation requested")
    launcher(shop).click()
    expect(log(shop)).to_contain_text(number)
    shop.keyboard.press("Escape")
    expect(launcher(shop)).not_to_contain_text("unread")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_everybody_can_use_it(browser: Browser, stack: RunningStack, colours: str, width: int) -> None:
    context = browser.new_context(base_url=stack.url, viewport={"width": width, "height": 640}, color_scheme=colours)  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT_MS)
    page = opened(context.new_page(), "b-1003")
    assert_accessible(page)
    launcher(page).click()
    say(page, "I want to cancel an order")
    expect(page.get_by_role("group", name="Suggested answers")).to_be_visible()
    assert_accessible(page)
    context.close()


def test_what_is_written_without_a_network_is_sent_later(shop: Page) -> None:
    launcher(shop).click()
    expect(log(shop)).to_contain_text("automated assistant")
    shop.context.set_offline(True)
    say(shop, "written without a network")
    expect(shop.get_by_text("You are offline.")).to_be_visible(timeout=TIMEOUT_MS)
    assert_accessible(shop)
    shop.context.set_offline(False)
    expect(log(shop).locator(".buyer").last).to_contain_text("Sent", timeout=60_000)


def test_on_a_page_whose_styles_are_meant_for_everything(page: Page) -> None:
    """The page's strict content security policy is part of the test: whatever it forbids fails the fixture ``page``."""
    page.route("**/assets/*.css", lambda route: route.fulfill(body=HOSTILE_CSS, content_type="text/css"))
    page.reload()
    launcher(page).click()
    expect(log(page)).to_contain_text("automated assistant")
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["x"] + box["width"])) == (400, 1260)
    heading = page.get_by_role("heading", name="Order support")
    expect(heading).to_have_css("color", "rgb(255, 255, 255)")
    expect(heading).to_have_css("letter-spacing", "normal")
    assert_accessible(page, "recourse-chat")
