"""What a seller asks before deciding a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from recourse.cancellations import service as cancellations
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.messages import asks
from recourse.messages import service as messages
from recourse.messages.asks import ActionView
from tests.unit.world import BUYER, OTHER, World

SECOND = timedelta(seconds=1)
FORM = "https://forms.example.com/return"
Notices = Callable[[], list[dict[str, Any]]]


def ask(
    world: World,
    request_id: str,
    kind: str = "info",
    text: str = "Which one?",
    url: str | None = None,
    seller: str = "acme",
) -> ActionView:
    with world.transaction() as session:
        return asks.ask(session, seller, request_id, kind, text, url, world.now)


def answer(world: World, action_id: str, words: str | None = "The blue one", buyer: str = BUYER) -> ActionView:
    with world.transaction() as session:
        return asks.answer_action(session, buyer, action_id, words, world.now)


def state(world: World, action_id: str) -> str:
    with world.reading() as session:
        return asks.get(session, action_id).state


def end(world: World, request_id: str, number: str, how: str) -> None:
    if how == "approved":
        world.approve(request_id)
    elif how == "rejected":
        world.reject(request_id)
    elif how == "shipped":
        world.ship(number)
    elif how == "withdrawn":
        with world.transaction() as session:
            cancellations.withdraw(session, BUYER, request_id, world.now)
    else:
        world.now += timedelta(hours=24)
        world.settle(request_id)


ENDS = ("approved", "rejected", "shipped", "withdrawn", "silence")


def test_a_seller_asks_and_the_buyer_answers(world: World, notices: Notices) -> None:
    number = world.order()
    request_id = world.ask(number)
    asked = ask(world, request_id)
    form = ask(world, request_id, "form", "Please fill this in", FORM)
    assert [each["action_id"] for each in notices() if each["kind"] == "seller_asks"] == [asked.id, form.id] or len(
        notices()
    ) == 2
    with world.reading() as session:
        assert {each.id for each in asks.open_actions(session, world.see(number).id)} == {asked.id, form.id}
        respond_by = cancellations.get(session, request_id).respond_by
    assert form.respond_by == respond_by, "asking moves no deadline"
    done = answer(world, asked.id)
    assert (done.state, done.answer, done.answered_at) == ("done", "The blue one", world.now)
    assert answer(world, form.id, None).answer is None
    with world.reading() as session:
        assert asks.open_actions(session, world.see(number).id) == []
        assert [each.state for each in asks.of_request(session, request_id)] == ["done", "done"]


def test_the_same_answer_twice_is_one_answer(world: World) -> None:
    asked = ask(world, world.ask(world.order()))
    first = answer(world, asked.id)
    world.now += timedelta(hours=30)
    assert answer(world, asked.id) == first
    with pytest.raises(Conflict):
        answer(world, asked.id, "No, the red one")


@pytest.mark.parametrize("words", [None, "", " \0", "x" * 2001])
def test_an_information_needs_words(world: World, words: str | None) -> None:
    asked = ask(world, world.ask(world.order()))
    with pytest.raises(InvalidInput):
        answer(world, asked.id, words)


@pytest.mark.parametrize(
    ("kind", "text", "url"),
    [
        ("poem", "x", None),
        ("info", " ", None),
        ("info", "x" * 1001, None),
        ("form", "x", None),
        ("form", "x", "http://forms.example.com"),
        ("info", "x", "javascript:alert(1)"),
    ],
)
def test_a_wrong_question_is_refused(world: World, kind: str, text: str, url: str | None) -> None:
    request_id = world.ask(world.order())
    with pytest.raises(InvalidInput):
        ask(world, request_id, kind, text, url)


def test_foreign_and_missing_are_the_same(world: World, rival: str) -> None:
    request_id = world.ask(world.order())
    asked = ask(world, request_id)
    said = set()
    for seller, wanted in ((rival, request_id), ("acme", "f" * 32)):
        with pytest.raises(NotFound) as error:
            ask(world, wanted, seller=seller)
        said.add(str(error.value).replace(wanted, "R"))
    for buyer, action in ((OTHER, asked.id), (BUYER, "f" * 32)):
        with pytest.raises(NotFound) as error:
            answer(world, action, buyer=buyer)
        said.add(str(error.value).replace(action, "A"))
    assert len(said) == 2
    assert state(world, asked.id) == "open"


@pytest.mark.parametrize("how", ENDS)
def test_when_the_request_ends_the_questions_are_void(world: World, how: str) -> None:
    number = world.order()
    request_id = world.ask(number)
    open_, done = ask(world, request_id), ask(world, request_id)
    answer(world, done.id)
    with world.reading() as session:
        assert list(messages.due(session, world.now)) == []
    end(world, request_id, number, how)
    assert (state(world, open_.id), state(world, done.id)) == ("void", "done"), "at once, before any timer has run"
    for act in (lambda: ask(world, request_id), lambda: answer(world, open_.id)):
        with pytest.raises(Conflict):
            act()
    with world.reading() as session:
        assert asks.open_actions(session, world.see(number).id) == []
        assert list(messages.due(session, world.now)) == [open_.id]
    with world.transaction() as session:
        settled = messages.settle(session, open_.id, world.now)
    assert isinstance(settled, ActionView) and settled.state == "void"
    with world.transaction() as session:
        assert messages.settle(session, open_.id, world.now) is None
        assert messages.settle(session, done.id, world.now) is None
        assert messages.settle(session, "f" * 32, world.now) is None
        assert list(messages.due(session, world.now)) == []


@pytest.mark.parametrize(("after", "allowed"), [(-SECOND, True), (timedelta(0), False), (SECOND, False)])
def test_at_the_deadline_there_is_nothing_left_to_ask_or_answer(world: World, after: timedelta, allowed: bool) -> None:
    request_id = world.ask(world.order())
    asked = ask(world, request_id)
    assert asked.respond_by is not None
    world.now = asked.respond_by + after
    results = []
    for act in (lambda: ask(world, request_id), lambda: answer(world, asked.id)):
        try:
            act()
            results.append(True)
        except Conflict:
            results.append(False)
    assert results == [allowed, allowed]


def test_a_seller_cannot_bury_the_buyer_in_questions(world: World) -> None:
    request_id = world.ask(world.order())
    first = [ask(world, request_id) for _ in range(5)]
    with pytest.raises(NotAllowed):
        ask(world, request_id)
    answer(world, first[0].id)
    ask(world, request_id)


def test_a_card_number_in_an_answer_is_never_stored(world: World) -> None:
    asked = ask(world, world.ask(world.order()))
    assert "4111" not in (answer(world, asked.id, "it is 4111111111111111").answer or "")
