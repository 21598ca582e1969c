"""Both worlds: what breaks, how the buyer notices, and that the next case finds everything mended."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from world_cases import Played

pytest_plugins = ("world_fixtures",)

Staged = Callable[..., Played]
_BACK_S = 60.0


def _until_said(case: Played, response: str) -> None:
    """Let messages come until the response is there."""
    deadline = time.monotonic() + _BACK_S
    said = case.reply
    while response not in case.uttered(said):
        assert time.monotonic() < deadline, said.text
        said += case.stage.line("buyer").pushed(5)


def _at_the_summary(staged: Staged) -> Played:
    case = staged(channel="socket")
    case.say("cancel my order")
    case.press("Found it cheaper")
    return case


@pytest.mark.parametrize("fault", ["killed", "restart"])
def test_the_actions_die_before_the_yes(staged: Staged, fault: str) -> None:
    case = _at_the_summary(staged)
    case.do(faults={"actions": fault})
    case.say("yes")
    _until_said(case, "utter_cancel_requested")
    assert len(case.rows("cancellation_request")) == 1


def test_the_actions_stay_away(staged: Staged) -> None:
    case = _at_the_summary(staged)
    case.do(faults={"actions": "down"})
    case.say("yes")
    _until_said(case, "utter_technical_problem")
    assert case.rows("cancellation_request") == []
    assert not case.stage.exercised.times("response", "utter_cancel_requested")
    case.do(faults={"actions": "up"})
    case.press("Try again")
    _until_said(case, "utter_cancel_requested")


def test_rasa_dies_before_the_yes(staged: Staged) -> None:
    case = _at_the_summary(staged)
    case.do(faults={"rasa": "killed"})
    case.say("yes")
    assert "utter_engine_unavailable" in case.uttered(case.reply)
    _until_said(case, "utter_cancel_requested")
    assert len(case.rows("cancellation_request")) == 1


def test_rasa_comes_back_and_remembers(staged: Staged) -> None:
    case = _at_the_summary(staged)
    case.do(faults={"rasa": "restart"})
    assert "utter_cancel_requested" in case.uttered(case.say("yes"))


def test_what_a_case_broke_is_mended(staged: Staged) -> None:
    case = staged()
    case.do(faults={"rasa": "down", "actions": "down", "provider": "down", "database": "locked"})
    case.stage.close()
    case = staged()
    assert "utter_cancel_requested" in case.uttered(case.ask_to_cancel())
    case.do(seller="approve")
    case.do(provider="settle")


@pytest.mark.parametrize("channel", ["rest", "socket"])
def test_a_busy_store_makes_the_buyer_wait(staged: Staged, channel: str) -> None:
    case = staged(channel=channel)
    case.say("hello")
    case.do(faults={"database": "busy"})
    began = time.monotonic()
    assert "utter_cancel_requested" in case.uttered(case.ask_to_cancel())
    assert time.monotonic() - began > 1


def test_a_locked_store_is_said_to_a_rest_client(staged: Staged) -> None:
    case = staged()
    case.say("hello")
    case.do(faults={"database": "locked"})
    assert case.say("cancel my order").text.startswith("503: The service cannot reach its data at the moment.")
    case.do(faults={"database": "free"})
    assert "Step 1 of 2" in case.say("cancel my order").text
