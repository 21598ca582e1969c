"""The frozen document of a case: complete, true to the rows, without secrets, and as its schema says."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from recourse.core.money import Money
from recourse.core.transitions import Actor
from recourse.disputes import service as disputes
from recourse.handoff import payload, rules
from recourse.handoff.rules import asked_already, summary
from recourse.messages import service as messages
from tests.unit.handoff.conftest import Desk
from tests.unit.world import BALANCE, BUYER, CARD, World

SCHEMA = Path(__file__).parents[3] / "docs" / "handoff.schema.json"
SECRET_TEXT = "card 4242424242424242, DE89370400440532013000, password is hunter2, order RC-1042-7713"


def test_the_committed_schema_is_the_models_schema() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == payload.schema_text(), (
        "write it anew: python -c 'from recourse.handoff.payload import schema_text; print(schema_text(), end=\"\")' "
        "> docs/handoff.schema.json"
    )


def test_the_mandatory_items_are_required_keys() -> None:
    made = payload.schema()
    parts = made["$defs"]
    assert {"order", "cancellation", "refund", "seller_messages"} <= set(made["required"])
    assert "number" in parts["Order"]["required"]
    assert "date" in parts["Cancellation"]["required"]
    assert "expected" in parts["Refund"]["required"]
    assert made["additionalProperties"] is False


def test_without_an_order_its_parts_are_null(desk: Desk) -> None:
    found = desk.open().payload
    assert [found[name] for name in ("order", "cancellation", "refund", "dispute", "policy_id")] == [None] * 5
    assert (found["seller_messages"], found["wants"], found["v"]) == ([], "a person, please", 1)
    assert found["customer"]["id"] == BUYER


def test_a_cancelled_order_with_its_refund(desk: Desk) -> None:
    world = desk.world
    number = world.order(ways=(CARD, BALANCE), shares=(1500,))
    request_id = world.ask(number)
    world.approve(request_id)
    expected = Money(2600, "EUR")
    found = desk.open(
        number, "refund_amount", expected=expected, failed_turns=2, sentiment="angry", priority="high"
    ).payload
    order = world.see(number)
    assert (found["order"]["number"], found["order"]["status"]) == (number, "cancelled")
    assert found["order"]["total"] == {"amount_minor": order.total.amount_minor, "currency": "EUR"}
    assert (found["cancellation"]["id"], found["cancellation"]["state"]) == (request_id, "approved")
    assert found["cancellation"]["lines"] == [{"line_id": order.lines[0].id, "qty": 1}]
    assert found["refund"]["expected"] == {"amount_minor": 2600, "currency": "EUR", "said_by": "customer"}
    assert found["refund"]["computed"]["paid_part"] == 2500
    assert sorted(leg["amount_minor"] for leg in found["refund"]["computed"]["legs"]) == [1000, 1500]
    assert found["refund"]["difference_minor"] == 100
    assert found["conversation"]["failed_turns"] == 2
    assert (found["conversation"]["sentiment"], found["priority"]) == ("angry", "high")
    assert found["allowed_actions"] == ["correct_refund", "goodwill"]
    assert found["policy_id"] == order.policy.id
    assert 1 <= len(found["conversation"]["summary"]) <= 8
    assert number in found["conversation"]["summary"][0]


def test_an_expectation_in_another_currency_has_no_difference(desk: Desk) -> None:
    number = desk.world.order()
    found = desk.open(number, "refund_amount", expected=Money(2500, "USD")).payload
    assert found["refund"]["difference_minor"] is None
    assert found["refund"]["computed"] is None


def test_a_sellers_own_cancellation_has_its_date(desk: Desk) -> None:
    number = desk.world.order("cancelled")
    found = desk.open(number, "seller_cancelled_no_refund").payload
    cancelled_at = desk.world.see(number).cancelled_at
    assert cancelled_at is not None
    assert found["cancellation"]["id"] is None
    assert payload.parse(found).cancellation.date == cancelled_at  # type: ignore[union-attr]


def test_the_sellers_messages_are_attached(desk: Desk) -> None:
    world = desk.world
    number = world.order()
    with world.transaction() as session:
        messages.send(session, Actor("buyer", BUYER), number, "Where is it?", "m-1", world.now)
        messages.send(
            session, Actor("seller", "acme"), number, "Out of stock, sorry.", "m-2", world.now + timedelta(hours=1)
        )
    found = desk.open(number, "seller_refused").payload["seller_messages"]
    assert [(each["author"], each["text"]) for each in found] == [
        ("buyer", "Where is it?"),
        ("seller", "Out of stock, sorry."),
    ]


def test_no_secret_reaches_the_payload(desk: Desk) -> None:
    number = desk.world.order()
    desk.world.submit(desk.world.quote(number), note=SECRET_TEXT, reason="other")
    said = [{"author": "buyer", "text": SECRET_TEXT}, {"author": "bot", "text": "Is your card 4242424242424242?"}]
    document = json.dumps(desk.open(number, wants=SECRET_TEXT, said=said).payload)
    for secret in ("4242424242424242", "DE89370400440532013000", "hunter2"):
        assert secret not in document
    assert document.count("RC-1042-7713") == 3


def test_it_says_what_was_true_when_it_was_opened(desk: Desk) -> None:
    number = desk.world.order()
    case = desk.open(number)
    desk.world.ship(number)
    assert desk.see(case.case_no).payload["order"]["status"] == "to_ship"


def test_what_does_not_fit_is_not_stored(desk: Desk, world: World) -> None:
    with pytest.raises(ValidationError):
        desk.open(sentiment="cheerful")
    with pytest.raises(ValidationError):
        desk.open(failed_turns=-1)
    assert desk.open().state == "ticket"


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": "1"},
        {"priority": "urgent"},
        {"case_no": "C-1"},
        {"extra": 1},
        {"created_at": "yesterday"},
        {"created_at": "2026-11-24T12:00:00"},
        {"allowed_actions": ["give_everything"]},
        {"seller_messages": None},
    ],
)
def test_other_documents_are_refused(desk: Desk, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        payload.parse({**desk.open().payload, **change})


@pytest.mark.parametrize("name", ["order", "cancellation", "refund", "seller_messages", "wants", "v"])
def test_no_key_may_be_missing(desk: Desk, name: str) -> None:
    document = desk.open().payload
    del document[name]
    with pytest.raises(ValidationError, match=name):
        payload.parse(document)


def test_without_words_it_still_fits(desk: Desk) -> None:
    number = desk.world.order()
    desk.world.submit(desk.world.quote(number), note="I am Erika", reason="other")
    said = [{"author": "bot", "text": "Which one, Erika?"}]
    silent = payload.parse(desk.open(number, wants="Erika wants", said=said).payload).without_words()
    document = silent.to_json()
    assert "Erika" not in json.dumps(document)
    assert (document["order"]["number"], document["cancellation"]["state"]) == (number, "pending_seller")


def test_questions_that_were_asked() -> None:
    said = [
        ("bot", "Hello. Which order is it?"),
        ("buyer", "Why?"),
        ("bot", "I see.\nWhat is the reason?  Which order is it?"),
    ]
    assert asked_already(said) == ["Which order is it?", "What is the reason?"]


def test_a_summary_has_eight_lines_at_most() -> None:
    assert summary(["a"] * 8) == ["a"] * 8
    assert summary([str(n) for n in range(10)]) == [*(str(n) for n in range(7)), "and 3 more"]


def test_every_reason_has_actions_that_exist() -> None:
    for code in rules.REASONS:
        assert set(rules.allowed_actions(code)) <= set(rules.ALLOWED_ACTIONS)


def test_a_dispute_with_its_deadlines(desk: Desk) -> None:
    world = desk.world
    number = world.order("delivered")
    line = world.see(number).lines[0]
    with world.transaction() as session:
        opened = disputes.open_dispute(
            session,
            BUYER,
            number,
            line.id,
            1,
            "not_as_described",
            "quality",
            "partial",
            500,
            "It is cracked",
            "k-1",
            world.now,
        )
    found = desk.open(number, "dispute_help").payload
    assert (found["dispute"]["id"], found["dispute"]["state"]) == (opened.id, "awaiting_seller")
    assert payload.parse(found).dispute.deadlines["respond_by"] == opened.respond_by  # type: ignore[union-attr]
    assert found["further_disputes"] == []
    assert found["allowed_actions"] == ["decide_dispute", "message_seller"]
    assert "wants partial" in " ".join(found["conversation"]["summary"])
