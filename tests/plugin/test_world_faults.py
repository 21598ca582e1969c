"""What breaks in a case is mended for the next. How a buyer notices is in tests/conversations/resilience."""

from __future__ import annotations

from collections.abc import Callable

from world_cases import Played

pytest_plugins = ("world_fixtures",)

Staged = Callable[..., Played]


def test_what_a_case_broke_is_mended(staged: Staged) -> None:
    case = staged()
    case.do(faults={"rasa": "down", "actions": "down", "provider": "down", "database": "locked"})
    case.stage.close()
    case = staged()
    assert "utter_cancel_requested" in case.uttered(case.ask_to_cancel())
    case.do(seller="approve")
    case.do(provider="settle")


def test_a_locked_store_is_said_to_a_rest_client(staged: Staged) -> None:
    case = staged()
    case.say("hello")
    case.do(faults={"database": "locked"})
    assert case.say("cancel my order").text.startswith("503: The service cannot reach its data at the moment.")
    case.do(faults={"database": "free"})
    assert "Step 1 of 2" in case.say("cancel my order").text
