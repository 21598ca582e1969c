"""Makes pytest collect the YAML files of this folder."""

from runner.plugin import pytest_collect_file, pytest_unconfigure

__all__ = ["pytest_collect_file", "pytest_unconfigure"]
