"""What every test has; the fixtures themselves stand in tests/support."""

import faulthandler
import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.hygiene", "tests.support.databases", "tests.support.light_passwords"]

settings.register_profile(
    "dev",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, max_examples=200, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is one worker's, as with `--dist loadfile`; and so is all that drives the browser, heavy as it is."""
    for item in items:
        drives = "browser_address" in getattr(item, "fixturenames", ())
        if drives:
            item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.xdist_group("browser" if drives else item.nodeid.partition("::")[0]))


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """pytest lifts its watch at a failure; but what hangs a test may hang its teardown too."""
    if isinstance(node, pytest.Item):
        limit_s = float(node.config.getini("faulthandler_timeout"))
        faulthandler.dump_traceback_later(limit_s, exit=True, file=2)
