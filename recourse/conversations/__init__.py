"""Conversations: the durable message log and the buttons that were offered in it."""
