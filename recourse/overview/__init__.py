"""One order with everything that hangs on it: what the buyer sees, what an operator sees."""
