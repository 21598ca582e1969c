"""The message log on SQLite and PostgreSQL: numbers, once-only messages, buttons, answers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.conversations.service import Accepted, ConversationView, Identity, MessageView, UnknownButton
from recourse.core.db import reading, transaction
from recourse.core.errors import NotFound
from recourse.core.words import Utterance
from recourse.customers.models import Customer

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WELCOME = Utterance("Hello!", (("My orders", "/list_orders"), ("Help", "/help")))
QUESTION = Utterance("Shall I?", (("Yes", "/confirm_quote"), ("No", "/decline_quote")))


class Log:
    """One buyer's conversation, with the short ways that tests need."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with transaction(engine) as session:
            session.add_all([Customer(id=name, display_name=name, country="DE") for name in ("b-1", "b-2")])
        self.id = self.open("b-1").id
        self._serial = 0

    def write(self, work: Callable[[Session], T]) -> T:
        with transaction(self.engine) as session:
            return work(session)

    def open(self, buyer: str, channel: str = conversations.WEB, key: str | None = None) -> ConversationView:
        identity = Identity(buyer, "de-DE", "Europe/Berlin")
        return self.write(lambda s: conversations.open_conversation(s, channel, key, identity, WELCOME, NOW))

    def type(self, text: str, cid: str | None = None, now: datetime = NOW) -> Accepted:
        cid = cid or self._cid()
        return self.write(lambda s: conversations.accept_message(s, self.id, cid, now, text=text))

    def press(self, token: str, now: datetime = NOW) -> Accepted:
        cid = self._cid()
        return self.write(lambda s: conversations.accept_message(s, self.id, cid, now, button=token))

    def answer(self, seq: int, *utterances: Utterance) -> list[MessageView]:
        return self.write(lambda s: conversations.record_answer(s, self.id, seq, utterances, NOW))

    def say(self, *utterances: Utterance) -> list[MessageView]:
        return self.write(lambda s: conversations.say(s, self.id, utterances, NOW))

    def read(self, after: int = 0, now: datetime = NOW) -> list[MessageView]:
        with reading(self.engine) as session:
            return conversations.messages_after(session, self.id, after, now)

    def waiting(self) -> MessageView | None:
        with reading(self.engine) as session:
            return conversations.next_waiting(session, self.id)

    def _cid(self) -> str:
        self._serial += 1
        return f"c-{self._serial}"


@pytest.fixture
def log(store: Engine) -> Log:
    return Log(store)


def token(message: MessageView, title: str) -> str:
    return dict(message.buttons)[title]


def test_new_conversation_begins_with_the_welcome(log: Log) -> None:
    [welcome] = log.read()
    assert (welcome.seq, welcome.author, welcome.text) == (1, "bot", "Hello!")
    assert [title for title, _ in welcome.buttons] == ["My orders", "Help"]
    assert not welcome.stale


def test_named_conversation_is_one_for_each_buyer(log: Log) -> None:
    mine = log.open("b-1", conversations.REST, "alice")
    assert log.open("b-1", conversations.REST, "alice") == mine
    assert log.open("b-2", conversations.REST, "alice").id != mine.id


def test_unnamed_conversations_are_always_new(log: Log) -> None:
    assert log.open("b-1").id != log.open("b-1").id


def test_only_the_owner_resumes(log: Log) -> None:
    with reading(log.engine) as session:
        assert conversations.resume_conversation(session, "b-1", log.id).id == log.id
        for buyer, conversation in (("b-2", log.id), ("b-1", "0" * 32)):
            with pytest.raises(NotFound, match="send no conversation id"):
                conversations.resume_conversation(session, buyer, conversation)


def test_identity_and_what_the_browser_says(log: Log) -> None:
    view = log.open("b-1")
    good = log.write(lambda s: conversations.localise(s, view, "en-GB", "Asia/Tokyo"))
    assert (good.locale, good.timezone) == ("en-GB", "Asia/Tokyo")
    bad = log.write(lambda s: conversations.localise(s, view, "<script>", "../../etc/passwd"))
    assert bad == good
    with reading(log.engine) as session:
        assert conversations.identify(session, view.id) == Identity("b-1", "en-GB", "Asia/Tokyo")
        assert conversations.identify(session, "nobody") is None


def test_message_waits_until_its_answer_is_recorded(log: Log) -> None:
    said = log.type("cancel my order").message
    assert log.waiting() == said
    [answer] = log.answer(said.seq, Utterance("Which one?"))
    assert answer.seq == said.seq + 1
    assert log.waiting() is None
    assert log.answer(said.seq, Utterance("Again?")) == []


def test_same_cid_is_stored_once(log: Log) -> None:
    first = log.type("hello", cid="same")
    again = log.type("hello", cid="same")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.message.seq == first.message.seq
    assert len(log.read()) == 2


def test_same_cid_fifty_times_at_once_is_stored_once(log: Log) -> None:
    with ThreadPoolExecutor(10) as threads:
        results = list(threads.map(lambda _: log.type("hello", cid="same"), range(50)))
    assert sum(not result.repeated for result in results) == 1
    assert {result.message.seq for result in results} == {2}


def test_numbers_have_no_gap_when_many_write_at_once(log: Log) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: log.say(Utterance(str(n))), range(40)))
    assert [message.seq for message in log.read()] == list(range(1, 42))


