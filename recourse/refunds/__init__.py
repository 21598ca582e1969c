"""Refunds: what comes back, to which means of payment, and where it is."""
