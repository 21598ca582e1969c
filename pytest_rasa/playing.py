"""Plays one case: what people do, and after each step what the test expects of it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeGuard

from pytest_rasa import checking, rows
from pytest_rasa.format import Case, RowExpectation, Step
from pytest_rasa.transcript import Transcript, state
from pytest_rasa.words import Responses
from pytest_rasa.world import Line, Message, Reply, Stage, Turn, WorldError

PUSHED_WITHIN_S = 60.0
_LOOK_S = 5.0


_CANNOT_BE_CHECKED = (re.error, ValueError, OverflowError, TypeError)
"""What a broken expression, a moment that does not exist or a sum over texts end in."""


class CaseFailed(Exception):
    """A step that did not go as expected. ``str(error)``: the chat so far, the line in the file, what differs, and what the engine
    knew then."""

    def __init__(self, transcript: Transcript, line: int, step: str, problem: str, turn: Turn | None) -> None:
        pointer = "\n".join(f"  > {text}" for text in problem.splitlines())
        known = f"\n\nat that point\n{state(turn)}" if turn is not None else ""
        super().__init__(f"{transcript}\n\nline {line}, {step}\n{pointer}{known}")
        self.line = line
        self.problem = problem


@dataclass(slots=True)
class Played:
    """What came of a case so far. ``turns``: seconds that each message took to be answered."""

    transcript: Transcript = field(default_factory=Transcript)
    turns: list[float] = field(default_factory=list)


def play(case: Case, stage: Stage, responses: Responses, played: Played) -> None:
    """Run the case on ``stage`` and note in ``played`` what happens. Raises CaseFailed."""
    player = _Player(stage, responses, played)
    for position, step in enumerate(case.steps):
        try:
            player.count_before(case.steps[position:])
            problem = player.do(step)
        except WorldError as error:
            problem = str(error)
        except _CANNOT_BE_CHECKED as error:
            problem = f"this cannot be checked ({type(error).__name__}: {error})"
        if problem:
            raise CaseFailed(played.transcript, step.line, player.described(step), problem, player.known())


class _Player:
    """A case under way: who speaks, over which lines, and what was answered."""

    def __init__(self, stage: Stage, responses: Responses, played: Played) -> None:
        self._stage, self._responses, self._played = stage, responses, played
        self._transcript = played.transcript
        self._speaker = stage.speakers[0]
        self._replies: dict[str, list[Reply]] = {name: [Reply()] for name in stage.speakers}
        self._remembered: dict[str, Reply] = {}
        self._before: dict[int, int] = {}

    def do(self, step: Step) -> str | None:
        """Carry out one step; answers with the problem, if there is one."""
        match step.verb:
            case "user" if isinstance(step.value, list):
                return self._say_all([self._stage.fill(one) for one in step.value], step)
            case "user":
                return self._say(self._stage.fill(step.value), step)
            case "press" | "press_old":
                return self._press(self._stage.fill(step.value), step)
            case "as":
                self._speaker = step.value
            case "clock":
                self._pass_time(step.value)
            case "faults":
                self._break(step)
            case "expect_pushed":
                return self._expect_pushed([self._stage.fill(one) for one in step.value])
            case verb if verb in step.own:
                self._transcript.happened(self._stage.do(verb, step.value, self._speaker))
            case _:
                return self._expect(step)
        return None

    def count_before(self, steps: Sequence[Step]) -> None:
        """Before something happens: count the rows that are compared with now afterwards."""
        if not steps[0].happens:
            return
        self._before = {}
        for step in steps[1:]:
            if step.happens:
                return
            for expected in step.database or ():
                if expected.added is not None:
                    self._before[id(expected)] = rows.count(expected, self._stage, self._speaker)

    def known(self) -> Turn | None:
        """What the engine knows now, where it can still be asked."""
        try:
            return self._stage.turn(self._speaker)
        except WorldError:
            return None

    def described(self, step: Step) -> str:
        """The step as the file has it, in one line."""
        value = step.model_dump(exclude_unset=True, by_alias=True)[step.verb]
        return f"{step.verb}: {', '.join(value) if _are_texts(value) else value}"

    @property
    def _reply(self) -> Reply:
        return self._replies[self._speaker][-1]

    @property
    def _line(self) -> Line:
        return self._stage.line(self._speaker)

    def _say(self, text: str, step: Step) -> str | None:
        often = "" if step.times == 1 else f"   ({step.times} times at once)"
        self._transcript.said(self._who(), text + often, step.value + often)
        line, started = self._line, time.perf_counter()
        return self._heard(line.say(text, step.times), started, step)

    def _say_all(self, texts: Sequence[str], step: Step) -> str | None:
        for text, as_written in zip(texts, step.value, strict=True):
            self._transcript.said(self._who(), text, as_written)
        line, started = self._line, time.perf_counter()
        return self._heard(line.say_all(texts), started, step)

    def _press(self, title: str, step: Step) -> str | None:
        replies = self._replies[self._speaker]
        found = checking.find_button(replies[-1:] if step.verb == "press" else replies[:-1], title)
        if found is None:
            there = ", ".join(button.title for button in self._reply.buttons) or "none"
            return f"there is no button {title!r} to press; there are: {there}"
        message, button = found
        self._transcript.said(self._who(), f"[{button.title}]")
        if button.action:
            self._note_pressed(message, button.action)
        line, started = self._line, time.perf_counter()
        return self._heard(line.press(button, step.times), started, step)

    def _heard(self, reply: Reply, started: float, step: Step) -> str | None:
        self._played.turns.append(time.perf_counter() - started)
        self._replies[self._speaker].append(reply)
        self._got(reply)
        if not step.assertions:
            return None
        turn = self._stage.turn(self._speaker)
        if step.assertion_order_enabled:
            return checking.in_order(step.assertions, reply, turn, self._responses)
        problems = (checking.assertion(wanted, reply, turn, self._responses) for wanted in step.assertions)
        return next((problem for problem in problems if problem), None)

    def _got(self, reply: Reply) -> None:
        self._transcript.replied(reply)
        for button in reply.buttons:
            if button.action:
                self._stage.exercised.add("button_shown", button.action)

    def _note_pressed(self, message: Message, action: str) -> None:
        self._stage.exercised.add("button", action)
        for name in self._responses.recognised(message.text):
            self._stage.exercised.add("button", f"{name}: {action}")

    def _expect_pushed(self, wanted: Sequence[str]) -> str | None:
        """Let messages come by themselves until all that is wanted is there; they count as part of the reply."""
        deadline = time.monotonic() + PUSHED_WITHIN_S
        while problem := checking.pushed(self._reply, wanted, self._responses):
            more = self._line.pushed(max(0.0, min(_LOOK_S, deadline - time.monotonic())))
            self._got(more)
            self._replies[self._speaker][-1] = self._reply + more
            if not more.messages and time.monotonic() > deadline:
                return problem
        return None

    def _pass_time(self, text: str) -> None:
        self._stage.advance(rows.span(text) if text[0] in "+-" else datetime.fromisoformat(text))
        self._transcript.happened(f"time passes: {text}")

    def _break(self, step: Step) -> None:
        for name in step.value.model_fields_set:
            value = str(getattr(step.value, name))
            self._transcript.happened(f"{name}: {value}")
            if name == "connection":
                self._line.reconnect()
            else:
                self._stage.fault(name, value)

    def _expect(self, step: Step) -> str | None:
        reply, fill, value = self._reply, self._stage.fill, step.value
        match step.verb:
            case "bot":
                return checking.bot(reply, fill(value))
            case "utter":
                return checking.utter(reply, value, self._responses)
            case "bot_contains":
                return checking.contains(reply, [fill(piece) for piece in value])
            case "bot_did_not_utter":
                return checking.did_not_utter(reply, [fill(piece) for piece in value], self._responses)
            case "buttons":
                return checking.buttons(reply, [fill(title) for title in value])
            case "remember":
                self._remembered[value] = reply
            case "same_as":
                if value not in self._remembered:
                    return f"nothing is remembered as {value!r}"
                return checking.same(reply, self._remembered[value])
            case "database":
                return self._rows(value)
            case "slot_was_set" | "slot_was_not_set":
                return self._slots(step)
        return None

    def _rows(self, expectations: Sequence[RowExpectation]) -> str | None:
        for expected in expectations:
            problem = rows.problem(expected, self._stage, self._speaker, self._before.get(id(expected)))
            if problem:
                return problem
        return None

    def _slots(self, step: Step) -> str | None:
        wanted = [
            slot.model_copy(update={"value": self._stage.fill(slot.value)}) if isinstance(slot.value, str) else slot
            for slot in step.value
        ]
        check = checking.slots_set if step.verb == "slot_was_set" else checking.slots_not_set
        return check(wanted, self._stage.turn(self._speaker).slots)

    def _who(self) -> str:
        return "buyer" if len(self._stage.speakers) == 1 else self._speaker[:10]


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
