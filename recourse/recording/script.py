"""The steps of a test from what was said: a turn is what the buyer wrote or pressed, and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from recourse.conversations.recording import Entry
from recourse.recording import sheet, steady
from recourse.recording.names import Numbers
from recourse.recording.outside import Event
from recourse.recording.words import Responses

_NEWS = "utter_notice_"
_TROUBLE = ("utter_engine_unavailable", "utter_engine_gave_up", "utter_technical_problem")
"""What is said when something of ours fails; it does not fail again when the test is played."""


@dataclass(slots=True)
class _Block:
    """Something that happens, what came of it, and what is to be said of it."""

    at: datetime
    lines: list[str] = field(default_factory=list)
    answers: list[Entry] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    brings_news: bool = False


class Script:
    """``clean``: takes personal data out of a text. ``sorted_``: whether the orders will be listed in the same order again.
    ``unread``: whether there was news before anything happened."""

    def __init__(self, numbers: Numbers, responses: Responses, clean: Callable[[str], str], sorted_: bool) -> None:
        self._numbers, self._responses, self._clean, self._sorted = numbers, responses, clean, sorted_
        self.unread = False

    def steps(self, entries: Sequence[Entry], events: Sequence[Event]) -> list[str]:
        """Lines of the test's ``steps``, without their indentation."""
        start = _Block(entries[0].at, brings_news=True)
        blocks = [start]
        blocks += [_Block(event.at, event.lines, brings_news=event.is_step) for event in events]
        turn: _Block | None = None
        turns: list[Entry] = []
        for entry in entries:
            name = self._responses.name_of(entry.text)
            if entry.author == "buyer":
                turn = _Block(entry.at, self._said(entry, turns))
                turns.append(entry)
                blocks.append(turn)
            elif entry.author == "agent":
                text = self._numbers.typed(self._clean(entry.text))
                line = f"- agent: {sheet.mapping([('does', 'write'), ('text', text)])}"
                blocks.append(_Block(entry.at, [line], pushed=[steady.piece(text) or text]))
            elif turn is None or (name or "").startswith(_NEWS):
                blocks.append(_Block(entry.at, pushed=[name or steady.piece(entry.text) or entry.text]))
            else:
                turn.answers.append(entry)
        ordered = _with_news(blocks)
        self.unread = any(name.startswith(_NEWS) for name in start.pushed)
        return [line for block in ordered for line in self._written(block)]

    def _said(self, entry: Entry, turns: Sequence[Entry]) -> list[str]:
        """A press looks for its button in the reply that it follows, ``press_old`` in those before."""
        late = [] if entry.answered else [sheet.comment("this had no answer yet when it was recorded")]
        if entry.pressed is None:
            return [*late, *sheet.step("user", self._numbers.typed(self._clean(entry.text)))]
        verb = "press" if not turns or entry.pressed.seq > turns[-1].seq else "press_old"
        return [*late, *sheet.step(verb, self._title(entry.pressed.title))]

    def _written(self, block: _Block) -> list[str]:
        lines = list(block.lines)
        names = {entry.seq: self._responses.name_of(entry.text) for entry in block.answers}
        answers = [entry for entry in block.answers if names[entry.seq] not in _TROUBLE]
        for name in names.values():
            if name in _TROUBLE:
                lines.append(sheet.comment(f"here something of ours failed: {name}"))
        if block.pushed:
            lines += sheet.one_or_more("expect_pushed", block.pushed)
        known = [name for entry in answers if (name := names[entry.seq])]
        if known:
            lines += sheet.one_or_more("utter", known)
        for entry in answers:
            if not names[entry.seq]:
                lines += self._contained(entry.text)
        titles = [self._title(title) for entry in answers for title in entry.buttons]
        if not self._sorted and sum("{" in title for title in titles) > 1:
            lines.append(sheet.comment(f"buttons, maybe in another order: {'; '.join(titles)}"))
        elif titles:
            lines += sheet.step("buttons", titles)
        return lines

    def _contained(self, text: str) -> list[str]:
        piece = steady.piece(self._numbers.shown(self._clean(text)))
        if piece is None:
            return [sheet.comment("here the assistant said something that is not the same every time")]
        return sheet.step("bot_contains", piece)

    def _title(self, title: str) -> str:
        return steady.beginning(self._numbers.shown(title))


def _with_news(blocks: Sequence[_Block]) -> list[_Block]:
    """In the order in which it happened, and each piece of news at once after what it came of."""
    kept: list[_Block] = []
    source: _Block | None = None
    for block in sorted(blocks, key=lambda block: block.at):
        if block.lines or block.brings_news:
            kept.append(block)
            if block.brings_news or not _is_step(block):
                source = block if block.brings_news else None
        elif source is not None:
            source.pushed += block.pushed
        else:
            kept.append(_Block(block.at, [sheet.comment(f"news came here: {', '.join(block.pushed)}")]))
    return kept


def _is_step(block: _Block) -> bool:
    return any(line.startswith("- ") for line in block.lines)
