"""Which tokens are believed: only those that the shop signed for us, for a buyer, for now."""

from __future__ import annotations

import base64
import json
import time
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from recourse.core.errors import ConfigurationError
from recourse.core.settings import Settings, from_environment
from recourse.gateway.tokens import (
    BuyerToken,
    ExpiredToken,
    InvalidToken,
    issue_buyer_token,
    issue_session_token,
    read_buyer_token,
    read_session_token,
    require_strong_secret,
)

SETTINGS = from_environment({})


def claims(**changes: Any) -> dict[str, Any]:
    made = {"sub": "b-1", "iss": "shop", "aud": "recourse", "exp": int(time.time()) + 600, **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(key: str = SETTINGS.shop_secret, algorithm: str = "HS256", **changes: Any) -> str:
    with warnings.catch_warnings(action="ignore"):  # HS512 wants a longer key than ours
        return jwt.encode(claims(**changes), key, algorithm=algorithm)


def unsigned(header: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims()))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


BAD = {
    "nothing": "",
    "no jwt": "nonsense",
    "alg none": unsigned({"alg": "none", "typ": "JWT"}),
    "alg None": unsigned({"alg": "None"}),
    "no alg": unsigned({"typ": "JWT"}),
    "other key": signed(key="another-secret-that-is-long-enough-to-be-one"),
    "another algorithm": signed(algorithm="HS512"),
    "signature cut off": signed().rpartition(".")[0] + ".",
    "payload changed": ".".join([signed().split(".")[0], signed(sub="b-2").split(".")[1], signed().split(".")[2]]),
    "no exp": signed(exp=None),
    "no sub": signed(sub=None),
    "no iss": signed(iss=None),
    "no aud": signed(aud=None),
    "wrong iss": signed(iss="somebody"),
    "wrong aud": signed(aud="another-service"),
    "aud is a list": signed(aud=["recourse", "another-service"]),
    "not valid yet": signed(nbf=int(time.time()) + 600),
    "issued in the future": signed(iat=int(time.time()) + 600),
    "sub empty": signed(sub=""),
    "sub too long": signed(sub="b" * 65),
    "exp is text": signed(exp="soon"),
    "exp is endless": signed(exp=10**30),
    "exp is infinite": signed(exp=1e999),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_token_is_refused_and_says_what_to_do(name: str) -> None:
    with pytest.raises(InvalidToken, match=r"must be|shop"):
        read_buyer_token(BAD[name], SETTINGS)


@pytest.mark.parametrize("sub", [7, True, ["b-1"], {"id": "b-1"}])
def test_sub_must_be_text(sub: Any) -> None:
    header, payload, _ = signed().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub=sub)).encode()).rstrip(b"=").decode()
    key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = key.sign(f"{header}.{body}".encode(), SETTINGS.shop_secret.encode())
    token = f"{header}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert payload != body
    with pytest.raises(InvalidToken):
        read_buyer_token(token, SETTINGS)


def test_expired_token_says_so() -> None:
    with pytest.raises(ExpiredToken, match="Get a new one"):
        read_buyer_token(signed(exp=int(time.time()) - 60), SETTINGS)


def test_good_token_names_its_buyer() -> None:
    token = read_buyer_token(issue_buyer_token("b-1", timedelta(hours=1), SETTINGS), SETTINGS)
    assert token.customer_id == "b-1"
    assert timedelta(minutes=59) < token.expires_at - datetime.now(UTC) <= timedelta(hours=1)


def test_clocks_may_differ_a_little() -> None:
    assert read_buyer_token(signed(exp=int(time.time()) - 5), SETTINGS).customer_id == "b-1"


def test_session_token_is_for_one_conversation() -> None:
    buyer = BuyerToken("b-1", datetime.now(UTC) + timedelta(hours=9))
    token, expires_at = issue_session_token(buyer, "c1", SETTINGS)
    read = read_session_token(token, SETTINGS)
    assert (read.customer_id, read.conversation_id, read.expires_at) == ("b-1", "c1", expires_at)
    assert expires_at - datetime.now(UTC) <= timedelta(hours=1)


def test_session_token_never_outlives_the_shops() -> None:
    until = datetime.now(UTC) + timedelta(minutes=2)
    _, expires_at = issue_session_token(BuyerToken("b-1", until), "c1", SETTINGS)
    assert expires_at <= until


def test_the_two_kinds_cannot_be_exchanged() -> None:
    session, _ = issue_session_token(BuyerToken("b-1", datetime.now(UTC) + timedelta(hours=1)), "c1", SETTINGS)
    with pytest.raises(InvalidToken):
        read_buyer_token(session, SETTINGS)
    forged = signed(aud="recourse-socket", iss="recourse", conversation="c1")
    for token in (issue_buyer_token("b-1", timedelta(hours=1), SETTINGS), forged):
        with pytest.raises(InvalidToken):
            read_session_token(token, SETTINGS)


def test_short_secret_is_refused() -> None:
    weak: Settings = from_environment({"RECOURSE_SHOP_SECRET": "short"})
    with pytest.raises(ConfigurationError, match="RECOURSE_SHOP_SECRET"):
        require_strong_secret(weak)
    require_strong_secret(SETTINGS)
