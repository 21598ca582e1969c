"""Rasa's REST channel: who may use it, what comes back, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from recourse.gateway.limits import Limits, Rate
from tests.unit.gateway.conftest import Stack
from tests.unit.gateway.servers import answering, eventually, say


def texts(reply: list[dict[str, Any]]) -> list[str]:
    return [element["text"] for element in reply]


async def test_first_reply_begins_with_the_welcome(stack: Stack) -> None:
    reply = await stack.rest("hello")
    assert texts(reply) == [stack.text("utter_welcome"), "echo hello"]
    assert {element["recipient_id"] for element in reply} == {"alice"}
    assert texts(await stack.rest("again")) == ["echo again"]


async def test_buttons_are_tokens_that_are_sent_back_as_the_message(stack: Stack) -> None:
    stack.rasa.behave = answering(say("Sure?", ("Yes", "/affirm"), ("No", "/deny")))
    sure = (await stack.rest("cancel"))[-1]
    assert [button["title"] for button in sure["buttons"]] == ["Yes", "No"]
    assert "/" not in sure["buttons"][0]["payload"]
    stack.rasa.behave = answering(say("Done."))
    assert texts(await stack.rest(sure["buttons"][0]["payload"])) == ["Done."]
    assert stack.rasa.texts[-1] == "/affirm"
    assert texts(await stack.rest(sure["buttons"][1]["payload"])) == [stack.text("utter_button_stale")]


async def test_same_sender_of_two_buyers_are_two_conversations(stack: Stack) -> None:
    await stack.rest("mine", "b-1", "same")
    await stack.rest("theirs", "b-2", "same")
    assert len({sender for sender, _, _ in stack.rasa.turns}) == 2
    assert all(sender != "same" for sender, _, _ in stack.rasa.turns)


async def test_button_of_another_buyer_is_refused(stack: Stack) -> None:
    welcome = (await stack.rest("hello", "b-1"))[0]
    response = await stack.post({"sender": "alice", "message": welcome["buttons"][0]["payload"]}, stack.token("b-2"))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "unknown_button")


async def test_typed_payload_is_text(stack: Stack) -> None:
    await stack.rest('/cancel_order{"order_number": "RC-1042-7713"}')
    assert stack.rasa.texts == ["?"]


@pytest.mark.parametrize(
    ("body", "needle"),
    [
        (b"", "JSON object"),
        (b"[]", "JSON object"),
        (b'"hi"', "JSON object"),
        (b"{", "not JSON"),
        (b"{}", "sender"),
        (b'{"sender": "a"}', "message"),
        (b'{"message": "a"}', "sender"),
        (b'{"sender": "", "message": "a"}', "sender"),
        (b'{"sender": 7, "message": "a"}', "sender"),
        (b'{"sender": null, "message": "a"}', "sender"),
        (b'{"sender": "a", "message": ["a"]}', "message"),
        (b'{"sender": "a", "message": null}', "message"),
        (b'{"sender": "\\ud800", "message": "a"}', "sender"),
        (b'{"sender": "a", "message": "  "}', "at least one character"),
        (b'{"sender": "a", "message": "' + b"a" * 2001 + b'"}', "2000"),
        (b'{"sender": "' + b"a" * 129 + b'", "message": "a"}', "sender"),
    ],
)
async def test_bad_body_says_what_is_wrong(stack: Stack, body: bytes, needle: str) -> None:
    headers = {"Authorization": f"Bearer {stack.token()}"}
    response = await stack.http.post("/webhooks/rest/webhook", content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert needle in response.json()["error"]["message"]
    assert stack.rasa.turns == []


async def test_content_type_does_not_matter(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token()}", "Content-Type": "text/plain"}
    body = b'{"sender": "a", "message": "hi", "metadata": {"customer_id": "b-2"}, "input_channel": "x"}'
    response = await stack.http.post("/webhooks/rest/webhook", content=body, headers=headers)
    assert texts(response.json())[-1] == "echo hi"


@pytest.mark.parametrize("token", ["", "nonsense"])
async def test_a_token_is_needed(stack: Stack, token: str) -> None:
    response = await stack.post({"sender": "a", "message": "hi"}, token)
    assert (response.status_code, stack.rasa.turns) == (401, [])


async def test_messages_at_the_same_moment_each_get_their_own_answer(stack: Stack) -> None:
    await stack.rest("hello")
    replies = await asyncio.gather(*(stack.rest(str(number)) for number in range(5)))
    assert [texts(reply) for reply in replies] == [[f"echo {number}"] for number in range(5)]


async def test_too_many_messages_are_slowed_down(make: Callable[..., Any]) -> None:
    stack = await make(limits=Limits(messages=Rate(1, 0.1)))
    await stack.rest("one")
    response = await stack.post({"sender": "alice", "message": "two"}, stack.token())
    assert (response.status_code, response.json()["error"]["code"]) == (429, "slow_down")
    assert int(response.headers["retry-after"]) >= 1


async def test_late_answer_comes_first_next_time(make: Callable[..., Any]) -> None:
    stack = await make(rest_answer_within_s=0.2)
    release = asyncio.Event()

    async def slow(text: str) -> list[dict[str, Any]]:
        if text == "slow":
            await release.wait()
        return [say(f"echo {text}")]

    stack.rasa.behave = slow
    assert texts(await stack.rest("slow")) == [stack.text("utter_welcome")]
    release.set()
    await asyncio.sleep(0)
    assert texts(await stack.rest("next")) == ["echo slow", "echo next"]


async def test_engine_that_is_away_is_told_and_answers_later(make: Callable[..., Any], rasa: Any) -> None:
    stack = await make(rest_answer_within_s=0.5)
    await rasa.kill()
    assert texts(await stack.rest("hello")) == [stack.text("utter_welcome"), stack.text("utter_engine_unavailable")]
    assert texts(await stack.rest("still there?")) == [stack.text("utter_engine_unavailable")]
    await rasa.start()
    assert texts(await stack.rest("and?"))[-3:] == ["echo hello", "echo still there?", "echo and?"]


async def test_stopping_leaves_no_request_without_a_word(stack: Stack) -> None:
    await stack.rest("hello")
    hold = asyncio.Event()

    async def hangs(_text: str) -> list[dict[str, Any]]:
        await hold.wait()
        return []

    stack.rasa.behave = hangs
    waiting = asyncio.create_task(stack.rest("are you there?"))
    await eventually(lambda: len(stack.rasa.turns) == 2)
    await stack.stop()
    assert texts(await waiting) == [stack.text("utter_engine_unavailable")]
    hold.set()


async def test_news_comes_before_the_answer(stack: Stack) -> None:
    await stack.rest("hello")
    stack.notify("request_approved")
    assert texts(await stack.rest("any news?")) == ["News: request_approved", "echo any news?"]
    assert texts(await stack.rest("more?")) == ["echo more?"]


async def test_health_of_the_channel(stack: Stack) -> None:
    assert (await stack.http.get("/webhooks/rest/")).json() == {"status": "ok"}
