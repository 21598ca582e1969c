"""Sellers and their versioned policies."""
