"""``recourse sellers``: who sells, under which rules, and with which keys their systems sign in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from recourse.cli.output import print_json, print_table, value_text
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import InvalidInput
from recourse.sellers import keys
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy

PLATFORM = "platform"
app = typer.Typer(help="Sellers: their rules and their keys.", no_args_is_help=True)
policy_app = typer.Typer(help="The rules that new orders of a seller keep.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys for the seller API.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(keys_app, name="keys")

_Seller = Annotated[str, typer.Argument(help="Seller id, for example northlight.")]
_Rules = Annotated[str, typer.Argument(help=f"Seller id, or '{PLATFORM}' for the platform's default.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_sellers(as_json: _Json = False) -> None:
    """List the sellers.

    Example: `recourse sellers list`
    """
    with reading() as session:
        rows = [asdict(each) for each in sellers.everyone(session)]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "name", "country", "timezone", "is_trader", "cancel_defects")
    print_table(columns, [[str(row[column]) for column in columns] for row in rows])


@policy_app.command("show")
def show_policy(seller: _Rules, as_json: _Json = False) -> None:
    """Show the rules in force for new orders of a seller, and every version that it published.

    Example: `recourse sellers policy show northlight`
    """
    seller_id, now = _owner(seller), SystemClock().now()
    with transaction() as session:  # the platform's default is stored the first time that it is asked for
        if seller_id:
            sellers.get(session, seller_id)
        policy = sellers.policy_at(session, seller_id, now)
        versions = sellers.policies(session, seller_id)
    if as_json:
        print_json(
            {
                "in_force": policy.to_json(),
                "versions": [
                    {"version": each.version, "valid_from": each.valid_from.isoformat(), **each.policy.to_json()}
                    for each in versions
                ],
            }
        )
        return
    print_table(("rule", "in force"), [(name, value_text(value)) for name, value in policy.to_json().items()])
    print_table(
        ("version", "valid from", "id"),
        [(str(each.version), each.valid_from.isoformat(), each.policy.id) for each in versions],
    )


@policy_app.command("publish")
def publish_policy(
    seller: _Rules,
    response_hours: Annotated[int | None, typer.Option(help="Hours a seller has to answer a request.")] = None,
    on_silence: Annotated[str | None, typer.Option(help="approve, reject or escalate.")] = None,
    ship_while_pending: Annotated[str | None, typer.Option(help="supersedes or block.")] = None,
    coupon_on_refund: Annotated[str | None, typer.Option(help="balance, restore_if_valid or none.")] = None,
    after_shipment: Annotated[str | None, typer.Option(help="refuse or ask_seller.")] = None,
    fee_kind: Annotated[str | None, typer.Option(help="none, fixed or percent.")] = None,
    fee_value: Annotated[int | None, typer.Option(help="Minor units, or hundredths of a per cent.")] = None,
    fee_cap: Annotated[int | None, typer.Option(help="The most a fee may be, in minor units.")] = None,
    refund_shipping: Annotated[str | None, typer.Option(help="never, unsent_only or always.")] = None,
    partial_cancel: Annotated[bool | None, typer.Option(help="May single items be cancelled?")] = None,
    max_requests_per_order: Annotated[int | None, typer.Option(help="How often one order may be asked for.")] = None,
    return_window_days: Annotated[int | None, typer.Option(help="Days from delivery.")] = None,
    free_return: Annotated[bool | None, typer.Option(help="Are returns free and without a question?")] = None,
    ship_deadline_bd: Annotated[int | None, typer.Option(help="Business days from payment.")] = None,
    dispute_open_after_days: Annotated[int | None, typer.Option(help="Days from shipment.")] = None,
    dispute_close_after_days: Annotated[int | None, typer.Option(help="Days from delivery.")] = None,
    dispute_response_days: Annotated[int | None, typer.Option(help="Days a seller has to answer a dispute.")] = None,
    negotiation_days: Annotated[int | None, typer.Option(help="Days to negotiate a dispute.")] = None,
    ship_back_days: Annotated[int | None, typer.Option(help="Days to send goods back.")] = None,
    clause: Annotated[
        str | None, typer.Option(help="The seller's own words, shown before the reason is asked.")
    ] = None,
    clause_text: Annotated[
        list[str] | None, typer.Option(help="The clause in another language: de='Wir ...'. May be repeated.")
    ] = None,
) -> None:
    """Publish the next version of a seller's rules: what is in force now, with these changes. Orders keep what they have.

    Example: `recourse sellers policy publish northlight --response-hours 48 --on-silence escalate`
    """
    changes: dict[str, Any] = {k: v for k, v in locals().items() if k in _FIELDS and v is not None}
    if clause_text:
        changes["clause_texts"] = dict(_translation(each) for each in clause_text)
    if not changes:
        raise InvalidInput("nothing to publish; give at least one rule, for example --response-hours 48")
    seller_id = _owner(seller)
    with transaction() as session:
        policy = sellers.publish_policy(session, seller_id, SystemClock().now(), **changes)
        version = sellers.policies(session, seller_id)[-1]
    typer.echo(
        f"{seller}: version {version.version} ({policy.id}) holds for orders from {version.valid_from.isoformat()}"
    )


_FIELDS = frozenset(Policy().to_json()) - {"id", "clause_texts"}


@keys_app.command("add")
def add_key(
    seller: _Seller,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Issue a key for the seller API and print it. It is not stored and cannot be shown again.

    Example: `recourse sellers keys add northlight --label "warehouse system"`
    """
    with transaction() as session:
        plain = keys.issue_key(session, seller, label, SystemClock().now())
    typer.echo(plain)


@keys_app.command("list")
def list_keys(seller: _Seller, as_json: _Json = False) -> None:
    """List a seller's keys by what may be known of them.

    Example: `recourse sellers keys list northlight`
    """
    with reading() as session:
        found = keys.keys_of(session, seller)
    rows = [
        {
            "id": key.id,
            "starts_with": key.prefix,
            "label": key.label,
            "created_at": key.created_at.isoformat(),
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        }
        for key in found
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "starts_with", "label", "created_at", "revoked_at")
    print_table(columns, [[str(row[column] or "-") for column in columns] for row in rows])


@keys_app.command("revoke")
def revoke_key(seller: _Seller, key: Annotated[str, typer.Argument(help="Id of the key.")]) -> None:
    """End a key at once and for good.

    Example: `recourse sellers keys revoke northlight 3f0c...`
    """
    with transaction() as session:
        done = keys.revoke_key(session, seller, key, SystemClock().now())
    typer.echo(f"key {done.prefix}...: revoked")


def _owner(seller: str) -> str | None:
    return None if seller == PLATFORM else seller


def _translation(text: str) -> tuple[str, str]:
    language, found, words = text.partition("=")
    if not found:
        raise InvalidInput(f"{text!r} is not a translation; write it like de='Wir ...'")
    return language.strip(), words.strip()
