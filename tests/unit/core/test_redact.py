"""Secrets leave a text; what the text is about stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core import order_numbers
from recourse.core.redact import CARD, IBAN, PASSWORD, TOKEN, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiLTEwMDEifQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my card 4242424242424242 was charged", f"my card {CARD} was charged"),
        ("4242 4242 4242 4242", CARD),
        ("4242-4242-4242-4242.", f"{CARD}."),
        ("Amex 3782 822463 10005!", f"Amex {CARD}!"),
        ("5555555555554444,6011111111111117", f"{CARD},{CARD}"),
        ("send it to DE89 3704 0044 0532 0130 00 please", f"send it to {IBAN} please"),
        ("GB82WEST12345698765432", IBAN),
        ("nl91 abna 0417 1643 00", IBAN),
        ("my password is hunter2", f"my password is {PASSWORD}"),
        ("Password: correct-horse", f"Password: {PASSWORD}"),
        ("password hunter2!", f"password {PASSWORD}"),
        ("PIN=1234 and CVV: 737", f"PIN={PASSWORD} and CVV: {PASSWORD}"),
        ("das Passwort ist Geheim1", f"das Passwort ist {PASSWORD}"),
        ("minha senha é segredo", f"minha senha é {PASSWORD}"),
        (f"token {JWT}", f"token {TOKEN}"),
        ("Authorization: Bearer abc.def-ghi_123", f"Authorization: Bearer {TOKEN}"),
        ("btn_0123456789abcdefghijABCDEFGHIJ__", TOKEN),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", f"key {TOKEN}"),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", TOKEN),
    ],
)
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cancel RC-1042-7713 and 1042 7713",
        "tracking PW123456789DE, 1Z999AA10123456784, LX123456789CN",
        "parcel 00340434161094042557 and 123456789012",
        "9400111899223197428490",
        "I paid 1,234,567.89 EUR on 2026-11-24 at 12:00:00",
        "call +49 30 1234567",
        "I forgot my password and cannot sign in",
        "the password is wrong",
        "4242424242424241 fails the check digit",
        "1234567890123456 is no issuer's",
        "DE00 3704 0044 0532 0130 00 has a wrong checksum",
        "https://shop.example/wireless-over-ear-headphones-matte-black-2",
        "case C-7KQ2MX, mug MUG-12-GREEN",
        "",
        "🙂 naïve — “quotes”",
    ],
)
def test_what_the_text_is_about_stays(text: str) -> None:
    assert redact(text) == text


@given(st.integers(0, 9_999_999))
def test_every_order_number_survives(serial: int) -> None:
    number = order_numbers.make(serial)
    assert redact(f"order {number}, also written {number[3:]}") == f"order {number}, also written {number[3:]}"


@given(st.text(max_size=300))
def test_any_text_is_taken_and_a_second_time_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.integers(0, 10**11 - 1), st.sampled_from(["", " ", "-"]), st.sampled_from(["4", "51", "37"]))
def test_every_valid_card_number_is_found(body: int, gap: str, start: str) -> None:
    digits = (start + f"{body:015d}")[: 14 if start == "37" else 15]
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(digits))]
    check = -sum(value - 9 if value > 9 else value for value in doubled) % 10
    number = digits + str(check)
    grouped = gap.join(number[at : at + 4] for at in range(0, len(number), 4))
    assert redact(f"it is {grouped}, thanks") == f"it is {CARD}, thanks"
