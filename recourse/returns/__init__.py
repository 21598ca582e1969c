"""Returns and statutory withdrawals."""
