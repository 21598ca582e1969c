"""What one turn exercised. The events are those of a real Rasa 3.6, without what does not matter here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.coverage.turns import Event, button_action, from_turn, response_key


def user(intent: str | None) -> Event:
    return {"event": "user", "text": "hm", "parse_data": {"intent": {"name": intent}}}


def action(name: str) -> Event:
    return {"event": "action", "name": name, "policy": "RulePolicy", "confidence": 1.0}


def loop(name: str | None) -> Event:
    return {"event": "active_loop", "name": name}


def slot(name: str, value: Any) -> Event:
    return {"event": "slot", "name": name, "value": value}


def bot(**metadata: Any) -> Event:
    return {"event": "bot", "text": "hm", "metadata": {"model_id": "1", **metadata}}


def counted(
    events: Sequence[Event], rules: Sequence[str] = (), calls: Collection[str] = ()
) -> dict[str, dict[str, int]]:
    exercised = Exercised()
    from_turn(exercised, events, rules, calls)
    return {kind: counts for kind, counts in exercised.as_json().items() if counts}


def test_a_form_that_begins() -> None:
    events = [
        user("order"), action("order_form"), loop("order_form"), slot("requested_slot", "size"), bot(utter_action="utter_ask_size"),
        action("action_listen"),
    ]  # fmt: skip
    assert counted(events, ["the buyer orders"], ["validate_order_form"]) == {
        "intent": {"order": 1},
        "rule": {"the buyer orders": 1},
        "action": {"validate_order_form": 1},
        "form_step": {"order_form.size asked": 1},
        "response": {"utter_ask_size": 1},
    }


def test_a_form_that_begins_with_a_slot_filled_already() -> None:
    events = [
        user("order"), slot("size", "small"), action("order_form"), loop("order_form"), slot("size", "small"),
        slot("requested_slot", "drink"), action("action_listen"),
    ]  # fmt: skip
    assert counted(events)["form_step"] == {"order_form.size filled": 1, "order_form.drink asked": 1}


def test_a_form_that_goes_on_is_known_without_the_turns_before() -> None:
    events = [
        user("tell"), slot("size", "big"), action("order_form"), slot("requested_slot", "drink"), action("action_listen"),
    ]  # fmt: skip
    assert counted(events)["form_step"] == {"order_form.size filled": 1, "order_form.drink asked": 1}


def test_the_last_slot_of_a_form_that_ends() -> None:
    events = [
        user("nlu_fallback"), slot("drink", "tea"), action("order_form"), slot("requested_slot", None), loop(None),
        action("action_submit"), slot("receipt", "R-1"), action("action_listen"),
    ]  # fmt: skip
    found = counted(events, calls=["action_submit"])
    assert found["form_step"] == {"order_form.drink filled": 1}
    assert found["slot"] == {"drink": 1, "receipt": 1}, "what is set after the form is no step of it"


def test_a_digression_while_a_form_runs() -> None:
    events = [
        user("thank"), action("action_tell"), slot("told", True), action("order_form"), slot("requested_slot", "size"),
        action("action_listen"),
    ]  # fmt: skip
    found = counted(events, calls=["action_tell"])
    assert found["form_step"] == {"order_form.told filled": 1, "order_form.size asked": 1}


def test_another_form_takes_over() -> None:
    events = [
        user("order"), action("action_deactivate_loop"), loop(None), slot("requested_slot", None), action("order_form"),
        loop("order_form"), slot("requested_slot", "size"), action("action_listen"),
    ]  # fmt: skip
    assert counted(events)["form_step"] == {"order_form.size asked": 1}


def test_a_custom_action_that_ends_a_form_is_not_taken_for_one() -> None:
    events = [
        user("stop"), slot("mood", "bad"), action("action_stop"), slot("requested_slot", None), loop(None),
        action("action_listen"),
    ]  # fmt: skip
    assert "form_step" not in counted(events, calls=["action_stop"])


def test_values_that_are_taken_away_and_rasas_own_slots_do_not_count() -> None:
    assert counted([slot("size", None), slot("requested_slot", "size"), slot("session_started_metadata", {})]) == {}
    assert counted([slot("agreed", False), slot("count", 0)]) == {"slot": {"agreed": 1, "count": 1}}


def test_a_turn_without_anything() -> None:
    assert counted([]) == {}
    assert (
        counted([user(None), {"event": "user", "text": "x"}, bot(), {"event": "bot", "text": "x", "metadata": None}])
        == {}
    )


def test_turns_add_up() -> None:
    exercised = Exercised()
    for _ in range(3):
        from_turn(exercised, [user("greet"), bot(utter_action="utter_greet")], ["greeting"], [])
    assert [
        exercised.times(*one) for one in (("intent", "greet"), ("response", "utter_greet"), ("rule", "greeting"))
    ] == [3] * 3


@pytest.mark.parametrize("name", ["language", "locale"])
def test_the_language_of_a_response(name: str) -> None:
    events = [bot(utter_action="utter_greet", condition=[{"type": "slot", "name": name, "value": "es"}])]
    assert counted(events) == {"response": {"utter_greet [es]": 1}}


@pytest.mark.parametrize(
    ("variation", "key"),
    [
        ({"text": "Hi"}, "utter_x"),
        ({"text": "Hi", "condition": [{"type": "slot", "name": "vip", "value": True}]}, "utter_x"),
        (
            {"condition": [{"name": "vip", "value": True}, {"name": "language", "value": "es-MX"}], "channel": "slack"},
            "utter_x [es-MX]",
        ),
        ({"channel": "slack"}, "utter_x [slack]"),
        ({"condition": None}, "utter_x"),
    ],
)
def test_the_key_of_a_variation(variation: dict[str, Any], key: str) -> None:
    assert response_key("utter_x", variation) == key


@pytest.mark.parametrize(
    ("payload", "does"),
    [
        ("/greet", "/greet"),
        ("/greet@0.9", "/greet"),
        ('/choose{"reason": "too late"}', "/choose{reason}"),
        ('/choose{"b": 1, "a": {"c": 2}}', "/choose{a, b}"),
        ("/choose{}", "/choose"),
        ('/choose{"order": {number}}', "/choose{order}"),
        ("/choose{nonsense}", "/choose"),
        ("/faq/ask_price", "/faq/ask_price"),
        ("yes, please", None),
        ("/greet and more", None),
        ("/", None),
        ("", None),
    ],
)
def test_what_a_button_does(payload: str, does: str | None) -> None:
    assert button_action(payload) == does
