"""The buyer's socket, over a real server: replay, order, once-only, buttons, limits, closing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from recourse.conversations import service as conversations
from recourse.core.words import Utterance
from recourse.gateway.hub import Typing
from recourse.gateway.limits import Limits, Rate
from tests.unit.gateway.conftest import Stack
from tests.unit.gateway.servers import Chat, answering, say, session

MENU = say("Which one?", ("First", '/choose{"n": 1}'), ("Second", '/choose{"n": 2}'))


async def test_conversation_begins_with_the_welcome(stack: Stack) -> None:
    chat = await stack.chat()
    [welcome] = chat.events
    assert (welcome["seq"], welcome["author"], welcome["text"]) == (1, "bot", stack.text("utter_welcome"))
    assert welcome["at"].endswith("Z")
    assert [button["title"] for button in welcome["buttons"]]
    assert "/" not in json.dumps(welcome["buttons"])


async def test_message_is_confirmed_shown_and_answered(stack: Stack) -> None:
    chat = await stack.chat()
    await chat.type("hello", cid="c1")
    await chat.hears("echo hello")
    assert chat.of("ok") == [{"t": "ok", "cid": "c1", "seq": 2}]
    own, answer = chat.events[1:]
    assert (own["seq"], own["author"], own["text"], own["cid"]) == (2, "buyer", "hello", "c1")
    assert (answer["seq"], answer["author"]) == (3, "bot")
    await chat.until(lambda: [frame["on"] for frame in chat.of("typing")] == [True, False])
    assert stack.rasa.turns == [(chat.conversation, "hello", 2)]


async def test_several_texts_are_several_messages_and_other_elements_are_left_out(stack: Stack) -> None:
    stack.rasa.behave = answering(say("One."), {"custom": {"other": 1}}, {"image": "x"}, say("Two."))
    chat = await stack.chat()
    await chat.type("hello")
    await chat.hears("Two.")
    assert chat.bot[1:] == ["One.", "Two."]


async def test_same_cid_fifty_times_is_one_turn(stack: Stack) -> None:
    opened = await stack.session()
    chats = [await (await Chat.open(stack.url, opened["token"])).hello() for _ in range(5)]
    stack.chats += chats
    await asyncio.gather(*(chat.type("hello", cid="same") for chat in chats for _ in range(10)))
    for chat in chats:
        await chat.until(lambda chat=chat: len(chat.of("ok")) == 10)
        await chat.hears("echo hello")
        assert {frame["seq"] for frame in chat.of("ok")} == {2}
        assert [event["seq"] for event in chat.events] == [1, 2, 3]
    assert len(stack.rasa.turns) == 1


async def test_quick_messages_are_answered_in_order(stack: Stack) -> None:
    release = asyncio.Event()

    async def slow_first(text: str) -> list[dict[str, Any]]:
        if text == "one":
            await release.wait()
        return [say(f"echo {text}")]

    stack.rasa.behave = slow_first
    chat = await stack.chat()
    await chat.type("one")
    await chat.type("two")
    await chat.until(lambda: len(chat.of("ok")) == 2)
    assert stack.rasa.texts == ["one"]
    release.set()
    await chat.hears("echo two")
    assert [event["text"] for event in chat.events[1:]] == ["one", "two", "echo one", "echo two"]
    assert [event["seq"] for event in chat.events] == [1, 2, 3, 4, 5]


async def test_two_buyers_do_not_wait_for_each_other(stack: Stack) -> None:
    release = asyncio.Event()

    async def slow_one(text: str) -> list[dict[str, Any]]:
        if text == "slow":
            await release.wait()
        return [say(f"echo {text}")]

    stack.rasa.behave = slow_one
    first, second = await stack.chat("b-1"), await stack.chat("b-2")
    await first.type("slow")
    await first.until(lambda: first.of("typing"))
    await second.type("quick")
    await second.hears("echo quick")
    release.set()
    await first.hears("echo slow")


async def test_reconnecting_replays_what_was_missed(stack: Stack) -> None:
    chat = await stack.chat()
    await chat.type("one")
    await chat.hears("echo one")
    await chat.close()
    again = await stack.chat(conversation=chat.conversation, last=2)
    assert [event["seq"] for event in again.events] == [3]
    assert again.bot == ["echo one"]


async def test_a_client_that_is_ahead_of_the_log_gets_all_of_it(stack: Stack) -> None:
    chat = await stack.chat(last=99)
    assert [event["seq"] for event in chat.events] == [1]


async def test_all_tabs_hear_the_same(stack: Stack) -> None:
    first = await stack.chat()
    second = await stack.chat(conversation=first.conversation)
    await second.type("hello")
    await first.hears("echo hello")
    await second.hears("echo hello")
    assert first.events == second.events


async def test_long_log_is_replayed_whole(stack: Stack) -> None:
    stack.rasa.behave = answering(*(say(f"line {n}") for n in range(50)))
    chat = await stack.chat()
    for turn in range(5):
        await chat.type("talk")
        await chat.until(lambda turn=turn: chat.bot.count("line 49") == turn + 1)
    again = await stack.chat(conversation=chat.conversation)
    for one in (chat, again):
        assert [event["seq"] for event in one.events] == list(range(1, 257))


async def test_button_reaches_the_engine_as_its_payload_once(stack: Stack) -> None:
    stack.rasa.behave = answering(MENU)
    chat = await stack.chat()
    await chat.type("choose")
    await chat.hears("Which one?")
    old = chat.events[-1]["buttons"][1]["token"]
    stack.rasa.behave = answering(say("Fine."))
    await chat.press("First")
    await chat.hears("Fine.")
    assert stack.rasa.texts[-1] == '/choose{"n": 1}'
    assert next(event["text"] for event in chat.events if event["seq"] == 4) == "First"
    await chat.send(t="say", cid="late", button=old)
    await chat.hears(stack.text("utter_button_stale"))
    assert len(stack.rasa.turns) == 2
    again = await stack.chat(conversation=chat.conversation)
    assert [event["seq"] for event in again.events if event.get("stale")] == [1, 3]


async def test_stale_button_is_answered_in_its_turn_with_the_choices_that_count(stack: Stack) -> None:
    stack.rasa.behave = answering(MENU)
    chat = await stack.chat()
    welcome = chat.events[0]["buttons"][0]
    await chat.type("choose")
    await chat.hears("Which one?")
    await chat.send(t="say", cid="late", button=welcome["token"])
    await chat.hears(stack.text("utter_button_stale"))
    assert chat.events[-2]["text"] == welcome["title"]
    assert [button["title"] for button in chat.events[-1]["buttons"]] == ["First", "Second"]
    await chat.press("Second")
    await chat.until(lambda: stack.rasa.texts[-1] == '/choose{"n": 2}')


async def test_button_of_another_conversation_is_refused(stack: Stack) -> None:
    mine, other = await stack.chat("b-1"), await stack.chat("b-2")
    await mine.send(t="say", cid="x", button=other.events[0]["buttons"][0]["token"])
    [error] = await mine.until(lambda: mine.of("err"))
    assert (error["code"], error["cid"]) == ("unknown_button", "x")
    assert stack.rasa.turns == []


async def test_typed_payload_reaches_the_engine_as_text(stack: Stack) -> None:
    chat = await stack.chat()
    for number, text in enumerate(
        ("/restart", " /restart", "\u200b/restart", "\uff0frestart", '/cancel_order{"a": 1}')
    ):
        await chat.type(text)
        await chat.until(lambda number=number: len(stack.rasa.turns) == number + 1)
    assert stack.rasa.texts == ["restart"] * 4 + ["?"]


@pytest.mark.parametrize(
    ("frame", "code", "needle"),
    [
        ("not json", "bad_frame", "JSON"),
        ("[]", "bad_frame", "understood"),
        ("[" * 9000, "bad_frame", "understood"),
        ('{"t":"dance"}', "bad_frame", "dance"),
        ('{"t":"say","cid":"x"}', "bad_frame", "either text or button"),
        ('{"t":"say","cid":"x","text":"a","button":"b"}', "bad_frame", "either text or button"),
        ('{"t":"say","cid":"","text":"a"}', "bad_frame", "cid"),
        ('{"t":"say","cid":"x y","text":"a"}', "bad_frame", "cid"),
        ('{"t":"say","cid":7,"text":"a"}', "bad_frame", "cid"),
        ('{"t":"say","text":"a"}', "bad_frame", "cid"),
        ('{"t":"say","cid":"x","text":{"a":1}}', "bad_frame", "text"),
        ('{"t":"say","cid":"x","text":"  "}', "empty_text", "at least one character"),
        ('{"t":"say","cid":"x","text":"' + "a" * 2001 + '"}', "too_long", "2000"),
        ('{"t":"say","cid":"x","button":"nonsense"}', "unknown_button", "latest choices"),
        ('{"t":"read","seq":-1}', "bad_frame", "seq"),
        ('{"t":"hello","last":0}', "bad_frame", "hello"),
        (b"\x00\x01", "bad_frame", "binary"),
    ],
)
async def test_bad_frame_is_answered_and_the_socket_lives_on(
    stack: Stack, frame: str | bytes, code: str, needle: str
) -> None:
    chat = await stack.chat()
    await chat.socket.send(frame)
    [error] = await chat.until(lambda: chat.of("err"))
    assert error["code"] == code
    assert needle in error["message"]
    await chat.type("still here?")
    await chat.hears("echo still here?")


async def test_lone_surrogates_do_no_harm(stack: Stack) -> None:
    chat = await stack.chat()
    await chat.socket.send('{"t":"say","cid":"x","text":"a\\ud800b"}')
    await chat.until(lambda: chat.of("err") or chat.bot[1:])
    await chat.type("still here?")
    await chat.hears("echo still here?")


async def test_hello_comes_first(stack: Stack) -> None:
    opened = await stack.session()
    chat = await Chat.open(stack.url, opened["token"])
    stack.chats.append(chat)
    await chat.type("hi", cid="early")
    [error] = await chat.until(lambda: chat.of("err"))
    assert (error["code"], error["cid"]) == ("hello_first", "early")
    assert chat.events == []


async def test_oversized_frame_closes_the_socket(stack: Stack) -> None:
    chat = await stack.chat()
    await chat.socket.send(json.dumps({"t": "say", "cid": "x", "text": "a" * 20_000}))
    assert await chat.closed() == 1009


async def test_too_many_messages_close_with_slow_down(make: Callable[..., Any]) -> None:
    stack = await make(limits=Limits(messages=Rate(3, 0.01)))
    chat = await stack.chat()
    for number in range(4):
        await chat.type(str(number))
    assert await chat.closed() == 4429
    assert len(chat.of("ok")) == 3


async def test_too_many_frames_close_with_slow_down(make: Callable[..., Any]) -> None:
    stack = await make(limits=Limits(frames=Rate(10, 0.01)))
    chat = await stack.chat()
    for _ in range(10):
        await chat.send(t="ping")
    assert await chat.closed() == 4429


async def test_too_many_sockets_from_one_address(make: Callable[..., Any]) -> None:
    stack = await make(limits=Limits(requests=Rate(2, 0.01)))
    opened = await stack.session()
    first = await Chat.open(stack.url, opened["token"])
    second = await Chat.open(stack.url, opened["token"])
    stack.chats += [first, second]
    assert await second.closed() == 4429


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_wrong_origin_is_refused_before_accept(stack: Stack, origin: str) -> None:
    opened = await stack.session()
    with pytest.raises(InvalidStatus) as refused:
        await Chat.open(stack.url, opened["token"], origin=origin)
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"{}")["error"]["code"] == "origin_not_allowed"


async def test_shop_page_on_the_list_is_let_in(make: Callable[..., Any]) -> None:
    stack = await make(settings={"allowed_origins": ("https://shop.example/",)})
    opened = await stack.session()
    chat = await Chat.open(stack.url, opened["token"], origin="https://shop.example")
    stack.chats.append(chat)
    await chat.hello()


async def test_bad_token_is_closed_with_sign_in(stack: Stack) -> None:
    for token in ("nonsense", stack.token(), (await stack.session())["token"][:-4] + "AAAA"):
        assert await (await Chat.open(stack.url, token)).closed() == 4401


async def test_session_ends_with_the_token_of_the_shop(stack: Stack) -> None:
    response = await session(stack.http, stack.token(ttl=timedelta(seconds=2)))
    chat = await Chat.open(stack.url, response.json()["token"])
    assert await chat.closed() == 4401


async def test_slow_reader_is_told_to_come_back(stack: Stack) -> None:
    """A socket that is not read overflows its queue; nobody else is held up, and nothing is lost."""
    chat = await stack.chat()
    [subscription] = stack.gateway.hub.subscriptions()
    for _ in range(200):
        subscription.tell(Typing(True))
    assert await chat.closed() == 1013


async def test_messages_of_another_process_reach_the_socket(stack: Stack) -> None:
    chat = await stack.chat()
    await stack.gateway.store.write(
        lambda s: conversations.say(s, chat.conversation, [Utterance("From elsewhere.")], stack.gateway.now())
    )
    await chat.hears("From elsewhere.")


async def test_stopping_closes_with_restart_and_keeps_the_message(stack: Stack) -> None:
    hold = asyncio.Event()

    async def never(text: str) -> list[dict[str, Any]]:
        await hold.wait()
        return [say(f"echo {text}")]

    stack.rasa.behave = never
    chat = await stack.chat()
    await chat.type("hello")
    await chat.until(lambda: stack.rasa.turns)
    started = asyncio.get_running_loop().time()
    await stack.stop()
    assert await chat.closed() == 1012
    assert asyncio.get_running_loop().time() - started < 3
    hold.set()
