"""Names of a case's things in texts: ``{headphones}`` becomes an order's number, and back."""

from __future__ import annotations

import re

from pytest_rasa.world import WorldError
from recourse_world.moments import without_moments
from recourse_world.people import Cast

_PLACEHOLDER = re.compile(
    r"\{\{(?P<literal>[a-z_]\w*)\}\}|\{(?P<name>[a-z_]\w*)(?:\.(?P<detail>\w+))?\}", re.IGNORECASE
)
_NOBODYS = "nobodys"
_BANK_REFERENCE = re.compile(r"\bARN\d{20}\b|\b7453\d{19}\b")
_MADE_UP = (
    (re.compile(r"\bC-[2-9A-Z]{6}\b"), "<case>"),
    (re.compile(r"\bbtn_[\w-]{32}"), "<button>"),
    (re.compile(r"\btest-[0-9a-f]{12}\b"), "<buyer>"),
    (re.compile(r"https?://[^\s)\]\"']*"), "<link>"),
    (re.compile(r"\b(?:PW|PX)\d{9}(?:[A-Z]{2})?\b"), "<tracking>"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[a-z]{2,3}_[0-9a-f]{20,24}\b"), "<id>"),
    (re.compile(r"\bRC-\d{4}-\d{4}\b"), "<order>"),
)


def filled(text: str, cast: Cast) -> str:
    """``text`` with ``{headphones}`` replaced by that order's number, and ``{headphones.x}`` by something about it.

    ``x``: ``last4``, ``typo`` (a digit is wrong), ``sloppy`` (as people write it), or a column of ``orders``. ``{nobodys}`` is a number
    that no order has. ``{{x}}`` is ``{x}`` as it stands. Raises WorldError for a name that the case does not have, and for an
    unknown column.
    """
    return _PLACEHOLDER.sub(lambda found: _value(cast, found), text)


def masked(text: str, cast: Cast) -> str:
    """``text`` without what differs from run to run: numbers of orders and cases, dates, times, links, ids. Amounts stay."""
    text = _BANK_REFERENCE.sub("<bank reference>", text)  # first, because one may hold the digits of an order
    for name, number in {**cast.orders, _NOBODYS: cast.nobodys}.items():
        digits = _digits(number)
        for shown, detail in (
            (number, ""),
            (_sloppy(digits), ".sloppy"),
            (digits, ".digits"),
            (_typo(digits), ".typo"),
        ):
            text = text.replace(shown, f"{{{name}{detail}}}")
        text = text.replace(f"SAVE10-{digits[-4:]}", f"SAVE10-{{{name}.last4}}")
    for pattern, name in _MADE_UP:
        text = pattern.sub(name, text)
    return without_moments(text)


def _value(cast: Cast, found: re.Match[str]) -> str:
    name, detail = found["name"], found["detail"]
    if found["literal"]:
        return f"{{{found['literal']}}}"
    number = cast.nobodys if name == _NOBODYS else cast.orders.get(name)
    if number is None:
        raise WorldError(f"nothing in this case is called {found[0]}; there are: {', '.join((*cast.orders, _NOBODYS))}")
    digits = _digits(number)
    match detail:
        case None:
            return number
        case "last4":
            return digits[-4:]
        case "sloppy":
            return _sloppy(digits)
        case "typo":
            return _typo(digits)
        case "digits":
            return digits
    return str(cast.column(name, detail))


def _digits(number: str) -> str:
    return number.removeprefix("RC-").replace("-", "")


def _sloppy(digits: str) -> str:
    return f"rc {digits[:4]} {digits[4:]}"


def _typo(digits: str) -> str:
    return f"RC-{digits[:2]}{(int(digits[2]) + 1) % 10}{digits[3]}-{digits[4:]}"
