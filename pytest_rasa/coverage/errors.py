"""What coverage cannot do, in words for the user."""

from __future__ import annotations


class CoverageError(Exception):
    """A file of the assistant, or the list of what is left out, cannot be used. The message says where and what would be right."""
