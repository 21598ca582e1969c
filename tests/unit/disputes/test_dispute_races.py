"""Two sides, the platform and the timer at the same moment: one wins, the others are told, and the money moves once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from recourse.core.errors import RecourseError
from recourse.returns import service as returns
from tests.unit.disputes.cases import DAY, SECOND, Court
from tests.unit.world import BUYER


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call gave, a RecourseError included; all of them start together. Any other error fails the test."""
    start = threading.Barrier(len(calls))
    found: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        start.wait()
        try:
            found[index] = calls[index]()
        except RecourseError as error:
            found[index] = error
        except BaseException as error:
            found[index] = error
            raise

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "two writers wait for each other"
    broken = [each for each in found if isinstance(each, BaseException) and not isinstance(each, RecourseError)]
    assert not broken, broken
    return found


def won(found: Sequence[Any]) -> int:
    return len([each for each in found if each is not None and not isinstance(each, RecourseError)])


def test_one_of_two_sides_wins_before_the_deadline(court: Court):
    for _ in range(4):
        number = court.order()
        opened = court.open(number)
        found = at_once(
            [
                lambda opened=opened: court.seller("accepts", opened),
                lambda opened=opened: court.buyer("withdraw", opened),
                lambda opened=opened: court.seller("rejects", opened, "No"),
                lambda opened=opened: court.settle(opened),
            ]
        )
        # after a rejection the others may still act: it only begins the negotiation
        state = court.see(opened).state
        assert state in ("resolved", "withdrawn", "negotiating")
        assert won(found) >= 1
        assert len(court.refunds(number)) == (state == "resolved")


def test_only_the_timer_wins_from_the_deadline_on(court: Court):
    number = court.order()
    opened = court.open(number)
    court.world.now = opened.respond_by
    found = at_once(
        [
            lambda: court.seller("accepts", opened),
            lambda: court.settle(opened),
            lambda: court.settle(opened),
            lambda: court.buyer("withdraw", opened),
        ]
    )
    done = court.see(opened)
    assert (done.decided_by, won(found)) == ("system_timeout", 1)
    assert [each.legs_total.amount_minor for each in court.refunds(number)] == [1000]


def test_the_same_key_at_once_opens_one(court: Court):
    number = court.order()
    found = at_once([lambda: court.open(number, key="k")] * 4)
    assert len({each.id for each in found}) == 1


def test_different_keys_at_once_open_one(court: Court):
    number = court.order()
    found = at_once([lambda: court.open(number)] * 4)
    assert won(found) == 1


def test_one_key_for_two_orders_at_once_opens_one(court: Court):
    first, second = court.order(), court.order()
    found = at_once([lambda: court.open(first, key="k"), lambda: court.open(second, key="k")])
    assert won(found) == 1


def test_a_dispute_and_a_return_of_one_line_at_once_are_one(court: Court):
    number = court.order()
    line = court.world.see(number).lines[0].id

    def give_back():
        with court.world.transaction() as session:
            return returns.request_return(session, BUYER, number, {line: 1}, "damaged", None, "k", court.world.now)

    found = at_once([give_back, lambda: court.open(number)])
    assert won(found) == 1


def test_receipt_objection_and_timer_at_once(court: Court):
    number = court.order()
    sent = court.in_state("return_in_transit", number)
    court.scanned()
    court.world.now += 5 * DAY - SECOND
    found = at_once(
        [
            lambda: court.seller("received", sent),
            lambda: court.seller("contests", sent, "An empty box"),
            lambda: court.settle(sent),
        ]
    )
    assert won(found) == 1
    assert len(court.refunds(number)) == (court.see(sent).state == "resolved")


def test_two_verdicts_at_once_are_one(court: Court):
    number = court.order()
    review = court.in_state("platform_review", number)
    found = at_once([lambda: court.decide(review, "full"), lambda: court.decide(review, "partial", 5)])
    assert won(found) == 1
    assert len(court.refunds(number)) == 1


def test_messages_at_once_are_all_kept_in_some_order(court: Court):
    opened = court.open(court.order())
    at_once([lambda i=i: court.buyer("add_message", opened, f"message {i}") for i in range(3)])
    assert [each.seq for each in court.see(opened).events] == [1, 2, 3, 4]
