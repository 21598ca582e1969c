"""The world in this process: what it sees of the assistant, a fresh store for each case, and nothing left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from recourse_world.inprocess import InProcessWorld
from world_cases import ONE_UNSENT, Played, refused

from pytest_rasa.world import CaseInfo
from recourse.core.settings import settings

pytest_plugins = ("world_fixtures",)

Staged = Callable[..., Played]


def test_what_was_exercised(staged: Staged) -> None:
    case = staged()
    case.ask_to_cancel()
    times = case.stage.exercised.times
    assert times("rule", "the buyer wants to cancel an order") == 1
    assert times("form_step", "cancel_form.cancel_reason asked") == 1
    assert times("form_step", "cancel_form.cancel_reason filled") == 1
    assert times("slot", "cancel_order") == 1
    assert times("action", "action_submit_cancellation") == 1
    assert times("intent", "choose_reason") == 1
    assert times("response", "utter_cancel_requested") == 1  # uttered by Rasa
    assert times("response", "utter_welcome") == 1  # said by the gateway
    assert times("response", "utter_reason_found_cheaper") >= 1  # a button, and a part of the summary
    assert times("response", "utter_quote_leg") == 1  # a line of the summary


def test_a_response_counts_only_when_the_buyer_has_read_it(staged: Staged) -> None:
    case = staged()
    case.say("hello")
    case.do(seller={"does": "cancel", "reason": "broken"})
    assert case.stage.exercised.times("response", "utter_notice_order_cancelled_by_seller") == 0
    case.say("thanks")
    assert case.stage.exercised.times("response", "utter_notice_order_cancelled_by_seller") == 1
    assert case.stage.exercised.times("response", "utter_engine_gave_up") == 0


def test_every_case_has_a_store_of_its_own(staged: Staged) -> None:
    first = staged()
    first.ask_to_cancel()
    database = first.stage.database()
    assert database is not None
    first.stage.close()
    staged({"buyer": {}})
    counts = {}
    with database.engine.connect() as connection:
        for table in database.metadata.sorted_tables:
            counts[table.name] = len(connection.execute(table.select()).all())
    assert {name: counts[name] for name in ("orders", "cancellation_request", "conversation", "outbox")} == {
        "orders": 0, "cancellation_request": 0, "conversation": 0, "outbox": 0
    }  # fmt: skip
    assert counts["seller"] == 13 and counts["customer"] == 13


def test_a_case_is_open_in_milliseconds(staged: Staged) -> None:
    staged().stage.close()
    took = []
    for _ in range(10):
        began = time.perf_counter()
        case = staged()
        took.append(time.perf_counter() - began)
        case.stage.close()
    assert min(took) < 0.05, took


def test_stubbed_actions(world: InProcessWorld) -> None:
    case = Played(world, ONE_UNSENT, {})
    case.stage.close()
    stubs = {"action_list_orders": {"events": [], "responses": [{"text": "Stubbed."}]}}
    fixtures = {"buyer": case.fixtures["buyer"]}
    stage = world.open(CaseInfo("stubbed", fixtures, None, stubs))
    try:
        assert stage.line("buyer").say("show my orders").messages[-1].text == "Stubbed."
        with refused("the custom action 'validate_refund_form' was called, but is not among stub_custom_actions"):
            stage.line("buyer").say("where is my refund")
    finally:
        stage.close()


def test_the_environment_stays_as_it_is(staged: Staged) -> None:
    before = dict(os.environ)
    staged()
    assert dict(os.environ) == before
    assert settings().clock_file is not None


def test_a_quick_talk_is_not_slowed_down(staged: Staged) -> None:
    case = staged(channel="socket")
    for _ in range(40):
        assert case.say("thanks").messages
