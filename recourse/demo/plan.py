"""Which buyer has which order. One line an order: the scenario, then the products (a tuple is a product and how many).

An order's number follows from its buyer and its place in the list, so new lines go to the end of a buyer's list.
The dates follow from the scenario, so the order of the lines is not the order in which a buyer sees them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planned:
    """One order to be: its scenario, and the products in the basket as (sku, quantity)."""

    scenario: str
    basket: tuple[tuple[str, int], ...]


def order(scenario: str, *products: str | tuple[str, int]) -> Planned:
    """A line of the plan; a product is a sku, or a sku and how many."""
    return Planned(scenario, tuple((each, 1) if isinstance(each, str) else each for each in products))


PLAN: dict[str, tuple[Planned, ...]] = {
    "b-1001": (
        order("paid_unsent", "HP-OVER"),
        order("paid_unsent", "KETTLE"),
        order("multi_item", "PEN-FOUN", "INK-SET", ("NOTE-DOT", 2)),
        order("split_tender", "TENT-2"),
        order("coupon_used", "LINEN", "TOWELS"),
        order("silence_rejects", "DESK-OAK"),
        order("ship_blocked", ("BEANS-ETH", 2), "FILTERS"),
        order("unpaid", "SNEAK-41"),
        order("coupon_reserved", "SCARF", "BELT"),
        order("payment_review", "MON-27"),
        order("cancellation_pending", "CURTAIN"),
        order("cancellation_rejected", "RING-ENG"),
        order("partially_shipped", "PUZZLE", "KITE"),
        order("shipped", "PACK-40"),
        order("delivered", "LAMP-DESK"),
        order("completed", "PLANNER", ("WASHI", 3)),
        order("dispute_window_open", "SPK-PORT"),
        order("dispute_window_over", "OLIVE"),
        order("frozen", "SSD-2"),
        order("refund_in_progress", "COAT-W"),
        order("refund_overdue", "VACUUM"),
        order("refund_failed", "KEYB-75"),
        order("refund_succeeded", "BLOCKS"),
        order("seller_cancelled", "CAMERA-F"),
        order("cancelled", "GRINDER"),
        order("closed", "MIRROR"),
        order("refund_split", "STOOL"),
    ),
    "b-1002": (
        order("paid_unsent", "HP-OVER"),
        order("paid_unsent", "HP-STUDIO"),
        order("multi_item", "STOVE", ("FLASK", 2), "RAIN-JK"),
        order("split_tender", "KEYB-75"),
        order("coupon_used", "ESPRESSO", "GRINDER"),
        order("silence_rejects", "CHAIR-ERG"),
        order("ship_blocked", "BEANS-DEC"),
        order("unpaid", "TRAIN"),
        order("transfer_pending", "TYPEWR"),
        order("coupon_reserved", "MONSTERA", "CAN-W"),
        order("payment_review", "CAMERA-F"),
        order("cancellation_pending", "JEANS-S"),
        order("cancellation_rejected", "WATCH-ENG"),
        order("request_superseded", "BOOT-MID"),
        order("partially_shipped", "KNIFE", "TRAY"),
        order("shipped", "MOUSE-V"),
        order("delivered", "SWEAT"),
        order("completed", "NOTE-DOT"),
        order("dispute_window_open", "TELESC"),
        order("dispute_window_over", "TT-BELT"),
        order("frozen", "PHOTO-PR"),
        order("refund_in_progress", "LINEN"),
        order("refund_overdue", "BAG-DOWN"),
        order("refund_failed", "HUB-C"),
        order("refund_succeeded", "TEA-SET"),
        order("seller_cancelled", "HERBS"),
        order("closed", "SPK-SHELF"),
    ),
    "b-1003": (
        order("shared_checkout", "DRESS-L"),
        order("shared_checkout", "TEA-SET"),
        order("coupon_used", "LOCKET"),
        order("shipped", "HP-STUDIO"),
        order("delivered", "MUG-SET"),
        order("refund_in_progress", "SNEAK-41"),
        order("completed", "PEN-FOUN"),
        order("cancellation_pending", "CHAIR-ERG"),
    ),
    "b-1004": (
        order("paid_unsent", "EAR-SPORT"),
        order("unpaid", "BLOCKS", "KITE"),
        order("silence_approved", "TENT-2"),
        order("refund_overdue", "RAIN-JK"),
        order("delivered", "BOARD-ENG"),
        order("dispute_window_open", "STOOL"),
        order("shipped", ("BEANS-ETH", 2)),
        order("refund_succeeded", "MOUSE-V"),
        order("cancelled", "SECAT"),
    ),
    "b-1005": (
        order("multi_item", "TOWELS", "LAMP-DESK", "KNIFE"),
        order("transfer_pending", "SHELF-5"),
        order("payment_review", "TT-BELT"),
        order("partially_shipped", "PUZZLE", "TRAIN"),
        order("refund_in_progress", "PACK-40"),
        order("request_expired", "SIDE-T"),
        order("dispute_window_over", "PLANNER"),
        order("completed", "CAM-HD"),
    ),
    "b-1006": (
        order("approved_unread", "SPK-PORT"),
        order("split_tender", "PWR-20"),
        order("paid_unsent", "INK-SET", "WASHI"),
        order("review_cancelled", "JEANS-S"),
        order("shipped", "TELESC"),
        order("refund_failed", "ESPRESSO"),
        order("completed", "BELT"),
        order("dispute_window_open", "MONSTERA"),
        order("frozen", "WATCH-ENG"),
    ),
    "b-1007": (
        order("paid_unsent", "DESK-OAK"),
        order("ship_blocked", "GRINDER", "FILTERS"),
        order("coupon_reserved", "BAG-DOWN"),
        order("cancellation_rejected", "BOARD-ENG"),
        order("refund_succeeded", "VACUUM"),
        order("seller_cancelled", "HP-KIDS"),
        order("delivered", "SSD-2"),
        order("closed", "COAT-W"),
        order("dispute_window_over", "CURTAIN"),
        order("refund_split", "TENT-2"),
    ),
    "b-1008": (
        order("paid_unsent", "HERBS", "CAN-W"),
        order("silence_rejects", "STOOL"),
        order("request_superseded", "HUB-C"),
        order("refund_overdue", "SPK-SHELF"),
        order("shipped", "SWEAT"),
        order("completed", "BLOCKS"),
        order("cancelled", "MIRROR"),
        order("delivered", "STOVE"),
    ),
    "b-1009": (
        order("coupon_used", "PHOTO-PR"),
        order("payment_review", "SCARF"),
        order("cancellation_pending", "LINEN"),
        order("refund_in_progress", "OLIVE"),
        order("seller_cancelled", "TYPEWR"),
        order("shipped", "BOOT-MID"),
        order("delivered", "HP-KIDS"),
        order("dispute_window_open", "KETTLE"),
    ),
    "b-1010": (
        order("multi_item", ("MON-27", 3), ("KEYB-75", 3), ("HUB-C", 3)),
        order("silence_rejects", ("CHAIR-ERG", 4)),
        order("partially_shipped", ("LAMP-DESK", 4), ("MUG-SET", 2)),
        order("refund_succeeded", ("SSD-2", 2)),
        order("silence_approved", ("NOTE-DOT", 10)),
        order("completed", ("BEANS-DEC", 5)),
        order("delivered", ("MONSTERA", 3)),
        order("dispute_window_over", "SHELF-5"),
    ),
    "b-1011": (
        order("paid_unsent", "RAIN-JK"),
        order("unpaid", "CAMERA-F"),
        order("frozen", "HP-OVER"),
        order("review_cancelled", "DRESS-L"),
        order("refund_in_progress", "KNIFE"),
        order("cancellation_rejected", "LOCKET"),
        order("shipped", "TRAIN"),
        order("delivered", "PLANNER"),
    ),
    "b-1012": (
        order("paid_unsent", "SPK-PORT"),
        order("shipped", "LAMP-DESK"),
        order("delivered", "PACK-40"),
        order("completed", "TEA-SET"),
        order("dispute_window_over", "HP-OVER"),
        order("refund_succeeded", "EAR-SPORT"),
        order("refund_in_progress", "SCARF"),
        order("cancelled", "TELESC"),
    ),
}
