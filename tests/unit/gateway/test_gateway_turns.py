"""No silence: the engine fails, hangs, dies, restarts, and so does the gateway; every message gets one answer."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from recourse.core.clock import FixedClock, SystemClock
from recourse.gateway.engine import Engine
from recourse.gateway.turns import Pace
from tests.unit.gateway.conftest import Stack
from tests.unit.gateway.servers import StubRasa, answering, say

FAILED = {"recipient_id": "x", "custom": {"recourse": "action_failed"}}


@pytest.mark.parametrize("elements", [[], [FAILED], [say("Half an answer."), FAILED], [{"text": ""}], [{"image": "x"}]])
async def test_failed_turn_is_taken_back_and_can_be_tried_again(stack: Stack, elements: list[dict[str, Any]]) -> None:
    problem = stack.words.say("utter_technical_problem")
    stack.rasa.behave = answering(*elements)
    chat = await stack.chat()
    await chat.type("cancel it")
    await chat.hears(problem.text)
    assert "Half an answer." not in chat.bot
    tracker = stack.rasa.trackers[chat.conversation]
    assert tracker[-2:] == [{"event": "rewind"}, {"event": "action", "name": "action_listen"}]
    assert set(stack.rasa.tokens) == {"engine-token"}
    stack.rasa.behave = answering(say("Cancelled."))
    await chat.press(problem.buttons[0][0])
    await chat.hears("Cancelled.")
    assert stack.rasa.texts == ["cancel it", "cancel it"]


async def test_turn_that_was_never_saved_takes_no_other_turn_back(stack: Stack) -> None:
    """Rasa answers 200 with nothing when it breaks before it saves: the turn before must stay."""
    chat = await stack.chat()
    await chat.type("first")
    await chat.hears("echo first")
    tracker = stack.rasa.trackers[chat.conversation]
    before = list(tracker)

    async def breaks(_text: str) -> list[dict[str, Any]]:
        stack.rasa.trackers[chat.conversation] = Unsaved(before)
        return []

    stack.rasa.behave = breaks
    await chat.type("second")
    await chat.hears(stack.text("utter_technical_problem"))
    assert list(stack.rasa.trackers[chat.conversation]) == before


class Unsaved(list[dict[str, Any]]):
    """A tracker that the running turn does not get into."""

    def __iadd__(self, other: Any) -> Any:
        return self


async def test_failed_button_is_tried_again_as_the_same_payload(stack: Stack) -> None:
    problem = stack.words.say("utter_technical_problem")
    chat = await stack.chat()
    stack.rasa.behave = answering()
    title = chat.events[0]["buttons"][0]["title"]
    await chat.press(title)
    await chat.hears(problem.text)
    stack.rasa.behave = answering(say("Fine."))
    await chat.press(problem.buttons[0][0])
    await chat.hears("Fine.")
    assert stack.rasa.texts[0] == stack.rasa.texts[1]
    assert stack.rasa.texts[0].startswith("/")


async def test_engine_that_is_down_is_told_once_and_the_message_kept(stack: Stack) -> None:
    chat = await stack.chat()
    await stack.rasa.kill()
    await chat.type("one")
    await chat.type("two")
    await chat.hears(stack.text("utter_engine_unavailable"))
    await stack.rasa.start()
    await chat.hears("echo two")
    assert chat.bot[1:] == [stack.text("utter_engine_unavailable"), "echo one", "echo two"]
    assert stack.rasa.texts == ["one", "two"]


async def test_short_outage_is_not_worth_a_word(make: Callable[..., Any], rasa: StubRasa) -> None:
    stack = await make(pace=Pace(say_down_after=30, retry_first=0.02, retry_most=0.05))
    chat = await stack.chat()
    await rasa.kill()
    await chat.type("hello")
    await chat.until(lambda: chat.of("ok"))
    await rasa.start()
    await chat.hears("echo hello")
    assert chat.bot[1:] == ["echo hello"]


async def test_engine_killed_in_the_middle_of_a_turn(stack: Stack) -> None:
    chat = await stack.chat()

    async def hangs(_text: str) -> list[dict[str, Any]]:
        await asyncio.sleep(3600)
        return []

    stack.rasa.behave = hangs
    await chat.type("hello")
    await chat.until(lambda: stack.rasa.turns)
    await stack.rasa.kill()
    stack.rasa.behave = answering(say("Here I am."))
    await stack.rasa.start()
    await chat.hears("Here I am.")
    assert stack.rasa.texts == ["hello", "hello"]


async def test_answer_that_got_lost_is_looked_up_and_not_made_again(stack: Stack) -> None:
    chat = await stack.chat()
    stack.rasa.lose_next_answer = True
    stack.rasa.behave = answering(say("Cancelled.", ("Refund?", "/refund_status")))
    await chat.type("yes, cancel it")
    await chat.hears("Cancelled.")
    assert stack.rasa.texts == ["yes, cancel it"]
    assert chat.events[-1]["buttons"][0]["title"] == "Refund?"


async def test_engine_that_gives_no_answer_in_time(make: Callable[..., Any], config: Any, rasa: StubRasa) -> None:
    engine = Engine(dataclasses.replace(config, rasa_url=f"http://127.0.0.1:{rasa.port}"), read_timeout_s=0.2)
    stack = await make(engine=engine)
    chat = await stack.chat()

    async def hangs(_text: str) -> list[dict[str, Any]]:
        await asyncio.sleep(3600)
        return []

    rasa.behave = hangs
    await chat.type("hello")
    await chat.hears(stack.text("utter_technical_problem"))
    assert rasa.texts == ["hello"]


async def test_giving_up_after_a_long_time(make: Callable[..., Any], rasa: StubRasa) -> None:
    clock = FixedClock(SystemClock().now())
    stack = await make(clock=clock)
    chat = await stack.chat()
    await rasa.kill()
    await chat.type("hello")
    await chat.hears(stack.text("utter_engine_unavailable"))
    clock.at += timedelta(minutes=11)
    await chat.hears(stack.text("utter_engine_gave_up"))
    await rasa.start()
    await chat.type("again")
    await chat.hears("echo again")
    assert rasa.texts == ["again"]


async def test_gateway_restart_takes_waiting_messages_up(stack: Stack) -> None:
    chat = await stack.chat()
    await stack.rasa.kill()
    await chat.type("hello")
    await chat.hears(stack.text("utter_engine_unavailable"))
    await stack.restart()
    await stack.rasa.start()
    again = await stack.chat(conversation=chat.conversation)
    await again.hears("echo hello")
    assert again.bot.count(stack.text("utter_engine_unavailable")) == 1
    assert [event["seq"] for event in again.events] == [1, 2, 3, 4]


async def test_gateway_killed_while_the_engine_answered(stack: Stack) -> None:
    """The turn ran, its answer was never written: after the restart it is looked up in the tracker."""
    release = asyncio.Event()

    async def slow(_text: str) -> list[dict[str, Any]]:
        await release.wait()
        return [say("Cancelled.")]

    stack.rasa.behave = slow
    chat = await stack.chat()
    await chat.type("yes")
    await chat.until(lambda: stack.rasa.turns)
    await stack.stop()
    release.set()
    await chat.until(lambda: any(e["event"] == "bot" for e in stack.rasa.trackers[chat.conversation]))
    await stack.start()
    again = await stack.chat(conversation=chat.conversation)
    await again.hears("Cancelled.")
    assert stack.rasa.texts == ["yes"]


async def test_store_that_fails_for_a_moment_costs_no_answer(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = await stack.chat()
    real, failures = stack.gateway.turns._record, iter([True, True])

    async def flaky(*args: Any) -> None:
        if next(failures, False):
            raise OSError("disk")
        await real(*args)

    monkeypatch.setattr(stack.gateway.turns, "_record", flaky)
    await chat.type("hello")
    await chat.hears("echo hello")
    assert stack.rasa.texts == ["hello"]


async def test_what_keeps_failing_is_told(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = await stack.chat()

    async def broken(*_: Any) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(stack.gateway.turns, "_ask", broken)
    await chat.type("hello")
    await chat.hears(stack.text("utter_technical_problem"))


async def test_news_is_said_before_the_answer(stack: Stack) -> None:
    release = asyncio.Event()

    async def slow(text: str) -> list[dict[str, Any]]:
        await release.wait()
        return [say(f"echo {text}")]

    stack.rasa.behave = slow
    chat = await stack.chat()
    await chat.type("hello")
    await chat.until(lambda: stack.rasa.turns)
    stack.notify("request_approved")
    release.set()
    await chat.hears("echo hello")
    assert chat.bot[1:] == ["News: request_approved", "echo hello"]


async def test_news_is_pushed_to_who_is_here_once(stack: Stack) -> None:
    first, second = await stack.chat(), await stack.chat()
    stranger = await stack.chat("b-2")
    stack.notify("request_rejected")
    await first.until(lambda: "News: request_rejected" in first.bot + second.bot)
    await stack.gateway.watch.look()
    assert (first.bot + second.bot).count("News: request_rejected") == 1
    assert len(stranger.bot) == 1


async def test_news_waits_for_who_comes_back(stack: Stack) -> None:
    chat = await stack.chat()
    await chat.close()
    stack.notify("request_approved")
    again = await stack.chat(conversation=chat.conversation)
    assert again.bot[1:] == ["News: request_approved"]


async def test_news_that_cannot_be_worded_holds_nothing_up(stack: Stack) -> None:
    stack.notify("broken")
    chat = await stack.chat()
    await chat.type("hello")
    await chat.hears("echo hello")
