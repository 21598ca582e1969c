"""Who buys and who sells in the demo. All names are invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recourse.sellers.rules import Policy

POLICY_CHANGED = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class DemoBuyer:
    """A buyer. ``pays_with`` are (method, instrument) pairs, the usual one first."""

    id: str
    name: str
    country: str
    locale: str
    timezone: str
    currency: str
    pays_with: tuple[tuple[str, str], ...]
    is_consumer: bool = True


@dataclass(frozen=True, slots=True)
class DemoSeller:
    """A seller with its rules in force. ``earlier`` is the policy that was replaced ``POLICY_CHANGED`` ago, if any."""

    id: str
    name: str
    country: str
    policy: Policy
    earlier: Policy | None = None
    is_trader: bool = True

    def policy_at(self, at: datetime, now: datetime) -> Policy:
        """The rules that an order placed at ``at`` keeps."""
        return self.earlier if self.earlier and at < now - POLICY_CHANGED else self.policy


_BALANCE = ("balance", "your shop balance")

BUYERS: tuple[DemoBuyer, ...] = (
    DemoBuyer("b-1001", "Olivia Bennett", "GB", "en-GB", "Europe/London", "GBP",
              (("card", "Visa ending 4242"), ("paypal", "PayPal (o…@example.com)"), _BALANCE)),
    DemoBuyer("b-1002", "Jonas Becker", "DE", "de-DE", "Europe/Berlin", "EUR",
              (("klarna", "Klarna invoice"), ("card", "Mastercard ending 1881"), ("bank", "bank account ending 3307"), _BALANCE)),
    DemoBuyer("b-1003", "Camille Laurent", "FR", "fr-FR", "Europe/Paris", "EUR",
              (("card", "Visa ending 0119"), ("paypal", "PayPal (c…@example.com)"))),
    DemoBuyer("b-1004", "Lucía Navarro", "ES", "es-ES", "Europe/Madrid", "EUR",
              (("paypal", "PayPal (l…@example.com)"), ("card", "Visa ending 7754"))),
    DemoBuyer("b-1005", "Tiago Moreira", "PT", "pt-PT", "Europe/Lisbon", "EUR",
              (("bank", "bank account ending 6120"), ("card", "Mastercard ending 2205"))),
    DemoBuyer("b-1006", "Beatriz Carvalho", "BR", "pt-BR", "America/Sao_Paulo", "BRL",
              (("card", "Mastercard ending 9043"), ("wallet", "your phone wallet"), _BALANCE)),
    DemoBuyer("b-1007", "Marcus Hill", "US", "en-US", "America/Chicago", "USD",
              (("card", "American Express ending 1005"), ("paypal", "PayPal (m…@example.com)"), _BALANCE)),
    DemoBuyer("b-1008", "Zofia Kowalska", "PL", "pl-PL", "Europe/Warsaw", "EUR",
              (("bank", "bank account ending 8816"), ("card", "Visa ending 5530"))),
    DemoBuyer("b-1009", "Giulia Ferri", "IT", "it-IT", "Europe/Rome", "EUR",
              (("card", "Visa ending 3391"), ("wallet", "your phone wallet"))),
    DemoBuyer("b-1010", "Studio Van Dijk", "NL", "nl-NL", "Europe/Amsterdam", "EUR",
              (("bank", "bank account ending 4478"), ("klarna", "Klarna invoice")), is_consumer=False),
    DemoBuyer("b-1011", "Astrid Lindqvist", "SE", "sv-SE", "Europe/Stockholm", "EUR",
              (("klarna", "Klarna, pay in 30 days"), ("card", "Visa ending 6627"))),
    DemoBuyer("b-1012", "Haruka Mori", "JP", "ja-JP", "Asia/Tokyo", "JPY",
              (("card", "Visa ending 8130"), _BALANCE)),
)  # fmt: skip

SELLERS: tuple[DemoSeller, ...] = (
    DemoSeller("northlight", "Northlight Audio", "DK", Policy("northlight-2"), earlier=Policy("northlight-1", response_hours=72)),
    DemoSeller("brightwell", "Brightwell Home", "GB", Policy("brightwell-1")),
    DemoSeller("fjordfield", "Fjord & Field Outdoor", "NO", Policy("fjordfield-1", response_hours=48)),
    DemoSeller("velavida", "Vela Vida Fashion", "ES", Policy("velavida-1")),
    DemoSeller("oakline", "Oakline Furniture", "PL", Policy("oakline-1", on_silence="reject")),
    DemoSeller("tinkertot", "Tinker & Tot Toys", "DE", Policy("tinkertot-1")),
    DemoSeller("coldchain", "Harbour Street Coffee", "PT", Policy("coldchain-1", ship_while_pending="block")),
    DemoSeller("papermoon", "Paper Moon Stationery", "JP", Policy("papermoon-1", coupon_on_refund="none")),
    DemoSeller(
        "madeforyou", "Made for You Engraving", "IT",
        Policy("madeforyou-1", clause="We start engraving within 12 hours of your order. Once a piece carries your words we "
                                      "cannot sell it to anyone else, so please tell us as early as you can."),
    ),
    DemoSeller("voltworks", "Voltworks Electronics", "NL", Policy("voltworks-1")),
    DemoSeller("greenthumb", "Green Thumb Nursery", "NL", Policy("greenthumb-1", dispute_close_after_days=10)),
    DemoSeller(
        "glassworks", "Lindgren Glassworks", "SE",
        Policy("glassworks-1", after_shipment="ask_seller", fee_kind="percent", fee_value=1000, fee_cap=1500,
               clause="If you cancel after your order has left, we ask the carrier to bring it back. If that works, we keep "
                      "ten per cent of the price of the goods, at most 15.00 in your currency, for the way there and back."),
    ),
    DemoSeller("attic", "Second Spring Attic", "FR", Policy("attic-1"), is_trader=False),
)  # fmt: skip
