"""``/seller/v1``: what a seller's systems see and do. A seller has a key and sees only own orders."""
