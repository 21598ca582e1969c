"""A case from its opening to its end: who may move it, one owner, and the timer."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import log_of
from recourse.handoff import rules
from recourse.handoff import service as handoff
from recourse.handoff.models import Handoff
from recourse.overview import service as overview
from recourse.refunds import legs
from recourse.refunds.rules import SAME_INSTRUMENT_TRIES
from tests.unit.handoff.conftest import AGENT, Desk
from tests.unit.world import BUYER, OTHER


def test_a_case_is_a_ticket_unless_somebody_is_there(desk: Desk) -> None:
    case = desk.open()
    assert (case.state, case.priority, case.timer_at) == ("ticket", "normal", None)
    assert desk.talker() == "bot"
    with desk.world.reading() as session:
        assert [(row.to_state, row.actor_type) for row in log_of(session, case.id)] == [("ticket", "system")]


def test_a_second_ask_gives_the_same_case(desk: Desk) -> None:
    first, second = desk.open(wants="one"), desk.open(wants="two")
    assert second == first
    assert second.payload["wants"] == "one"


def test_after_the_end_a_new_case_may_begin(desk: Desk) -> None:
    first = desk.open()
    with desk.world.transaction() as session:
        handoff.resolve(session, first.case_no, AGENT, "answered by mail", desk.world.now)
    assert desk.open().case_no != first.case_no


@pytest.mark.parametrize("change", [{"reason": "bored"}, {"priority": "urgent"}])
def test_codes_must_exist(desk: Desk, change: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="reason of"):
        desk.open(**change)


def test_from_the_queue_to_a_person_to_the_end(desk: Desk) -> None:
    case = desk.open(in_chat=True)
    assert (case.state, desk.talker()) == ("queued", "queued")
    assert desk.take(case.case_no).agent_id == AGENT
    assert desk.talker() == "human"
    with desk.world.transaction() as session:
        done = handoff.resolve(session, case.case_no, AGENT, "refund sent again", desk.world.now)
    assert (done.state, done.closed_at, done.timer_at) == ("resolved", desk.world.now, None)
    assert desk.talker() == "bot"
    with desk.world.reading() as session:
        moves = [(row.to_state, row.actor_type, row.actor_id) for row in log_of(session, case.id)]
    assert moves == [("queued", "buyer", BUYER), ("active", "agent", AGENT), ("resolved", "agent", AGENT)]


def test_a_case_has_one_owner(desk: Desk) -> None:
    case = desk.open()
    desk.take(case.case_no)
    assert desk.take(case.case_no).state == "active"
    with pytest.raises(Conflict, match=AGENT):
        desk.take(case.case_no, "agent-8")
    with desk.world.transaction() as session:
        with pytest.raises(NotAllowed, match="only they"):
            handoff.resolve(session, case.case_no, "agent-8", "mine now", desk.world.now)
        with pytest.raises(NotAllowed, match="only they"):
            handoff.transfer(session, case.case_no, "agent-8", "mine now", desk.world.now)


def test_a_person_passes_the_case_on(desk: Desk) -> None:
    case = desk.open()
    desk.take(case.case_no)
    with desk.world.transaction() as session:
        passed = handoff.transfer(session, case.case_no, AGENT, "speaks French", desk.world.now)
    assert (passed.state, passed.agent_id, desk.talker()) == ("queued", None, "queued")
    assert desk.take(case.case_no, "agent-8").agent_id == "agent-8"


def test_the_buyer_leaves_the_queue(desk: Desk) -> None:
    case = desk.open(in_chat=True)
    for _ in range(2):
        with desk.world.transaction() as session:
            assert handoff.abandon(session, BUYER, case.case_no, desk.world.now).state == "abandoned"
    assert desk.talker() == "bot"
    with desk.world.reading() as session:
        assert len(log_of(session, case.id)) == 2


def test_only_who_waits_can_leave(desk: Desk) -> None:
    case = desk.open()
    with desk.world.transaction() as session, pytest.raises(NotAllowed):
        handoff.abandon(session, BUYER, case.case_no, desk.world.now)


def test_somebody_elses_case_is_a_missing_one(desk: Desk) -> None:
    case = desk.open(in_chat=True)
    with desk.world.transaction() as session:
        with pytest.raises(NotFound, match=f"no case {case.case_no}"):
            handoff.abandon(session, OTHER, case.case_no, desk.world.now)
        with pytest.raises(NotFound, match="no case C-NONE"):
            handoff.abandon(session, OTHER, "C-NONE", desk.world.now)


def test_a_desk_that_is_down_makes_tickets(desk: Desk) -> None:
    case = desk.open(in_chat=True)
    with desk.world.transaction() as session:
        assert handoff.desk_down(session, case.case_no, desk.world.now).state == "ticket"
    assert desk.talker() == "bot"
    with desk.world.transaction() as session, pytest.raises(NotAllowed):
        handoff.desk_down(session, case.case_no, desk.world.now)


@pytest.mark.parametrize(("seconds", "state"), [(-1, "queued"), (0, "ticket"), (1, "ticket")])
def test_the_longest_wait(desk: Desk, seconds: int, state: str) -> None:
    case = desk.open(in_chat=True)
    desk.later(seconds=rules.QUEUE_WAIT.total_seconds() + seconds)
    assert (case.id in desk.due()) == (state == "ticket")
    desk.settle(case)
    assert desk.see(case.case_no).state == state
    assert desk.settle(case) is None


@pytest.mark.parametrize(("seconds", "state"), [(-1, "active"), (0, "ticket"), (1, "ticket")])
def test_a_silent_buyer(desk: Desk, seconds: int, state: str) -> None:
    case = desk.open()
    desk.take(case.case_no)
    desk.later(seconds=rules.BUYER_SILENT.total_seconds() + seconds)
    desk.settle(case)
    assert desk.see(case.case_no).state == state


def test_a_buyer_who_wrote_is_not_silent(desk: Desk) -> None:
    case = desk.open()
    desk.take(case.case_no)
    desk.later(hours=10)
    desk.say("still there?", "c-1")
    desk.later(hours=14)
    assert desk.due() == [case.id]
    assert desk.settle(case) is None
    assert desk.due() == []
    desk.later(hours=10)
    settled = desk.settle(case)
    assert settled is not None
    assert settled.state == "ticket"


def test_urgent_ones_come_first(desk: Desk) -> None:
    normal = desk.open()
    desk.conversation = desk.talk()
    high = desk.open(priority="high", sentiment="angry")
    with desk.world.reading() as session:
        assert [each.case_no for each in handoff.waiting(session)] == [high.case_no, normal.case_no]
        opened = handoff.open_of(session, desk.conversation)
        assert opened is not None
        assert opened.case_no == high.case_no


def test_asked_for_twice_at_once_makes_one_case(desk: Desk) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        found.append(desk.open().case_no)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    with desk.world.reading() as session:
        assert len(session.scalars(select(Handoff)).all()) == 1


def test_every_state_can_be_reached_and_left() -> None:
    ends = {to for _, to in rules.HANDOFF_MACHINE} - {start for start, _ in rules.HANDOFF_MACHINE}
    assert ends == {"resolved", "abandoned"}


def test_money_that_the_bank_sends_back_again_and_again_is_missing(desk: Desk) -> None:
    world = desk.world
    number = world.order("to_ship")
    request = world.submit(world.quote(number)).request
    assert request is not None
    world.approve(request.id)
    for tries in range(SAME_INSTRUMENT_TRIES):
        (leg,) = world.refunds(number)[0].legs
        with world.transaction() as session:
            assert handoff.reason_for(overview.case(session, BUYER, number, world.now)) == "user_asked", tries
            legs.start_sending(session, leg.id, world.now)
            for event in ("succeeded", "reversed"):
                legs.record_result(session, event, world.now, world.now, leg_id=leg.id)
    with world.reading() as session:
        assert handoff.reason_for(overview.case(session, BUYER, number, world.now)) == "refund_missing"
