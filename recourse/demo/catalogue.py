"""What the demo's sellers sell. Prices are in US cents; other currencies follow from one table of round figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """A product: ``sku``, who sells it, its title as the buyer reads it, and its price in US cents."""

    sku: str
    seller: str
    title: str
    usd: int


_BY_SELLER: dict[str, tuple[tuple[str, str, int], ...]] = {
    "northlight": (
        ("HP-OVER", "Wireless over-ear headphones, matte black", 12900),
        ("HP-STUDIO", "Wired studio headphones, walnut", 18900),
        ("HP-KIDS", "Kids' headphones with volume limit, blue", 3490),
        ("EAR-SPORT", "Sport earbuds with charging case", 5990),
        ("SPK-PORT", "Portable speaker, waterproof, teal", 7990),
        ("SPK-SHELF", "Bookshelf speakers, pair, white oak", 24900),
        ("TT-BELT", "Belt-drive record player", 21900),
    ),
    "brightwell": (
        ("KETTLE", "Electric gooseneck kettle, 0.9 l, brushed steel", 6990),
        ("MUG-SET", "Stoneware mugs, set of four, moss green", 3290),
        ("TRAY", "Bamboo serving tray", 2450),
        ("LAMP-DESK", "Dimmable desk lamp, brass", 5490),
        ("LINEN", "Washed linen bedding, double, sand", 11900),
        ("TOWELS", "Waffle towels, set of three", 3990),
        ("CURTAIN", "Blackout curtains, pair, charcoal", 5690),
        ("KNIFE", "Chef's knife, 20 cm", 6490),
        ("VACUUM", "Cordless hand vacuum", 8990),
    ),
    "fjordfield": (
        ("TENT-2", "Two-person trekking tent, 1.9 kg", 22900),
        ("BAG-DOWN", "Down sleeping bag, comfort -3 °C", 17900),
        ("PACK-40", "Hiking backpack, 40 l, slate", 10900),
        ("BOOT-MID", "Waterproof hiking boots, mid, size 42", 13900),
        ("FLASK", "Insulated bottle, 750 ml, orange", 2790),
        ("STOVE", "Folding camping stove", 4490),
        ("RAIN-JK", "Three-layer rain jacket, women's M", 15900),
    ),
    "velavida": (
        ("COAT-W", "Wool coat, camel, size M", 16900),
        ("DRESS-L", "Linen summer dress, terracotta, size S", 5990),
        ("JEANS-S", "Slim jeans, indigo, 32/32", 4990),
        ("SCARF", "Merino scarf, striped", 2990),
        ("SNEAK-41", "Canvas sneakers, white, size 41", 5490),
        ("BELT", "Leather belt, dark brown", 2690),
        ("SWEAT", "Organic cotton sweatshirt, sage, size L", 4290),
    ),
    "oakline": (
        ("DESK-OAK", "Standing desk, solid oak, 140 cm", 48900),
        ("CHAIR-ERG", "Ergonomic office chair, grey", 27900),
        ("SHELF-5", "Five-tier bookcase, walnut finish", 15900),
        ("STOOL", "Bar stool, set of two", 12900),
        ("SIDE-T", "Round side table, ash", 8900),
    ),
    "tinkertot": (
        ("BLOCKS", "Wooden building blocks, 100 pieces", 3490),
        ("TRAIN", "Wooden train set, 60 pieces", 5490),
        ("PUZZLE", "World map puzzle, 500 pieces", 1890),
        ("TELESC", "Beginner's telescope, 70 mm", 8490),
        ("KITE", "Stunt kite, rainbow", 2690),
    ),
    "coldchain": (
        ("BEANS-ETH", "Ethiopian coffee beans, 1 kg", 2890),
        ("BEANS-DEC", "Decaf espresso beans, 1 kg", 2690),
        ("GRINDER", "Hand coffee grinder, steel burrs", 7490),
        ("ESPRESSO", "Manual espresso maker", 11900),
        ("FILTERS", "Paper filters, 300 pieces", 990),
    ),
    "papermoon": (
        ("PEN-FOUN", "Fountain pen, fine nib, navy", 4590),
        ("INK-SET", "Ink set, six colours", 3290),
        ("NOTE-DOT", "Dotted notebook A5, three pack", 1990),
        ("PLANNER", "Weekly planner, cloth cover", 2490),
        ("WASHI", "Washi tape, twelve rolls", 1490),
    ),
    "madeforyou": (
        ("RING-ENG", "Engraved silver ring", 8900),
        ("WATCH-ENG", "Engraved pocket watch", 11900),
        ("BOARD-ENG", "Engraved chopping board, olive wood", 4490),
        ("LOCKET", "Silver locket with initials", 7490),
    ),
    "voltworks": (
        ("KEYB-75", "Mechanical keyboard, 75 %, tactile switches", 10900),
        ("MOUSE-V", "Vertical mouse, wireless", 4490),
        ("HUB-C", "USB-C hub, 8 ports", 5490),
        ("MON-27", "27-inch monitor, 1440p", 26900),
        ("SSD-2", "Portable SSD, 2 TB", 15900),
        ("CAM-HD", "Webcam with privacy shutter", 6490),
        ("PWR-20", "Power bank, 20,000 mAh", 4290),
        ("PHOTO-PR", "Pocket photo printer", 9900),
    ),
    "greenthumb": (
        ("OLIVE", "Olive tree, 90 cm", 6490),
        ("HERBS", "Herb garden kit, six pots", 3290),
        ("MONSTERA", "Monstera plant, 60 cm", 3990),
        ("SECAT", "Bypass secateurs", 2990),
        ("CAN-W", "Watering can, copper, 2 l", 3490),
    ),
    "glassworks": (
        ("VASE", "Hand-blown vase, smoke grey, 30 cm", 7900),
        ("CARAFE", "Water carafe with two glasses", 5490),
        ("PENDANT", "Glass pendant lamp, amber", 13900),
    ),
    "attic": (
        ("CAMERA-F", "Film camera from 1978, tested", 14900),
        ("TEA-SET", "Porcelain tea set, six cups", 8900),
        ("MIRROR", "Gilded wall mirror, 60 cm", 11900),
        ("TYPEWR", "Portable typewriter, working", 13900),
    ),
}

PRODUCTS: dict[str, Product] = {
    sku: Product(sku, seller, title, usd) for seller, items in _BY_SELLER.items() for sku, title, usd in items
}

_PER_USD = {"USD": (100, 100, 1), "GBP": (82, 50, 1), "EUR": (95, 50, 1), "BRL": (520, 500, 10), "JPY": (150, 100, 20)}
"""Hundredths of a minor unit for one US cent, the step a price is rounded to, and what is then
taken off, so that prices end as prices do (41.99, 2,480)."""


def price(usd: int, currency: str) -> int:
    """The shelf price of something that costs ``usd`` cents, in minor units of ``currency``."""
    rate, step, off = _PER_USD[currency]
    raw = usd * rate // 100
    return max(step, round(raw / step) * step) - off