def test_pressed_button_gives_its_payload_and_is_used_up(log: Log) -> None:
    [question] = log.say(QUESTION)
    pressed = log.press(token(question, "Yes"))
    assert (pressed.message.text, pressed.message.engine_text) == ("Yes", "/confirm_quote")
    log.answer(pressed.message.seq, Utterance("Done."))
    for title in ("Yes", "No"):
        late = log.press(token(question, title)).message
        assert (late.text, late.engine_text) == (title, None)
        log.answer(late.seq, Utterance("That was before."))


def test_double_click_is_one_press(log: Log) -> None:
    [question] = log.say(QUESTION)
    first = log.press(token(question, "Yes"))
    again = log.press(token(question, "Yes"))
    assert again.repeated
    assert again.message.seq == first.message.seq


def test_second_choice_while_the_first_waits_is_stale(log: Log) -> None:
    [question] = log.say(QUESTION)
    log.press(token(question, "Yes"))
    assert log.press(token(question, "No")).message.engine_text is None


def test_older_buttons_are_stale_once_a_later_turn_offers_some(log: Log) -> None:
    [welcome] = log.read()
    said = log.type("hm").message
    [question] = log.answer(said.seq, QUESTION)
    assert [message.stale for message in log.read()] == [True, False, False]
    assert log.press(token(welcome, "Help")).message.engine_text is None
    assert token(question, "Yes")


def test_buttons_stay_while_the_buyer_writes_something_else(log: Log) -> None:
    [question] = log.say(QUESTION)
    said = log.type("what happens then?").message
    log.answer(said.seq, Utterance("The seller decides."))
    assert log.press(token(question, "Yes")).message.engine_text == "/confirm_quote"


def test_news_does_not_take_the_answers_to_a_question_away(log: Log) -> None:
    said = log.type("cancel it").message
    [question] = log.answer(said.seq, QUESTION)
    [news] = log.say(Utterance("News!", (("Look", "/order_status"),)))
    assert log.press(token(question, "Yes")).message.engine_text == "/confirm_quote"
    assert log.press(token(news, "Look")).message.engine_text == "/order_status"


def test_all_messages_of_a_turn_can_be_pressed(log: Log) -> None:
    said = log.type("help").message
    first, _ = log.answer(said.seq, Utterance("A", (("One", "/one"),)), Utterance("B", (("Two", "/two"),)))
    assert log.press(token(first, "One")).message.engine_text == "/one"


def test_buttons_expire(log: Log) -> None:
    [question] = log.say(QUESTION)
    later = NOW + timedelta(hours=25)
    assert log.read(after=1, now=later)[0].stale
    assert log.press(token(question, "Yes"), now=later).message.engine_text is None


def test_button_of_another_conversation_is_unknown(log: Log) -> None:
    other = log.open("b-2")
    with reading(log.engine) as session:
        [welcome] = conversations.messages_after(session, other.id, 0, NOW)
    for foreign in (token(welcome, "Help"), "btn_" + "x" * 32, "", "nonsense"):
        with pytest.raises(UnknownButton):
            log.press(foreign)
    assert len(log.read()) == 1


def test_typed_title_presses_the_button(log: Log) -> None:
    [question] = log.say(QUESTION)
    said = log.type("  YES ").message
    assert (said.text, said.engine_text) == ("YES", "/confirm_quote")
    assert log.press(token(question, "No")).message.engine_text is None


def test_typed_title_of_a_used_button_is_plain_text(log: Log) -> None:
    log.say(QUESTION)
    log.type("yes")
    assert log.type("yes").message.engine_text == "yes"


def test_typed_payload_reaches_the_engine_as_text(log: Log) -> None:
    said = log.type('/confirm_quote{"quote": "x"}').message
    assert said.text == '/confirm_quote{"quote": "x"}'
    assert said.engine_text == "?"


def test_live_choices_come_as_they_were_shown(log: Log) -> None:
    log.say(QUESTION)
    with reading(log.engine) as session:
        assert conversations.live_choices(session, log.id, NOW) == (*WELCOME.buttons, *QUESTION.buttons)


def test_undelivered_is_given_out_once(log: Log) -> None:
    said = log.type("hi").message
    log.answer(said.seq, Utterance("Hi!"), Utterance("What can I do?"))

    def take() -> list[str]:
        return [m.text for m in log.write(lambda s: conversations.take_undelivered(s, log.id, NOW))]

    assert take() == ["Hello!", "Hi!", "What can I do?"]
    assert take() == []
    log.say(Utterance("News!"))
    assert take() == ["News!"]


def test_long_log_is_read_in_pages(log: Log) -> None:
    log.say(*(Utterance(str(n)) for n in range(250)))
    page = log.read()
    assert len(page) == 200
    assert [message.seq for message in log.read(after=page[-1].seq)] == list(range(201, 252))


def test_last_messages_are_oldest_first(log: Log) -> None:
    said = log.type("one").message
    log.answer(said.seq, Utterance("two"))
    with reading(log.engine) as session:
        assert conversations.last_messages(session, log.id, 2) == [
            {"author": "buyer", "text": "one"},
            {"author": "bot", "text": "two"},
        ]
        assert conversations.last_seqs(session, [log.id]) == {log.id: 3}


def test_waiting_conversations_are_found(log: Log) -> None:
    log.type("one")
    log.type("two")
    with reading(log.engine) as session:
        assert conversations.waiting_conversations(session) == [log.id]


def test_unknown_conversation_is_refused(log: Log) -> None:
    with pytest.raises(NotFound):
        log.write(lambda s: conversations.accept_message(s, "nowhere", "c", NOW, text="hi"))
