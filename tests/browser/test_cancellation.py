"""A buyer cancels an order by mouse and keyboard in the demo shop, and the order store says the same."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from recourse_world.running import RunningStack
from sqlalchemy import select

from recourse.cancellations.models import CancellationRequest
from recourse.core.db import reading
from recourse.orders import service as orders

BUYER = "b-1004"


def number_of(stack: RunningStack, scenario: str) -> str:
    """The demo order of BUYER with this label."""
    with reading(stack.store) as session:
        found = [view for view in orders.list_for(session, BUYER, limit=50) if view.scenario == scenario]
    assert found, f"buyer {BUYER} has no order with the label {scenario}"
    return found[0].number


def requests_of(stack: RunningStack, number: str) -> list[CancellationRequest]:
    with reading(stack.store) as session:
        order = orders.get_by_number(session, number)
        return list(session.scalars(select(CancellationRequest).where(CancellationRequest.order_id == order.id)))


@pytest.fixture
def shop(page: Page) -> Page:
    """The shop with BUYER signed in."""
    page.get_by_label("You are shopping as").select_option(BUYER)
    return page


def chat_of(page: Page) -> Locator:
    return page.get_by_role("dialog")


def last_answer(page: Page) -> Locator:
    return chat_of(page).get_by_role("log")


def shoot(page: Page, name: str) -> None:
    """Keep a picture where RECOURSE_SCREENSHOTS names a folder."""
    folder = os.environ.get("RECOURSE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def assert_accessible(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_a_whole_cancellation(shop: Page, stack: RunningStack) -> None:
    number = number_of(stack, "paid_unsent")
    card = shop.get_by_role("listitem").filter(has_text=number).filter(has_text="Get help")
    expect(card).to_contain_text("paid, waiting to be shipped")
    card.get_by_role("button", name="Get help with this order").click()
    log, composer = last_answer(shop), chat_of(shop).get_by_role("textbox")
    expect(log).to_contain_text("automated assistant")
    assert_accessible(shop)

    composer.fill(f"cancel order {number}")
    composer.press("Enter")
    expect(log).to_contain_text("Why would you like to cancel it?")
    shoot(shop, "reasons")
    chat_of(shop).get_by_role("button", name="I no longer want it").click()
    expect(log).to_contain_text("Please check this before I submit anything")
    expect(log).to_contain_text(re.compile(r"goes back to .* expected"))
    assert requests_of(stack, number) == []  # nothing before the yes
    assert_accessible(shop)
    shoot(shop, "summary")
    chat_of(shop).get_by_role("button", name="Yes, submit it").click()
    expect(log).to_contain_text("The order is not cancelled yet")
    shoot(shop, "requested")

    (request,) = requests_of(stack, number)
    assert request.state == "pending_seller"
    assert request.respond_by is not None
    assert request.respond_by - request.requested_at == timedelta(hours=24)
    expect(card).to_contain_text("cancellation requested")


def test_what_was_said_is_there_after_a_reload(shop: Page) -> None:
    shop.get_by_role("button", name="Where is my refund?").first.click()
    composer = chat_of(shop).get_by_role("textbox")
    composer.press("Enter")
    expect(last_answer(shop)).to_contain_text("refund")
    shop.reload()
    expect(chat_of(shop)).to_be_visible()  # an open chat stays open from page to page
    expect(last_answer(shop)).to_contain_text("Where is my refund?")


def test_a_shipped_order_is_refused_with_what_to_do_instead(shop: Page, stack: RunningStack) -> None:
    number = number_of(stack, "shipped")
    shop.get_by_role("listitem").filter(has_text=number).get_by_role("button").click()
    composer = chat_of(shop).get_by_role("textbox")
    composer.fill(f"please cancel {number}")
    composer.press("Enter")
    expect(last_answer(shop)).to_contain_text("can no longer be cancelled")
    expect(chat_of(shop).get_by_role("button", name="Talk to a person")).to_be_visible()
    assert requests_of(stack, number) == []
