"""The test tools bring packages along that ``make run`` does not install: what the product imports must be its own."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from recourse.core.settings import PROJECT_ROOT

_OURS = {"recourse", "actions"}


def imported() -> Iterator[tuple[str, str]]:
    """File and top-level module of every import in the product."""
    for folder in sorted(_OURS):
        for path in sorted((PROJECT_ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    names = [node.module]
                else:
                    continue
                for name in names:
                    yield str(path.relative_to(PROJECT_ROOT)), name.partition(".")[0]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_product_imports_only_packages_of_the_app_group() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())
    requirements = project["dependency-groups"]["app"]
    declared = {normal(re.split(r"[^\w.-]", one)[0]) for one in requirements if isinstance(one, str)}
    providers = packages_distributions()
    missing = {
        f"{path} imports {module}"
        for path, module in imported()
        if module not in sys.stdlib_module_names | _OURS
        and not {normal(name) for name in providers.get(module, [])} & declared
    }
    assert not missing
