"""Settings, read once from environment variables. Every default makes the demo work; production sets them."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recourse.core.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEMO_SECRET = "recourse-demo-secret-do-not-use-in-production"  # noqa: S105 - named so that nobody can mistake it
DEMO_PROVIDER_KEY = "recourse-demo-provider-key"
DEMO_WEBHOOK_SECRET = "whsec_cmVjb3Vyc2UtZGVtby13ZWJob29rLXNlY3JldC1ub3QtZm9yLXByb2R1Y3Rpb24="  # noqa: S105 - the demo's own
DEMO_OPS_TOKEN = "recourse-demo-ops-token"  # noqa: S105 - the demo's own
_DEFAULT_PORT = 8000
_OPS_TOKEN_MIN = 16
_WEBHOOK_SECRET_MIN = 24
"""Bytes, as the Standard Webhooks specification wants it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set.

    ``data_dir``: folder of everything that is written (RECOURSE_DATA, default ``./var``).
    ``database_url``: SQLAlchemy URL (RECOURSE_DATABASE_URL; default SQLite ``recourse.db`` in ``data_dir``).
    ``port``: the gateway's port (RECOURSE_PORT, default 8000). ``host``: its address (RECOURSE_HOST, default 127.0.0.1).
    ``shop_secret``: HS256 secret that the shop signs buyer tokens with (RECOURSE_SHOP_SECRET; the demo's own by default).
    ``allowed_origins``: origins of shop pages (RECOURSE_ORIGINS, comma separated); empty means the gateway's own pages only.
    ``rasa_url``, ``rasa_token``, ``actions_url``: where the engine listens (set by ``recourse up`` for its children).
    ``provider_url``, ``provider_key``: the payment provider's service and our key there (RECOURSE_PROVIDER_URL; without one
    refunds wait to be sent; RECOURSE_PROVIDER_KEY). ``provider_webhook_secrets``: what its events are signed with
    (RECOURSE_PROVIDER_WEBHOOK_SECRET, ``whsec_...``; two separated by a comma while one is being replaced).
    ``simulators``: does ``recourse up`` start stand-ins for the provider and the sellers (RECOURSE_SIMULATORS=off: no); only
    with the demo secret.
    ``ops_token``: what the shop's systems show at ``/ops/v1`` (RECOURSE_OPS_TOKEN; the demo's own with the demo secret, else none,
    and then nobody gets in).
    ``dev_buyer``: buyer id that ``rasa shell`` speaks as, demo secret only (RECOURSE_DEV_BUYER).
    ``clock_file``: for tests only, so with the demo secret only: a file with the number of seconds that the clock of all processes
    is ahead of the machine's (RECOURSE_CLOCK_FILE; see ``recourse.core.clock``).
    """

    data_dir: Path
    database_url: str
    host: str
    port: int
    shop_secret: str
    allowed_origins: tuple[str, ...]
    rasa_url: str
    rasa_token: str
    actions_url: str
    dev_buyer: str | None
    provider_url: str | None = None
    provider_key: str = ""
    provider_webhook_secrets: tuple[str, ...] = ()
    simulators: bool = False
    ops_token: str | None = None
    clock_file: Path | None = None

    @property
    def demo(self) -> bool:
        """True while the demo secret signs the tokens: demo endpoints and ``recourse token`` exist only then."""
        return self.shop_secret == DEMO_SECRET

    @property
    def issuer(self) -> str:
        """``iss`` that a buyer token must carry."""
        return "shop"

    @property
    def audience(self) -> str:
        """``aud`` that a buyer token must carry."""
        return "recourse"


def from_environment(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``env`` (default: the process environment). Raises ConfigurationError that names the variable."""
    env = os.environ if env is None else env
    shop_secret = env.get("RECOURSE_SHOP_SECRET") or DEMO_SECRET
    demo = shop_secret == DEMO_SECRET
    data_dir = Path(env.get("RECOURSE_DATA") or PROJECT_ROOT / "var").expanduser().absolute()
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(env.get("RECOURSE_DATABASE_URL") or f"sqlite:///{data_dir / 'recourse.db'}"),
        host=env.get("RECOURSE_HOST") or "127.0.0.1",
        port=_port(env, "RECOURSE_PORT", _DEFAULT_PORT),
        shop_secret=shop_secret,
        allowed_origins=tuple(part.strip() for part in env.get("RECOURSE_ORIGINS", "").split(",") if part.strip()),
        rasa_url=env.get("RECOURSE_RASA_URL") or "http://127.0.0.1:5005",
        rasa_token=env.get("RECOURSE_RASA_TOKEN", ""),
        actions_url=env.get("RECOURSE_ACTIONS_URL") or "http://127.0.0.1:5055",
        dev_buyer=env.get("RECOURSE_DEV_BUYER") or None,
        provider_url=_http_url(env, "RECOURSE_PROVIDER_URL"),
        provider_key=env.get("RECOURSE_PROVIDER_KEY") or (DEMO_PROVIDER_KEY if demo else ""),
        provider_webhook_secrets=_webhook_secrets(env, demo),
        simulators=demo and (env.get("RECOURSE_SIMULATORS") or "on").lower() not in ("off", "0", "no", "false"),
        ops_token=_ops_token(env, demo),
        clock_file=_clock_file(env, demo),
    )


