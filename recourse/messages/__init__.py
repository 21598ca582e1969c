"""Buyer and seller: messages, what a seller asks for, and offers."""
