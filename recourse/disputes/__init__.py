"""Disputes: a claim about one line, negotiated, then decided."""