@cache
def settings() -> Settings:
    """The settings of this process."""
    return from_environment()


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigurationError(f"{name} must be a port number from 1 to 65535, but it is {text!r}")
    return int(text)


def _http_url(env: Mapping[str, str], name: str) -> str | None:
    url = (env.get(name) or "").rstrip("/")
    if url and not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name} must start with http:// or https://")
    return url or None


def _ops_token(env: Mapping[str, str], demo: bool) -> str | None:
    token = env.get("RECOURSE_OPS_TOKEN") or (DEMO_OPS_TOKEN if demo else None)
    if token is not None and (len(token) < _OPS_TOKEN_MIN or not token.isascii() or not token.isprintable()):
        raise ConfigurationError(
            f"RECOURSE_OPS_TOKEN must have at least {_OPS_TOKEN_MIN} ASCII characters; "
            "`openssl rand -hex 32` makes a good one"
        )
    return token


def _clock_file(env: Mapping[str, str], demo: bool) -> Path | None:
    """Nobody may move the deadlines of a real shop: the file is refused rather than ignored, so that nobody believes in it."""
    name = env.get("RECOURSE_CLOCK_FILE")
    if name and not demo:
        raise ConfigurationError(
            "RECOURSE_CLOCK_FILE is for tests with the demo secret only; unset it, or unset RECOURSE_SHOP_SECRET"
        )
    return Path(name).expanduser().absolute() if name else None


def _webhook_secrets(env: Mapping[str, str], demo: bool) -> tuple[str, ...]:
    """The secrets in the order given; without any, the demo's own, which nobody else may use."""
    name = "RECOURSE_PROVIDER_WEBHOOK_SECRET"
    found = tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
    for secret in found:
        try:
            size = len(base64.b64decode(secret.removeprefix("whsec_") + "=="))
        except ValueError:
            size = 0
        if size < _WEBHOOK_SECRET_MIN:
            raise ConfigurationError(
                f"{name} must be whsec_ and at least {_WEBHOOK_SECRET_MIN} random bytes in Base64, as the provider shows it"
            )
    return found or ((DEMO_WEBHOOK_SECRET,) if demo else ())


def _database_url(url: str) -> str:
    """Accept the usual spellings of a PostgreSQL URL and send them to psycopg 3."""
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise ConfigurationError(
            "RECOURSE_DATABASE_URL must start with sqlite:/// or postgresql://, but it starts with "
            + repr(url.split(":")[0])
        )
    return url
