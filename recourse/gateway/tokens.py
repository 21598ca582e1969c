"""Who is speaking: the shop's signed tokens, and our own tokens for one conversation."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from recourse.core.errors import ConfigurationError, RecourseError
from recourse.core.settings import Settings, settings

SESSION_LASTS = timedelta(hours=1)
_ALGORITHM = "HS256"
_LEEWAY = timedelta(seconds=10)
_SECRET_MIN_BYTES = 32
_SUBJECT_MAX = 64
_SESSION_AUDIENCE = "recourse-socket"


class InvalidToken(RecourseError):
    """A token that does not say, for sure and for now, who is speaking. The message says what to do."""

    code = "invalid_token"


class ExpiredToken(InvalidToken):
    """A token that was good once."""

    code = "expired_token"


@dataclass(frozen=True, slots=True)
class BuyerToken:
    """What the shop vouches for. ``expires_at`` is UTC."""

    customer_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What we vouch for: this buyer may speak in this conversation until ``expires_at`` (UTC)."""

    customer_id: str
    conversation_id: str
    expires_at: datetime


def require_strong_secret(config: Settings) -> None:
    """Raise ConfigurationError for a secret that can be guessed."""
    if len(config.shop_secret.encode()) < _SECRET_MIN_BYTES:
        raise ConfigurationError(
            f"RECOURSE_SHOP_SECRET must have at least {_SECRET_MIN_BYTES} bytes; make one with `openssl rand -hex 32`"
        )


def issue_buyer_token(customer_id: str, ttl: timedelta, config: Settings | None = None) -> str:
    """A token for this buyer, signed as the shop signs them (HS256) and valid for ``ttl``."""
    config = config or settings()
    now = datetime.now(UTC)
    claims = {"sub": customer_id, "iss": config.issuer, "aud": config.audience, "iat": now, "exp": now + ttl}
    return jwt.encode(claims, config.shop_secret, algorithm=_ALGORITHM)


def read_buyer_token(token: str, config: Settings) -> BuyerToken:
    """Whom the shop vouches for. Raises InvalidToken and ExpiredToken."""
    claims = _decode(token, config.shop_secret, config.audience, config.issuer)
    return BuyerToken(claims["sub"], _expiry(claims))


def issue_session_token(buyer: BuyerToken, conversation_id: str, config: Settings) -> tuple[str, datetime]:
    """A token for one conversation and when it ends (UTC). It never outlives the token of the shop that it rests on."""
    now = datetime.now(UTC)
    expires_at = min(now + SESSION_LASTS, buyer.expires_at).replace(microsecond=0)
    claims = {
        "sub": buyer.customer_id,
        "conversation": conversation_id,
        "iss": config.audience,
        "aud": _SESSION_AUDIENCE,
        "iat": now,
        "exp": expires_at,
    }
    return jwt.encode(claims, _session_key(config), algorithm=_ALGORITHM), expires_at


def read_session_token(token: str, config: Settings) -> SessionToken:
    """Who may speak where. Raises InvalidToken and ExpiredToken."""
    claims = _decode(token, _session_key(config), _SESSION_AUDIENCE, config.audience, "conversation")
    if not isinstance(claims["conversation"], str):
        raise InvalidToken("The token names no conversation. Open a session again: POST /v1/session.")
    return SessionToken(claims["sub"], claims["conversation"], _expiry(claims))


def _decode(token: str, key: str | bytes, audience: str, issuer: str, *more: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": ["sub", "iss", "aud", "exp", *more], "strict_aud": True},
        )
    except jwt.ExpiredSignatureError as error:
        raise ExpiredToken("The token has expired. Get a new one from the shop and try again.") from error
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise InvalidToken(
            f"The token was not accepted ({_reason(error)}). It must be a JWT signed with HS256 and the shop's secret, "
            f'with sub (the buyer), iss "{issuer}", aud "{audience}" and exp.'
        ) from error
    if not 0 < len(claims["sub"]) <= _SUBJECT_MAX:
        raise InvalidToken(f"The token's sub must be the buyer's id, 1 to {_SUBJECT_MAX} characters.")
    return claims


def _reason(error: Exception) -> str:
    known = {
        jwt.InvalidAudienceError: "wrong aud",
        jwt.InvalidIssuerError: "wrong iss",
        jwt.ImmatureSignatureError: "not valid yet",
        InvalidSubjectError: "sub is not text",
        jwt.InvalidSignatureError: "wrong signature",
        jwt.InvalidAlgorithmError: "wrong algorithm",
    }
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"{error.claim} is missing"
    return next((text for kind, text in known.items() if isinstance(error, kind)), "malformed")


def _expiry(claims: dict[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (OverflowError, ValueError, OSError, TypeError) as error:
        raise InvalidToken("The token's exp is no usable time. It must be seconds since 1970, as a number.") from error


def _session_key(config: Settings) -> bytes:
    """A key of its own, so that a token of the shop can never pass for one of ours, nor the other way round."""
    return hmac.new(config.shop_secret.encode(), b"recourse session token 1", hashlib.sha256).digest()
