"""Recording: a conversation that happened, written down as a conversation test."""
