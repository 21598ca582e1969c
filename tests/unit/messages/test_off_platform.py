"""What leads off the platform, and above all what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core import order_numbers
from recourse.messages import rules

LEADS_AWAY = [
    ("Call me at +49 151 23456789", "phone"),
    ("ruf an: 0049 30 901820", "phone"),
    ("0151 23456789 is my number", "phone"),
    ("my phone 5551234567", "phone"),
    ("phone: 020 7946 0958", "phone"),
    ("(020) 7946 0958", "phone"),
    ("reach me on 555-123-4567 after five", "phone"),
    ("tel 030/901820", "phone"),
    ("call １２３４５６７８９", "phone"),
    ("+4\u200b9 1\u200b51 234\u200b56789", "phone"),
    ("write to ann.b+shop@example.com please", "email"),
    ("ann (at) example (dot) com", "email"),
    ("ann[at]example.com", "email"),
    ("ann at example dot com", "email"),
    ("pay at https://example.com/pay?id=3", "link"),
    ("hxxp://example.com", "link"),
    ("see www.example.test/x", "link"),
    ("it is cheaper on my-shop.com, really", "link"),
    ("bit.ly/3abc", "link"),
    ("t.me/seller", "link"),
    ("https://dhl.com@evil.example/track", "link"),
    ("https://dhl.com.evil.example/track", "link"),
    ("write me on WhatsApp", "messenger"),
    ("whats app me", "messenger"),
    ("We are on Telegram", "messenger"),
    ("add my LINE id", "messenger"),
    ("talk via Signal", "messenger"),
]

STAYS = [
    "Your order RC-1042-7716 left today",
    "order #RC 1042 7716 and rc10427716",
    "is 1042-7716 the right one? or 10427716",
    "Tracking number PW123456789DE",
    "UPS 1Z999AA10123456784",
    "tracking 1234 5678 9012",
    "Tracking: 00340434161094042557",
    "00340 4341 6109 4042 557 is with DHL",
    "9400 1000 0000 0000 0000 00",
    "parcel 0151 23456789",
    "It cost 1.299,00 EUR, now 1,099.00",
    "12 000 000 IDR or 5,000,000 JPY",
    "From 24.11.2026 to 02.12.2026, 08:00-16:00",
    "2026-11-24 12:00 - 2026-11-25 13:30",
    "on 01/02/2026 and 1-2-26",
    "80 x 120 x 200 cm, 5V 2A, 100-240 V",
    "Follow it at https://www.dhl.de/sendung?id=1",
    "see royalmail.com/track-your-item.",
    "It arrived.it fits. Thanks.me too",
    "no signal on the radio, the line is dead",
    "I am at home. Dot it.",
    "size 42/44, EAN 4006381333931",
    "sku 12345678901",
    "the file is photo.jpg, version 3.6.21",
    "",
]


@pytest.mark.parametrize(("text", "kind"), LEADS_AWAY)
def test_what_leads_away_is_found_and_masked(text: str, kind: str) -> None:
    found = rules.contacts(text)
    assert [contact.kind for contact in found][:1] == [kind]
    assert "[removed]" in rules.masked(text)
    assert not rules.off_platform(rules.masked(text))


@pytest.mark.parametrize("text", STAYS)
def test_order_business_is_left_alone(text: str) -> None:
    assert rules.contacts(text) == []
    assert rules.masked(text) == text


@given(st.integers(0, 9_999_999), st.sampled_from(["{}", "#{}", "order {}", "{} please", "Is {} late?"]))
def test_no_order_number_is_ever_taken_for_a_phone(serial: int, words: str) -> None:
    number = order_numbers.make(serial)
    for spelling in (number, number.lower(), number.replace("-", " "), number.replace("-", ""), number[3:]):
        assert not rules.off_platform(words.format(spelling))


@given(
    st.integers(10**9, 10**14),
    st.sampled_from(["PW{}DE", "1Z{}", "tracking number {}", "Tracking: {}", "parcel no. {}"]),
)
def test_no_tracking_number_is_ever_taken_for_a_phone(digits: int, words: str) -> None:
    assert not rules.off_platform(words.format(digits))


@given(st.integers(0, 10**9), st.sampled_from(["{:,}.00 EUR", "€{:,}", "{} JPY", "USD {:,}", "{:,} for all"]))
def test_no_price_is_ever_taken_for_a_phone(amount: int, words: str) -> None:
    assert not rules.off_platform(words.format(amount))


@given(
    st.datetimes(), st.sampled_from(["%Y-%m-%d %H:%M", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y %H:%M:%S", "%Y-%m-%dT%H:%M"])
)
def test_no_date_is_ever_taken_for_a_phone(moment: object, form: str) -> None:
    text = moment.strftime(form)  # type: ignore[attr-defined]
    assert not rules.off_platform(f"It came {text} and {text}")


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert rules.masked(text) is not None
    assert rules.clean(text) == rules.clean(rules.clean(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com", "javascript:alert(1)", "https://", "https:///x", "https://user:pw@example.com", "ftp://example.com",
        "https://example.com/a b", "https://example.com/\n", "https://exa\\mple.com", "https://example.com/" + "x" * 300,
        "https://[::1", "https://example.com/<script>", "//example.com", "",
    ],
)  # fmt: skip
def test_a_form_is_only_at_a_plain_https_address(url: str) -> None:
    if url.endswith("\n"):
        assert rules.checked_url(url) == url.strip()
        return
    with pytest.raises(rules.InvalidInput):
        rules.checked_url(url)


def test_a_plain_https_address_is_kept() -> None:
    assert rules.checked_url(" https://forms.example.com/f?x=1#top ") == "https://forms.example.com/f?x=1#top"
