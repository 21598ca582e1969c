"""Handoff: the case that a human gets, with every fact."""
