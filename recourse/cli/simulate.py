"""``recourse simulate``: people and systems to try things with. Nothing of this starts by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import ConfigurationError
from recourse.core.settings import settings
from recourse.sellers import keys
from recourse.sellers import service as sellers
from recourse.simulators.sellers import STYLES, SellerSimulator, run

app = typer.Typer(help="Stand-ins to try things with.", no_args_is_help=True)
_LABEL = "simulator"


@app.callback()
def _simulate() -> None:
    """Stand-ins to try things with."""


@app.command("sellers")
def simulate_sellers(
    style: Annotated[
        str, typer.Option(help="; ".join(f"{name}: {what}" for name, what in STYLES.items()) + ".")
    ] = "fast_yes",
    seller: Annotated[
        list[str] | None, typer.Option(help="Seller id; may be repeated. All sellers, unless given.")
    ] = None,
    styles: Annotated[
        Path | None, typer.Option(help='JSON file with a style for each seller: {"northlight": "slow"}.')
    ] = None,
    url: Annotated[str | None, typer.Option(help="Where the gateway listens.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="RECOURSE_SELLER_KEY", help="A seller's API key. The demo makes its own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same choices.")] = 0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option(help="Look once, act and end.")] = False,
) -> None:
    """Let sellers answer cancellation requests over the seller API, until you press Ctrl-C.

    Example: `recourse simulate sellers --style asks_form --seller northlight`
    """
    config, clock = settings(), SystemClock()
    base = url or f"http://127.0.0.1:{config.port}"
    wanted = {"": style} if key else _wanted(style, seller or [], styles)
    given = {"": key} if key else _issue(wanted)
    try:
        crowd = [
            SellerSimulator(base, given[each], how, seed=seed, now=clock.now) for each, how in sorted(wanted.items())
        ]
        with suppress(KeyboardInterrupt):
            acted = run(crowd, every, 1 if once else None)
            typer.echo(f"{acted} answered")
    finally:
        if not key:
            _revoke(given)


def _wanted(style: str, chosen: list[str], file: Path | None) -> dict[str, str]:
    """Seller id -> style. A file says it for each seller; otherwise all that are chosen have the same."""
    if not settings().demo:
        raise ConfigurationError("this is not the demo, so no key can be made here; give a seller's key with --key")
    found: dict[str, str] = {}
    if file is not None:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{file} is not a JSON file that can be read: {error}") from error
        if not isinstance(found, dict):
            raise ConfigurationError(f'{file} must hold one object, like {{"northlight": "slow"}}')
    with reading() as session:
        known = [each.id for each in sellers.everyone(session)]
    if file is None:
        found = dict.fromkeys(chosen or known, style)
    for each in chosen:
        found.setdefault(each, style)
    for each, how in found.items():
        if each not in known:
            raise ConfigurationError(f"there is no seller {each!r}; `recourse sellers list` shows who there is")
        if how not in STYLES:
            raise ConfigurationError(f"there is no style {how!r} (of {each}); use one of {', '.join(STYLES)}")
    return found


def _issue(wanted: Mapping[str, str]) -> dict[str, str]:
    with transaction() as session:
        return {each: keys.issue_key(session, each, _LABEL, SystemClock().now()) for each in wanted}


def _revoke(given: Mapping[str, str]) -> None:
    with transaction() as session:
        for seller_id, plain in given.items():
            for each in keys.keys_of(session, seller_id):
                if plain.startswith(each.prefix) and each.label == _LABEL:
                    keys.revoke_key(session, seller_id, each.id, SystemClock().now())
