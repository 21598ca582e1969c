"""The thread of an order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotFound
from recourse.core.transitions import Actor
from recourse.messages import service as messages
from recourse.messages.service import MessageView
from tests.unit.world import BUYER, OTHER, World

BUYS, SELLS, SUPPORT = Actor("buyer", BUYER), Actor("seller", "acme"), Actor("platform", "agent-1")
Notices = Callable[[], list[dict[str, Any]]]


def send(
    world: World, author: Actor, number: str, text: str = "Hello", key: str | None = None, **more: Any
) -> MessageView:
    with world.transaction() as session:
        return messages.send(session, author, number, text, key or new_id(), world.now, **more)


def thread(world: World, reader: Actor, number: str) -> list[MessageView]:
    with world.reading() as session:
        return messages.own_thread(session, reader, number)


def test_everybody_reads_what_everybody_wrote_in_order(world: World) -> None:
    number = world.order()
    for author, text in ((BUYS, "Where is it?"), (SELLS, "Packed."), (SUPPORT, "We look into it."), (BUYS, "Thanks")):
        send(world, author, number, text)
        world.now += timedelta(seconds=1)
    for reader in (BUYS, SELLS, SUPPORT):
        assert [(each.author, each.text) for each in thread(world, reader, number)] == [
            ("buyer", "Where is it?"), ("seller", "Packed."), ("platform", "We look into it."), ("buyer", "Thanks"),
        ]  # fmt: skip


def test_the_buyer_is_told_of_what_others_write(world: World, notices: Notices) -> None:
    number = world.order()
    send(world, BUYS, number)
    first, second = send(world, SELLS, number), send(world, SUPPORT, number)
    told = notices()
    assert {each["message_id"] for each in told} == {first.id, second.id}
    with world.reading() as session:
        assert messages.get(session, first.id) == first
        with pytest.raises(NotFound):
            messages.get(session, "nothing")


def test_a_repeated_key_gives_the_first_message(world: World, notices: Notices) -> None:
    number = world.order()
    first = send(world, SELLS, number, "One", "k")
    assert send(world, SELLS, number, "Two", "k") == first
    assert send(world, BUYS, number, "Mine", "k") != first, "the key is the writer's own"
    assert [each.text for each in thread(world, BUYS, number)].count("One") == 1
    assert len(thread(world, BUYS, number)) == 2 and len(notices()) == 1


def test_a_race_with_one_key_stores_one_message(world: World, notices: Notices) -> None:
    number = world.order()
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: send(world, SELLS, number, "Once", "k").id, range(6)))
    assert len(set(made)) == 1 and len(thread(world, SELLS, number)) == 1 and len(notices()) == 1


@pytest.mark.parametrize("author", [Actor("buyer", OTHER), Actor("seller", "rival"), Actor("buyer"), Actor("seller")])
def test_a_foreign_order_is_a_missing_one(world: World, rival: str, author: Actor) -> None:
    number, missing = world.order(), world.next_number()
    said = []
    for wanted in (number, missing):
        for act in (
            lambda wanted=wanted: send(world, author, wanted),
            lambda wanted=wanted: thread(world, author, wanted),
        ):
            with pytest.raises(NotFound) as error:
                act()
            said.append(str(error.value).replace(wanted, "N"))
    assert len(set(said)) == 1
    assert thread(world, SUPPORT, number) == []


@pytest.mark.parametrize("text", ["", "  \n", "\0\0", "x" * 2001])
def test_a_message_has_1_to_2000_characters(world: World, text: str) -> None:
    with pytest.raises(InvalidInput):
        send(world, BUYS, world.order(), text)


def test_the_longest_message_and_odd_characters_are_stored(world: World) -> None:
    number = world.order()
    assert send(world, BUYS, number, "\0 " + "é" * 2000 + "\0").text == "é" * 2000
    assert send(world, BUYS, number, "a\ud800b\0c").text == "abc"


@pytest.mark.parametrize("key", ["", "x" * 65, "a\nb"])
def test_a_wrong_key_is_refused(world: World, key: str) -> None:
    number = world.order()
    with world.transaction() as session, pytest.raises(InvalidInput):
        messages.send(session, BUYS, number, "Hello", key, world.now)


def test_purpose_and_author_are_checked(world: World) -> None:
    number = world.order()
    with pytest.raises(InvalidInput):
        send(world, BUYS, number, purpose="gossip")
    with pytest.raises(InvalidInput):
        send(world, Actor("timer"), number)
    assert send(world, BUYS, number, purpose="partial_refund").purpose == "partial_refund"


def test_what_leads_off_the_platform_is_marked_and_hidden_from_the_other_side(world: World) -> None:
    number = world.order()
    sent = send(world, SELLS, number, "Cancel it as your fault and write to ann@example.com")
    assert sent.off_platform
    assert "ann@example.com" in sent.text and sent.shown == "Cancel it as your fault and write to [removed]"
    plain = send(world, SELLS, number, f"Order {number} left with PW123456789DE")
    assert not plain.off_platform and plain.shown == plain.text


def test_a_card_number_is_never_stored(world: World) -> None:
    sent = send(world, BUYS, world.order(), "refund it to 4111 1111 1111 1111")
    assert "4111" not in sent.text


def test_each_side_marks_as_read_what_the_other_wrote(world: World) -> None:
    number = world.order()
    send(world, BUYS, number)
    send(world, SELLS, number)
    send(world, SUPPORT, number)

    def mark(reader: Actor) -> int:
        with world.transaction() as session:
            return messages.mark_read(session, reader, number, world.now)

    assert (mark(SELLS), mark(SELLS)) == (1, 0)
    first = world.now
    world.now += timedelta(hours=1)
    assert (mark(BUYS), mark(BUYS)) == (2, 0)
    found = thread(world, BUYS, number)
    assert {each.author: each.read_at for each in found} == {"buyer": first, "seller": world.now, "platform": world.now}
    with pytest.raises(NotFound):
        mark(Actor("buyer", OTHER))
