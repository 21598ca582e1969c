"""``/ops/v1``: what the shop's own systems tell Recourse: orders, carriers' scans, stock."""
