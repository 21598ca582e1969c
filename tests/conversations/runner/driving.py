"""Plays one case: what people do, and after each step what the test expects of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select

from recourse.cancellations import service as cancellations
from recourse.cancellations.models import CancellationRequest
from recourse.core.db import reading, transaction
from recourse.core.errors import RecourseError
from recourse.core.transitions import Actor
from recourse.fulfilment import service as fulfilment
from runner import checking, rows
from runner.channels import Channel, ChannelError, Rest, Socket
from runner.engine_log import EngineLog
from runner.format import BuyerFixture, Case, Step
from runner.people import Cast, FixtureError, Person, enter
from runner.stack import Stack, StackError
from runner.transcript import Reply, Transcript

_ARRIVES_WITHIN_S = 120.0
_MOST_DUE = 100_000
_OUR_MISTAKES = (
    ChannelError, StackError, FixtureError, RecourseError, rows.RowsError, checking.UnknownResponse,
)  # fmt: skip


class CaseFailed(Exception):
    """A step that did not go as expected. ``str(error)``: the chat so far, the line in the file, and what differs."""

    def __init__(self, transcript: Transcript, line: int, problem: str) -> None:
        pointer = "\n".join(f"  > {text}" for text in problem.splitlines())
        super().__init__(f"{transcript}\n\nline {line}:\n{pointer}")
        self.line = line


def play(case: Case, fixtures: Mapping[str, BuyerFixture], stack: Stack) -> None:
    """Run the case on the stack with buyers and orders of its own. Raises CaseFailed."""
    transcript = Transcript()
    try:
        cast = enter(stack.engine, {name: fixtures[name] for name in case.fixtures})
    except FixtureError as error:
        raise CaseFailed(transcript, case.line, str(error)) from error
    play_ = _Play(case, stack, cast, transcript)
    try:
        for step in case.steps:
            try:
                problem = play_.do(step)
            except _OUR_MISTAKES as error:
                problem = f"{type(error).__name__}: {error}"
            if problem:
                raise CaseFailed(transcript, step.line, problem)
    finally:
        play_.end()


class _Play:
    """A case under way: who speaks, over which lines, and what was answered."""

    def __init__(self, case: Case, stack: Stack, cast: Cast, transcript: Transcript) -> None:
        self._case = case
        self._stack = stack
        self._cast = cast
        self._transcript = transcript
        self._speaker: Person = cast.people[case.fixtures[0]]
        self._sender = case.sender or f"test-{secrets.token_hex(4)}"
        self._channels: dict[str, Channel] = {}
        self._replies: dict[str, list[Reply]] = {name: [Reply()] for name in cast.people}
        self._remembered: dict[str, Reply] = {}

    def do(self, step: Step) -> str | None:
        """Carry out one step; answers with the problem, if there is one."""
        match step.verb:
            case "user":
                return self._say(self._cast.filled(step.value), step)
            case "press" | "press_old":
                return self._press(self._cast.filled(step.value), step)
            case "as":
                self._speaker = self._cast.people[step.value]
            case "seller":
                self._seller(step)
            case "sweep":
                self._sweep(step.value)
            case "kill":
                self._transcript.happened(f"{step.value} is killed")
                self._stack.kill(step.value)
            case "restart":
                self._transcript.happened(f"{step.value} is killed and comes back")
                self._stack.restart(step.value)
            case "wait_for":
                return self._wait_for(step.value)
            case _:
                return self._expect(step)
        return None

    def end(self) -> None:
        """Hang up."""
        for channel in self._channels.values():
            channel.close()

    @property
    def _reply(self) -> Reply:
        return self._replies[self._speaker.name][-1]

    def _line(self) -> Channel:
        name = self._speaker.name
        if name not in self._channels:
            kind = Rest if self._case.channel == "rest" else Socket
            self._channels[name] = kind(self._stack.url, self._speaker, self._sender)
        return self._channels[name]

    def _say(self, text: str, step: Step) -> str | None:
        self._transcript.said(self._who(), text if step.times == 1 else f"{text}   ({step.times} times at once)")
        return self._heard(self._line().say(text, step.times), step)

    def _press(self, title: str, step: Step) -> str | None:
        replies = self._replies[self._speaker.name]
        button = checking.find_button(replies[-1:] if step.verb == "press" else replies[:-1], title)
        if button is None:
            there = ", ".join(button.title for button in self._reply.buttons) or "none"
            return f"there is no button {title!r} to press; there are: {there}"
        self._transcript.said(self._who(), f"[{button.title}]")
        return self._heard(self._line().press(button.payload, step.times), step)

    def _heard(self, reply: Reply, step: Step) -> str | None:
        self._replies[self._speaker.name].append(reply)
        self._transcript.replied(reply)
        if not step.assertions:
            return None
        log = self._engine_log()
        slots, actions = log.slots(), log.actions()
        problems = (checking.assertion(wanted, reply, slots, actions) for wanted in step.assertions)
        return next((problem for problem in problems if problem), None)

    def _wait_for(self, wanted: str) -> str | None:
        """Let messages come by themselves until the reply has ``wanted``; they count as part of the reply."""
        deadline = time.monotonic() + _ARRIVES_WITHIN_S
        check = checking.utter if wanted.startswith("utter_") else checking.contains
        while problem := check(self._reply, [self._cast.filled(wanted)]):
            if time.monotonic() > deadline:
                return problem
            more = self._line().more(deadline - time.monotonic())
            self._transcript.replied(more)
            self._replies[self._speaker.name][-1] = Reply((*self._reply.messages, *more.messages))
        return None

    def _seller(self, step: Step) -> None:
        number = self._cast.orders[self._order_of(step)]
        now, actor = datetime.now(UTC), Actor("seller", "conversation-test")
        self._transcript.happened(f"the seller: {step.value} {number}")
        with transaction(self._stack.engine) as session:
            if step.value == "ship":
                tracking = step.tracking or "PX123456789"
                fulfilment.seller_ships(session, number, "Parcel Express", tracking, now, actor)
                return
            request = self._open_request(number)
            if step.value == "approve":
                cancellations.seller_approves(session, request, now, actor)
            else:
                reason = step.reason or "The order is already packed"
                shipped_at = now if step.tracking else None
                cancellations.seller_rejects(session, request, reason, step.tracking, now, actor, shipped_at)

    def _order_of(self, step: Step) -> str:
        if step.order is None and len(self._cast.orders) == 1:
            return next(iter(self._cast.orders))
        if step.order not in self._cast.orders:
            raise FixtureError(f"say which `order` the seller decides about: {', '.join(self._cast.orders)}")
        return step.order

    def _open_request(self, number: str) -> str:
        orders = CancellationRequest.metadata.tables["orders"]
        query = (
            select(CancellationRequest.id)
            .join(orders, orders.c.id == CancellationRequest.order_id)
            .where(orders.c.number == number, CancellationRequest.state == "pending_seller")
        )
        with reading(self._stack.engine) as session:
            found = session.scalars(query).first()
        if found is None:
            raise FixtureError(f"order {number} has no open request that the seller could answer")
        return found

    def _sweep(self, after: str) -> None:
        """Settle as the worker would, ``after`` the newest request was made; other buyers' requests are left alone."""
        mine = select(CancellationRequest).where(
            CancellationRequest.customer_id.in_([person.id for person in self._cast.people.values()])
        )
        with reading(self._stack.engine) as session:
            requests = session.scalars(mine.order_by(CancellationRequest.requested_at)).all()
            at = (requests[-1].requested_at if requests else datetime.now(UTC)) + rows.span(after)
            due = set(cancellations.due(session, at, _MOST_DUE)) & {request.id for request in requests}
        self._transcript.happened(f"time passes: {after}")
        for request_id in sorted(due):
            with transaction(self._stack.engine) as session:
                cancellations.settle(session, request_id, at)

    def _expect(self, step: Step) -> str | None:
        reply, fill = self._reply, self._cast.filled
        match step.verb:
            case "bot":
                return checking.bot(reply, fill(step.value))
            case "utter":
                return checking.utter(reply, step.value)
            case "bot_contains":
                return checking.contains(reply, [fill(piece) for piece in step.value])
            case "bot_did_not_utter":
                return checking.did_not_utter(reply, [fill(piece) for piece in step.value])
            case "buttons":
                return checking.buttons(reply, [fill(title) for title in step.value])
            case "remember":
                self._remembered[step.value] = reply
            case "same_as":
                if step.value not in self._remembered:
                    return f"nothing is remembered as {step.value!r}"
                return checking.same(reply, self._remembered[step.value])
            case "database":
                problems = (rows.problem(expected, self._cast, self._speaker) for expected in step.value)
                return next((problem for problem in problems if problem), None)
            case "slot_was_set" | "slot_was_not_set":
                return self._slots(step)
        return None

    def _slots(self, step: Step) -> str | None:
        wanted = [
            slot.model_copy(update={"value": self._cast.filled(slot.value)}) if isinstance(slot.value, str) else slot
            for slot in step.value
        ]
        check = checking.slots_set if step.verb == "slot_was_set" else checking.slots_not_set
        return check(wanted, self._engine_log().slots())

    def _engine_log(self) -> EngineLog:
        return EngineLog(self._stack.layout.rasa_database, self._stack.engine, self._speaker.id)

    def _who(self) -> str:
        return "buyer" if len(self._cast.people) == 1 else self._speaker.name[:10]
