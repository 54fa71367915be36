"""What every test has; the fixtures themselves stand in tests/support."""

import os

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
