"""Orders: lines, payments, shipments, the order machine, and finding an order from what a buyer says."""
