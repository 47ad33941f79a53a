"""How Hypothesis works here, and what a worker of `pytest -n` may say.

Hypothesis sets no time limit for an example, because machines are busy, and takes the same examples on a server. In
mutation testing an example that fails is enough: nobody reads it, so it is not made smaller.
"""

import gc
import os
from collections.abc import Generator
from functools import cache
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


gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while thousands of tests are collected, and pass over what they are made of."""
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    r"""Write half a surrogate pair that a test logged as `\ud83d`: workers report in UTF-8."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report
