"""Settings, read once from environment variables. Every default makes the demo work; production sets them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recourse.core.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEMO_SECRET = "recourse-demo-secret-do-not-use-in-production"  # noqa: S105 - named so that nobody can mistake it
_DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set.

    ``data_dir``: folder of everything that is written (RECOURSE_DATA, default ``./var``).
    ``database_url``: SQLAlchemy URL (RECOURSE_DATABASE_URL; default SQLite ``recourse.db`` in ``data_dir``).
    ``port``: the gateway's port (RECOURSE_PORT, default 8000). ``host``: its address (RECOURSE_HOST, default 127.0.0.1).
    ``shop_secret``: HS256 secret that the shop signs buyer tokens with (RECOURSE_SHOP_SECRET; the demo's own by default).
    ``allowed_origins``: origins of shop pages (RECOURSE_ORIGINS, comma separated); empty means the gateway's own pages only.
    ``rasa_url``, ``rasa_token``, ``actions_url``: where the engine listens (set by ``recourse up`` for its children).
    ``dev_buyer``: buyer id that ``rasa shell`` speaks as, demo secret only (RECOURSE_DEV_BUYER).
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
    data_dir = Path(env.get("RECOURSE_DATA") or PROJECT_ROOT / "var").expanduser().absolute()
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(env.get("RECOURSE_DATABASE_URL") or f"sqlite:///{data_dir / 'recourse.db'}"),
        host=env.get("RECOURSE_HOST") or "127.0.0.1",
        port=_port(env, "RECOURSE_PORT", _DEFAULT_PORT),
        shop_secret=env.get("RECOURSE_SHOP_SECRET") or DEMO_SECRET,
        allowed_origins=tuple(part.strip() for part in env.get("RECOURSE_ORIGINS", "").split(",") if part.strip()),
        rasa_url=env.get("RECOURSE_RASA_URL") or "http://127.0.0.1:5005",
        rasa_token=env.get("RECOURSE_RASA_TOKEN", ""),
        actions_url=env.get("RECOURSE_ACTIONS_URL") or "http://127.0.0.1:5055",
        dev_buyer=env.get("RECOURSE_DEV_BUYER") or None,
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
