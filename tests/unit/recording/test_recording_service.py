"""A recorded conversation: who is in it, what was said, what happened outside, and that the plugin can read the file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import Engine

from recourse.cancellations import service as cancellations
from recourse.conversations import service as conversations
from recourse.conversations.service import Identity
from recourse.core import order_numbers
from recourse.core.db import engine_for, reading, transaction
from recourse.core.errors import NotFound
from recourse.core.settings import PROJECT_ROOT
from recourse.core.transitions import Actor
from recourse.core.words import Utterance, Words
from recourse.customers import service as customers
from recourse.demo.catalogue import PRODUCTS, price
from recourse.demo.people import BUYERS, SELLERS, DemoBuyer
from recourse.demo.scenarios import SCENARIOS, Stage
from recourse.demo.seed import number_of, people, seed
from recourse.fulfilment import service as fulfilment
from recourse.orders import service as orders
from recourse.orders.intake import Item
from recourse.orders.models import OrderGroup
from recourse.recording.past import moves_of, situation_at, story_of
from recourse.recording.service import NothingSaid, record
from recourse.recording.situations import BY_SCENARIO, Situation
from recourse.refunds import service as refunds
from recourse.replies.voice import Voice
from tests.unit.world import World

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WORDS = Words.load()
HEADPHONES, KETTLE = number_of(0, 0), number_of(0, 1)
WELCOME = WORDS.say("utter_welcome")
_READ = """
import json, sys
from pathlib import Path
from pytest_rasa.loading import load
from recourse_world.project import project
path = Path(sys.argv[1])
(case,) = load(path, path.parent, project()).cases
print(json.dumps([(step.verb, step.value) for step in case.steps]))
"""
"""Reads a test file as the runner does; its folder cannot be imported here."""


@pytest.fixture(scope="module")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the demo in it, to copy."""
    path = tmp_path_factory.mktemp("demo") / "demo.db"
    shutil.copy(sqlite_template, path)
    engine = engine_for(f"sqlite:///{path}")
    with transaction(engine) as session:
        seed(session, NOW)
    engine.dispose()
    return path


@pytest.fixture
def demo(seeded: Path, tmp_path: Path) -> Iterator[Engine]:
    """The demo in a store of its own."""
    shutil.copy(seeded, tmp_path / "demo.db")
    engine = engine_for(f"sqlite:///{tmp_path}/demo.db")
    yield engine
    engine.dispose()


class Talk:
    """A conversation in the making; every message comes a minute after the one before."""

    def __init__(self, engine: Engine, buyer: str = "b-1001", channel: str = conversations.WEB) -> None:
        self.engine, self.now = engine, NOW
        with transaction(engine) as session:
            person = customers.get(session, buyer)
            who = Identity(buyer, person.locale, person.timezone)
            self.id = conversations.open_conversation(session, channel, None, who, WELCOME, self.now).id

    def type(self, text: str, *answers: Utterance) -> None:
        self._accept({"text": text}, answers)

    def press(self, title: str, *answers: Utterance) -> None:
        """The newest button that is called so, whether it still counts or not."""
        with reading(self.engine) as session:
            offered = [
                pair for each in conversations.messages_after(session, self.id, 0, self.now) for pair in each.buttons
            ]
        self._accept({"button": dict(offered)[title]}, answers)

    def say(self, *utterances: Utterance, author: str = "bot") -> None:
        self._tick()
        with transaction(self.engine) as session:
            conversations.say(session, self.id, utterances, self.now, author=author)

    def meanwhile(self, work: Callable[[Any, datetime], object]) -> None:
        """Something happens outside."""
        self._tick()
        with transaction(self.engine) as session:
            work(session, self.now)

    def recorded(self) -> str:
        with reading(self.engine) as session:
            return record(session, self.id)

    def _accept(self, what: dict[str, str], answers: tuple[Utterance, ...]) -> None:
        self._tick()
        with transaction(self.engine) as session:
            accepted = conversations.accept_message(session, self.id, secrets.token_hex(8), self.now, **what)  # type: ignore[arg-type]
        self._tick()
        if answers:
            with transaction(self.engine) as session:
                conversations.record_answer(session, self.id, accepted.message.seq, answers, self.now)

    def _tick(self) -> None:
        self.now += timedelta(minutes=1)


