"""The ``recourse`` command. Each command only translates: arguments in, one service call, plain text or JSON out."""

from recourse.cli.main import app, main

__all__ = ["app", "main"]
