"""Order numbers: check digit, normalisation."""

from __future__ import annotations

import random

import pytest
from conftest import PROJECT

from engine.nlu.order_numbers import (
    damm_digit,
    fold,
    format_order_number,
    has_valid_check_digit,
    normalise_order_number,
)

SPELLINGS = [
    "RC-1042-7713",
    "rc-1042-7713",
    "RC 1042 7713",
    "rc10427713",
    "10427713",
    "1042-7713",
    "1042 7713",
    "1042.7713",
    "#RC-1042-7713",
    "# 1042-7713",
    " RC-1042-7713 ",
    "RC-IO42-77l3",
    "rc-1o42-771 3",
    "R.C. 1042 7713",
    "RC\u20111042\u20117713",
    "RC–1042–7713",
    "ＲＣ-１０４２-７７１３".replace("ＲＣ", "RC"),
    "RC:10 42 77 13",
]
OTHERS = [
    "",
    "RC",
    "RC-1042-7714",
    "RC-1042-771",
    "RC-1042-77133",
    "RD-1042-7713",
    "1042/7713a",
    "hello",
    "RC-1042-7713 x",
]


def test_the_published_example_of_the_damm_algorithm() -> None:
    assert damm_digit("572") == "4"


def test_every_single_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    source = random.Random(7)
    for _ in range(200):
        body = "".join(source.choices("0123456789", k=7))
        number = body + damm_digit(body)
        assert has_valid_check_digit(number)
        for i, digit in enumerate(number):
            wrong = [number[:i] + other + number[i + 1 :] for other in "0123456789" if other != digit]
            assert not any(map(has_valid_check_digit, wrong))
        for i in range(7):
            swapped = number[:i] + number[i + 1] + number[i] + number[i + 2 :]
            assert swapped == number or not has_valid_check_digit(swapped)


@pytest.mark.parametrize("written", SPELLINGS)
def test_spellings_of_one_number(written: str) -> None:
    assert normalise_order_number(written) == "RC-1042-7713"


@pytest.mark.parametrize("written", OTHERS)
def test_what_is_no_order_number(written: str) -> None:
    assert normalise_order_number(written) is None


def test_the_written_form() -> None:
    assert format_order_number("10427713") == "RC-1042-7713"


def test_folding_keeps_every_position() -> None:
    text = "a\u00a0１\u2011٣ é"
    assert fold(text) == "a 1-3 é"
    assert len(fold(text)) == len(text)


def test_the_edge_reads_and_writes_the_same_numbers() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("edge", PROJECT / "recourse" / "core" / "order_numbers.py")
    assert spec is not None and spec.loader is not None
    edge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(edge)
    for serial in range(0, 10_000_000, 99_991):
        number = edge.make(serial)
        assert normalise_order_number(number) == number == edge.normalise(number)
    for written in (*SPELLINGS, *OTHERS):
        if written.isascii():
            assert edge.normalise(written) == normalise_order_number(written), written
