"""How Hypothesis works here, what is measured, and what a worker of `pytest -n` may say.

Hypothesis sets no time limit for an example, because machines are busy, and takes the same examples on a server. In
mutation testing an example that fails is enough: nobody reads it, so it is not made smaller.
"""

import gc
import os
from collections.abc import Generator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import Phase, settings

settings.register_profile("developer", deadline=None)
settings.register_profile("server", deadline=None, derandomize=True)
settings.register_profile("mutation", settings.get_profile("server"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("server" if os.environ.get("CI") else "developer")


class _ReadOnce(JSONFileLoader):
    """Reads each of botocore's models once, not again for every session: moto starts a new one for each test."""

    read = cache(JSONFileLoader().load_file)

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 (JSON)
        return type(self).read(file_path)


Loader.FILE_LOADER_CLASS = _ReadOnce

_list_services = Loader.list_available_services
_services: dict[tuple[str, ...], list[str]] = {}


def _listed_once(self: Loader, type_name: str) -> list[str]:
    """Return the services that botocore knows, without looking through its 400 folders for every session."""
    key = (type_name, *self.search_paths)
    if key not in _services:
        _services[key] = _list_services(self, type_name)
    return _services[key]


Loader.list_available_services = _listed_once  # type: ignore[method-assign]


_NOT_MEASURED = (
    "integration/api/test_openapi.py",
    "integration/campaign",
    "integration/console",
    "integration/contract",
    "integration/doctor/test_causes.py",
    "integration/faults",
    "integration/servicenow/test_tokens.py",
    "integration/simulator",
    "runtime",
    "template",
    "unit/rules/test_command.py",
    "unit/rules/test_shipped_rules.py",
    "unit/rules/test_shipped_rules_document.py",
    "unit/rules/test_shipped_rules_style.py",
    "unit/watch/test_watcher.py",
)
"""Whose coverage is not measured, fixtures included: others reach the same lines, and measuring doubles the time."""

_HERE = Path(__file__).parent
_SOURCE = _HERE.parent / "src"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage while a test runs whose coverage is not asked for."""
    measuring = None
    if item.config.pluginmanager.has_plugin("_cov") and _is_unmeasured(item.path):
        from coverage import Coverage  # noqa: PLC0415 (only where coverage is measured)

        measuring = Coverage.current()
    if measuring is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


@cache
def _is_unmeasured(path: Path) -> bool:
    return any(path.is_relative_to(_HERE / name) for name in _NOT_MEASURED)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load what is measured, and let the garbage collector pass over what thousands of collected tests are made of.

    A module that a test loads which is not measured would count as one of which nothing runs.
    """
    if session.config.pluginmanager.has_plugin("_cov"):
        for path in sorted((_SOURCE / "common").rglob("*.py")):
            import_module(".".join(path.relative_to(_SOURCE).with_suffix("").parts))
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    r"""Write half a surrogate pair that a test logged as `\ud83d`: workers report in UTF-8."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report
