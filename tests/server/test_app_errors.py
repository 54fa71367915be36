"""What apps tell of their errors: it is in the log, in one line, and bounded."""

from typing import Any

from structlog.testing import capture_logs

from tests.support.platform import HOST, Platform

ERROR = {
    "message": "KeyError: 'SCM-1'\x1b[31m red\n2026-01-01 [error] forged",
    "traceback": 'Traceback:\n  File "a.py"\r\n\u202eleft\ttab \u0000 ä 😀',
    "page": "/machines/SCM-1",
    "version": "0.1.0",
}
TOLD = {
    "error": "KeyError: 'SCM-1'\\x1b[31m red\\n2026-01-01 [error] forged",
    "traceback": 'Traceback:\\n  File "a.py"\\r\\n\\u202eleft\\ttab \\x00 ä 😀',
    "page": "/machines/SCM-1",
    "version": "0.1.0",
}


async def test_an_error_is_logged_with_who_told_of_it(platform: Platform) -> None:
    cookie = {"cookie": f"sunsweep_session={await platform.token()}", "x-requested-with": "app"}
    with capture_logs() as log:
        assert (await platform.call("POST", "/app/errors", json=ERROR)).status_code == 204
        async with platform.web("/api/v1") as web:
            for headers in ({}, {"authorization": "Bearer nonsense"}, cookie):
                assert (await web.post("/app/errors", json=ERROR, headers=headers)).status_code == 204
    told = [entry for entry in log if entry["event"] == "app_error"]
    assert [(one["user"], one["company"], one["address"], one["log_level"]) for one in told] == [
        ("admin@example.com", 1, HOST, "warning"),
        (None, None, HOST, "warning"),
        (None, None, HOST, "warning"),
        ("operator@example.com", 1, HOST, "warning"),
    ]
    for one in told:
        assert {name: one[name] for name in TOLD} == TOLD


async def test_errors_are_bounded_in_size_and_number(platform: Platform) -> None:
    async def told(**error: Any) -> tuple[int, dict[str, Any]]:
        async with platform.web("/api/v1") as web:
            answer = await web.post("/app/errors", json=error)
        return answer.status_code, answer.json() if answer.content else {}

    for field, length in {"message": 2001, "traceback": 8001, "page": 301, "version": 65}.items():
        status, problem = await told(**{"message": "Oops", field: "x" * length})
        assert (status, problem["field"]) == (422, field)
    assert (await told(message="\x1b" * 2000, traceback="\x00" * 8000))[0] == 204
    with capture_logs() as log:
        outcomes = [await told(message="Oops") for _ in range(8)]
    assert [status for status, _ in outcomes] == [204] * 4 + [429] * 4
    assert 1 <= outcomes[-1][1]["retry_after_s"] <= 15
    assert len([entry for entry in log if entry["event"] == "app_error"]) == 4


async def test_an_error_is_told_of_while_the_database_is_away(platform: Platform) -> None:
    assert (await platform.call("GET", "/machines")).status_code == 200
    await platform.rename("user_account", "elsewhere")
    with capture_logs() as log:
        assert (await platform.call("POST", "/app/errors", json={"message": "Oops"})).status_code == 204
    assert [one["user"] for one in log if one["event"] == "app_error"] == [None]


async def test_behind_a_proxy_that_is_trusted_each_address_has_its_own_bound(platform: Platform) -> None:
    await platform.stop_web()
    platform.settings = platform.settings.model_copy(update={"trusted_proxies": (HOST,)})
    await platform.start_web()

    async def told(address: str) -> int:
        async with platform.web("/api/v1") as web:
            headers = {"x-forwarded-for": address}
            return (await web.post("/app/errors", json={"message": "Oops"}, headers=headers)).status_code

    with capture_logs() as log:
        assert [await told("203.0.113.1") for _ in range(6)] == [204] * 5 + [429]
        assert await told("203.0.113.2") == 204
        assert [await told(f"2001:db8::{n}") for n in range(6)] == [204] * 5 + [429], "one network is one address"
    addresses = [one["address"] for one in log if one["event"] == "app_error"]
    assert addresses[:6] == ["203.0.113.1"] * 5 + ["203.0.113.2"]