def case(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The buyer and the steps of a recorded file."""
    read = YAML(typ="safe").load(text)
    (fixture,) = read["fixtures"]
    (one,) = read["test_cases"]
    assert one["fixtures"] == ["buyer"] and one["channel"] == "socket"
    return fixture["buyer"], one["steps"]


def choices(*numbers: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"Something · {number}", f'/choose_order{{"order_number": "{number}"}}') for number in numbers)


def ask(session: Any, number: str, at: datetime) -> str:
    """The buyer asks for the order to be cancelled; returns the request's id."""
    offered = cancellations.quote(session, "b-1001", number, at, reason_code="no_longer_wanted")
    done = cancellations.submit_cancellation(session, "b-1001", offered.id, "no_longer_wanted", None, f"k-{number}", at)
    assert done.request is not None
    return done.request.id


def test_the_plugin_reads_the_file(demo: Engine, tmp_path: Path) -> None:
    talk = Talk(demo)
    talk.press("Cancel an order", Utterance("Which?", choices(HEADPHONES, KETTLE)))
    talk.type(f'it\'s {HEADPHONES}: the "first" one # really, of b-1001', WORDS.say("utter_cancel_none"))
    talk.type("yes", Utterance("24 Nov 2026"))
    file = tmp_path / "recorded.yml"
    file.write_text(talk.recorded(), encoding="utf-8")
    read = subprocess.run(
        [sys.executable, "-c", _READ, str(file)],
        env={**os.environ, "PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'tests/conversations'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [tuple(step) for step in json.loads(read.stdout)] == [
        ("expect_pushed", ["utter_welcome"]),
        ("press", "Cancel an order"),
        ("bot_contains", ["Which?"]),
        ("buttons", ["Something · {headphones}", "Something · {kettle}"]),
        ("user", 'it\'s {headphones}: the "first" one # really, of b-1001'),
        ("utter", ["utter_cancel_none"]),
        ("buttons", ["My orders", "Where is my refund?", "Talk to a person"]),
        ("user", "yes"),
    ]


def test_presses_words_and_buttons(demo: Engine) -> None:
    talk = Talk(demo)
    which = Utterance(WORDS.say("utter_ask_cancel_order").text, choices(HEADPHONES, KETTLE))
    talk.press("Cancel an order", WORDS.say("utter_default_in_flow"), which)
    talk.press(f"Something · {KETTLE}", WORDS.say("utter_ask_cancel_reason", number=KETTLE, title="Kettle", clause=""))
    buyer, steps = case(talk.recorded())
    assert [order["as"] for order in buyer["orders"]] == ["headphones", "kettle"]
    assert buyer["like"] == "b-1001" and "locale" not in buyer and "unread" not in buyer
    assert steps == [
        {"expect_pushed": "utter_welcome"},
        {"press": "Cancel an order"},
        {"utter": ["utter_default_in_flow", "utter_ask_cancel_order"]},
        {"buttons": ["Something · {headphones}", "Something · {kettle}"]},
        {"press": "Something · {kettle}"},
        {"utter": "utter_ask_cancel_reason"},
    ]


def test_a_title_that_was_typed_is_a_press_and_a_number_for_it_is_not(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type("My orders", Utterance("Here:", (("1. this one", "/help"), ("2. that one", "/greet"))))
    talk.type("2", Utterance("Good"))
    _, steps = case(talk.recorded())
    assert steps[1] == {"press": "My orders"}
    assert steps[4] == {"user": "2"}


def test_a_button_of_an_earlier_reply(demo: Engine) -> None:
    talk = Talk(demo)
    talk.press("My orders", Utterance("Here:", (("This", "/help"), ("That", "/greet"))))
    talk.press("This", Utterance("Fine. And now?", (("Other", "/help"),)))
    talk.press("That", WORDS.say("utter_button_stale"))
    _, steps = case(talk.recorded())
    assert [step for step in steps if "press_old" in step] == [{"press_old": "That"}]
    assert steps[-1] == {"utter": "utter_button_stale"}


def test_what_people_wrote_is_masked(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type("I am Olivia Bennett, olivia@example.com; RC-9999-0000 is my wife's", Utterance("Thank you, Olivia!"))
    talk.say(Utterance("Hello Olivia, I'll call +44 20 7946 0958"), author="agent")
    written = talk.recorded()
    _, steps = case(written)
    assert steps[1:] == [
        {"user": "I am [name removed], [e-mail removed]; {nobodys} is my wife's"},
        {"bot_contains": "Thank you,"},
        {"agent": {"does": "write", "text": "Hello [name removed], I'll call [phone number removed]"}},
        {"expect_pushed": ", I'll call"},
    ]
    assert not any(word in written for word in ("Olivia", "Bennett", "9999", "7946", talk.id))


def test_the_seller_answers_and_the_news_comes(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type(f"cancel {KETTLE} or {HEADPHONES}", Utterance("Asked."))
    request = ""

    def submit(session: Any, now: datetime) -> None:
        nonlocal request
        request = ask(session, KETTLE, now)

    talk.meanwhile(submit)
    talk.meanwhile(lambda s, now: cancellations.seller_approves(s, request, now, Actor("seller", "brightwell")))
    news = WORDS.say("utter_notice_approved_by_seller", seller="B", number=KETTLE, title="Kettle", money="• £1")
    talk.say(news)
    talk.type("thanks", WORDS.say("utter_thank"))
    _, steps = case(talk.recorded())
    assert steps[3:] == [
        {"seller": {"does": "approve", "order": "kettle"}},
        {"expect_pushed": "utter_notice_approved_by_seller"},
        {"user": "thanks"},
        {"utter": "utter_thank"},
    ]


def test_news_that_was_told_with_an_answer_comes_before_the_question(demo: Engine) -> None:
    """The gateway says news before an answer; in a test it comes as soon as it is there."""
    talk = Talk(demo)
    talk.type(f"about {HEADPHONES}", Utterance("Yes?"))
    talk.meanwhile(
        lambda s, now: fulfilment.seller_cancels(s, HEADPHONES, "out of stock", now, Actor("seller", "northlight"))
    )
    news = WORDS.say("utter_notice_order_cancelled_by_seller", seller="N", number=HEADPHONES, title="H", money="• £1")
    talk.type("hello?", news, WORDS.say("utter_greet"))
    _, steps = case(talk.recorded())
    assert steps[3:6] == [
        {"seller": {"does": "cancel", "reason": "out of stock"}},
        {"expect_pushed": "utter_notice_order_cancelled_by_seller"},
        {"user": "hello?"},
    ]


def test_a_refusal_with_its_proof_and_a_delivery(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type(f"cancel {HEADPHONES}", Utterance("Asked."))
    seller = Actor("seller", "northlight")
    request: list[str] = []
    talk.meanwhile(lambda s, now: request.append(ask(s, HEADPHONES, now)))
    reason = "It is already shipped, greetings to Olivia"
    talk.meanwhile(lambda s, now: cancellations.seller_rejects(s, request[0], reason, "PX1", now, seller, now))
    talk.meanwhile(lambda s, now: fulfilment.seller_ships(s, HEADPHONES, "Parcelway", "PX1", now, seller))
    talk.meanwhile(lambda s, now: fulfilment.carrier_reports(s, "PX1", "delivered", now, "", now, "Parcelway"))
    talk.type("it came", Utterance("Good."))
    _, steps = case(talk.recorded())
    assert steps[3:6] == [
        {
            "seller": {
                "does": "reject",
                "reason": "It is already shipped, greetings to [name removed]",
                "tracking": "PX123456789",
            }
        },
        {"seller": "ship"},
        {"carrier": "delivered"},
    ]


def test_a_deadline_passes(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type(f"cancel {HEADPHONES}", Utterance("Asked."))
    talk.meanwhile(lambda s, now: ask(s, HEADPHONES, now))
    talk.now += timedelta(hours=50)
    talk.meanwhile(lambda s, now: [cancellations.settle(s, each, now) for each in cancellations.due(s, now)])
    talk.type("and?", Utterance("Done."))
    _, steps = case(talk.recorded())
    assert steps[3] == {"clock": "+2d2h4m"}


def test_what_a_test_cannot_do_is_a_comment(demo: Engine) -> None:
    failed = number_of(0, 19)
    talk = Talk(demo)
    talk.type(f"where is the refund for {failed}", Utterance("On its way."))

    def fails(session: Any, now: datetime) -> None:
        order = orders.get_by_number(session, failed)
        (refund,) = refunds.all_of(session, order.id, now.date())
        refunds.record_result(session, "failed", now, now, leg_id=refund.legs[0].id, reason="lost_or_stolen_card")

    talk.meanwhile(fails)
    talk.say(WORDS.say("utter_notice_refund_failed", amount="1", instrument="2", number=failed, title="t", failure="f"))
    talk.type("oh", WORDS.say("utter_engine_unavailable"), Utterance("Sorry."))
    talk.type("hello?")
    written = talk.recorded()
    assert (
        "      # the psp: the refund leg of coat is now failed\n      # news came here: utter_notice_refund_failed\n"
        in written
    )
    assert (
        "      - user: oh\n      # here something of ours failed: utter_engine_unavailable\n      - bot_contains: Sorry."
        in written
    )
    assert written.endswith("      # this had no answer yet when it was recorded\n      - user: hello?\n")


def test_news_of_the_past_is_unread(demo: Engine) -> None:
    talk = Talk(demo, "b-1006")
    talk.say(WORDS.say("utter_notice_approved_by_seller", seller="S", number=number_of(5, 0), title="T", money="M"))
    talk.type("good", WORDS.say("utter_thank"))
    buyer, steps = case(talk.recorded())
    assert buyer["unread"] is True
    assert steps[0] == {"expect_pushed": ["utter_welcome", "utter_notice_approved_by_seller"]}
    assert buyer["orders"] == [{"as": "speaker", "scenario": "approved_unread", "items": ["SPK-PORT"]}]


def test_only_orders_that_it_is_about(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type("cancel the gooseneck kettle", Utterance("Why?"))
    talk.type(f"no, the one with {number_of(0, 5)[-4:]}", Utterance("All right."))
    buyer, steps = case(talk.recorded())
    assert [order["as"] for order in buyer["orders"]] == ["kettle", "desk"]
    assert steps[3] == {"user": "no, the one with {desk.last4}"}


def test_a_conversation_about_nothing_has_a_buyer_without_orders(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type("hi", WORDS.say("utter_greet"))
    assert case(talk.recorded())[0] == {"like": "b-1001", "orders": []}


def test_several_pieces_and_orders_that_were_paid_together(demo: Engine) -> None:
    talk = Talk(demo, "b-1003")
    talk.type(f"cancel {number_of(2, 0)}", Utterance("Why?"))
    buyer, _ = case(talk.recorded())
    assert [order["scenario"] for order in buyer["orders"]] == ["shared_checkout", "shared_checkout"]
    talk = Talk(demo)
    talk.type(f"cancel {number_of(0, 2)}", Utterance("Why?"))
    (order,) = case(talk.recorded())[0]["orders"]
    assert order == {
        "as": "pen", "scenario": "multi_item", "items": ["PEN-FOUN", "INK-SET", {"sku": "NOTE-DOT", "qty": 2}],
    }  # fmt: skip


def test_an_order_that_is_no_longer_what_its_label_says(demo: Engine) -> None:
    with transaction(demo) as session:
        ask(session, HEADPHONES, NOW)
    talk = Talk(demo)
    talk.now += timedelta(minutes=5)
    talk.type(f"what about {HEADPHONES} and {KETTLE}", Utterance("Which?", choices(KETTLE, HEADPHONES)))
    written = talk.recorded()
    assert (
        "        # guessed: the order was to ship, request pending seller\n"
        "        - {as: headphones, scenario: cancellation_pending, items: [HP-OVER]}\n"
    ) in written
    assert "newest first; but how old they are follows from their scenarios" in written
    assert "# buttons, maybe in another order: Something · {kettle}; Something · {headphones}" in written


def test_orders_of_another_shop_have_stand_ins(store: Engine) -> None:
    world = World(store)
    talk = Talk(store, "b-1")
    talk.type(f"cancel {world.order()}", Utterance("Why?"))
    written = talk.recorded()
    buyer, _ = case(written)
    assert buyer["like"] == "b-1002" and buyer["locale"] == "en" and buyer["timezone"] == "UTC"
    (told,) = buyer["orders"]
    assert told["scenario"] == "paid_unsent" and "# guessed: the order was to ship" in written
    assert told["items"] == [{"sku": "HP-OVER", "title": "Stoneware mug, moss green"}]


def test_nothing_to_record(demo: Engine) -> None:
    talk = Talk(demo)
    with pytest.raises(NothingSaid, match="has said nothing"):
        talk.recorded()
    with reading(demo) as session, pytest.raises(NotFound, match="conversations list"):
        record(session, "nonsense")


def test_recording_changes_nothing_and_says_the_same_again(demo: Engine) -> None:
    talk = Talk(demo)
    talk.type(f"cancel {HEADPHONES}", Utterance("Why?"))
    assert talk.recorded() == talk.recorded()


def test_each_story_leads_where_the_table_says(demo: Engine) -> None:
    with reading(demo) as session:
        for order in orders.everything(session, None, [], None):
            found = situation_at(session, order, moves_of(session, order), NOW)
            assert (order.scenario, found) == (order.scenario, BY_SCENARIO[str(order.scenario)])
            assert story_of(order, found) == (order.scenario, False)


def test_a_guess_is_the_plainest_story_that_fits(demo: Engine) -> None:
    with reading(demo) as session:
        unlabelled = replace(orders.get_by_number(session, HEADPHONES), scenario=None)
    guesses = {name: story_of(unlabelled, situation) for name, situation in BY_SCENARIO.items()}
    assert guesses["split_tender"] == ("paid_unsent", True)
    assert guesses["part_pending"] == ("cancellation_pending", True)
    for plain in (
        "unpaid",
        "shipped",
        "frozen",
        "delivered",
        "refund_overdue",
        "refund_failed",
        "dispute_open",
        "return_open",
    ):
        assert guesses[plain] == (plain, True)
    assert story_of(unlabelled, Situation("to_ship", request="withdrawn")) == ("paid_unsent", True)


@pytest.mark.parametrize("place", range(len(BUYERS)))
def test_the_orders_are_listed_again_as_they_were(
    demo: Engine, sqlite_template: Path, tmp_path: Path, place: int
) -> None:
    """The recorded buyer, entered as the runner does it, sees the same orders on the first page, and that there are more."""
    voice = Voice(WORDS, BUYERS[place].locale, BUYERS[place].timezone)
    with reading(demo) as session:
        page = orders.list_for(session, BUYERS[place].id, limit=5)
    more = (WORDS.say("utter_button_more_orders").text, "/list_orders")
    talk = Talk(demo, BUYERS[place].id)
    talk.press("My orders", Utterance("Which one?", (*(voice.order_button(order) for order in page), more)))
    written = talk.recorded()
    buyer, steps = case(written)
    if any(order["scenario"] == "shared_checkout" for order in buyer["orders"]):
        assert "# buttons, maybe in another order" in written, "two orders of one moment have no order"
        return
    assert len(buyer["orders"]) == 6
    shutil.copy(sqlite_template, tmp_path / "again.db")
    again = engine_for(f"sqlite:///{tmp_path}/again.db")
    names = _enter(again, BUYERS[place], buyer["orders"])
    with reading(again) as session:
        listed = [order.number for order in orders.list_for(session, BUYERS[place].id, limit=5)]
    again.dispose()
    titles = [
        f"{voice.order_button(order)[0].rpartition(' ')[0]} {{{names[number]}}}"
        for order, number in zip(page, listed, strict=True)
    ]
    assert steps[-1] == {"buttons": [*titles, "Show more orders"]}


def _enter(engine: Engine, buyer: DemoBuyer, told: list[dict[str, Any]]) -> dict[str, str]:
    """The orders of a fixture as the runner makes them: each by its story, a little older than the one before. Number -> name."""
    numbers = {order_numbers.make(2_000_000 + 77_777 * turn): order["as"] for turn, order in enumerate(told)}
    with transaction(engine) as session:
        people(session, NOW)
        group = OrderGroup(customer_id=buyer.id, currency=buyer.currency, placed_at=NOW - timedelta(hours=33))
        session.add(group)
        session.flush()
        for turn, (order, number) in enumerate(zip(told, numbers, strict=True)):
            wanted = [{"sku": item} if isinstance(item, str) else item for item in order["items"]]
            goods = [(PRODUCTS[item["sku"]], item.get("qty", 1)) for item in wanted]
            items = tuple(Item(each.sku, each.title, price(each.usd, buyer.currency), qty) for each, qty in goods)
            seller = next(each for each in SELLERS if each.id == goods[0][0].seller)
            together = group if order["scenario"] == "shared_checkout" else None
            SCENARIOS[order["scenario"]](
                Stage(session, NOW, number, turn, order["scenario"], buyer, seller, items, 0, group=together)
            )
    return numbers
