"""How one buyer is spoken to: the words of ``domain.yml``, amounts, dates and times in the buyer's locale and zone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime

from recourse.core.clock import zone
from recourse.core.money import Money
from recourse.core.words import Utterance, Words
from recourse.orders.rules import OrderView

_SPOKEN = "en"
"""The language that the responses are written in; dates and amounts follow it, in the buyer's regional form."""


@dataclass(frozen=True, slots=True)
class Say:
    """One response to utter: its name in ``domain.yml``, its values, and buttons as (title, payload)."""

    response: str
    values: dict[str, str] = field(default_factory=dict)
    buttons: tuple[tuple[str, str], ...] = ()


class Voice:
    """Words and formats for one buyer. ``locale`` and ``timezone`` may be anything a browser sends; bad ones fall back."""

    def __init__(self, words: Words, locale: str, timezone: str) -> None:
        self.words = words
        self.locale = _locale(locale)
        self.zone = zone(timezone)

    def text(self, response: str, **values: str) -> str:
        """The text of a response that is a part of another one (a line, a button title)."""
        return self.words.say(response, **values).text

    def utterance(self, say: Say) -> Utterance:
        """``say`` with its text filled in, for a channel that does not go through Rasa."""
        spoken = self.words.say(say.response, **say.values)
        return Utterance(spoken.text, (*spoken.buttons, *say.buttons))

    def money(self, money: Money) -> str:
        """An amount with its currency."""
        return money.format(self.locale)

    def when(self, at: datetime) -> str:
        """A moment in the buyer's zone, with the zone: ``Wed 25 Nov, 14:05 GMT``."""
        return format_datetime(at, "EEE d MMM, HH:mm z", tzinfo=self.zone, locale=self.locale)

    def moment_day(self, at: datetime) -> str:
        """The day of a moment in the buyer's zone."""
        return self.day(at.astimezone(self.zone).date())

    def day(self, day: date) -> str:
        """A calendar day: ``3 Dec 2026``."""
        return format_date(day, "d MMM y", locale=self.locale)

    def days(self, first: date, last: date) -> str:
        """A range of days, or one day where both are the same."""
        if first == last:
            return self.day(first)
        return self.text("utter_day_range", first=self.day(first), last=self.day(last))

    def order_title(self, order: OrderView) -> str:
        """The goods of an order in a few words."""
        more = len(order.lines) - 1
        if not more:
            return order.lines[0].title
        return self.text("utter_title_and_more", title=order.lines[0].title, more=str(more))

    def button(self, title: str, intent: str, **entities: str | int) -> tuple[str, str]:
        """A button: ``title`` is the response that holds its words, the payload is what Rasa gets when it is pressed."""
        return self.text(title), payload(intent, **entities)

    def order_button(self, order: OrderView) -> tuple[str, str]:
        """A button that names one of the buyer's orders."""
        title = order.lines[0].title
        short = title if len(title) <= 34 else title[:33].rstrip(" ,") + "…"
        text = self.text("utter_button_order", title=short, number=order.number)
        return text, payload("choose_order", order_number=order.number)


def payload(intent: str, **entities: str | int) -> str:
    """Rasa's form of a structured message: ``/intent{"entity": "value"}``."""
    return f"/{intent}{json.dumps(entities)}" if entities else f"/{intent}"


def _locale(name: str) -> str:
    try:
        asked = Locale.parse(name.replace("-", "_"))
        spoken = Locale.parse(f"{_SPOKEN}_{asked.territory}") if asked.territory else Locale(_SPOKEN)
    except (UnknownLocaleError, ValueError, TypeError):
        return "en_GB"
    return str(spoken)
