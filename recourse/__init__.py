"""Recourse: an order-support assistant for online marketplaces."""
