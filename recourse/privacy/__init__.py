"""Privacy: erasure and export of one buyer's data."""
