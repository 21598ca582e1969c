"""The invariants of the store as queries over any database."""
