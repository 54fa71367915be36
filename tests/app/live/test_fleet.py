"""A fleet folded from rows and frames, and told a few times a second."""

import asyncio
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.live.attention import attention
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.fleet import SWEEP, Change, Fleet
from sunsweep.app.net.server_clock import ServerClock
from tests.app.live.rows import NOW_MS, frame, iso, online, row
from tests.app.net.network import run


def clock() -> ServerClock:
    return ServerClock(monotonic=lambda: 0.0, wall=lambda: NOW_MS / 1000)


def fleet(*rows: dict[str, Any], every_s: float = 0.5) -> tuple[Fleet, list[Change]]:
    found = Fleet(clock(), every_s=every_s)
    told: list[Change] = []
    found.listen(told.append)
    found.take_rows(rows, asked_ms=NOW_MS)
    return found, told


def status(machine_id: str, word: str, at_ms: int = NOW_MS - 1000) -> dict[str, Any]:
    return frame("status", at_ms, {"status": word}, machine_id)


def test_changes_are_told_together_and_twice_a_second() -> None:
    async def work() -> None:
        found, told = fleet(row("A"), row("B"))
        assert told == []
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert told == [Change(frozenset({"A", "B"}), order=True)]
        for _ in range(100):
            found.take_frames([status("A", "Running"), status("A", "Idle")])
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        assert 2 <= len(told) <= 4
        assert told[-1] == Change(frozenset({"A"}), order=False)
        found.close()

    run(work())


def test_rows_keep_their_place() -> None:
    async def work() -> None:
        found, _ = fleet(row("B", current=online()), row("A", current=online()))
        found.take_frames([status("A", "Fault"), status("C", "Idle")])
        assert found.order == ["B", "A", "C"]
        found.take_frames([status("A", "Idle", NOW_MS), status("B", "EmergencyStop", NOW_MS)])
        assert found.order == ["B", "A", "C"]
        found.close()

    run(work())


def test_who_is_known_by_a_frame_only_is_asked_about() -> None:
    async def work() -> None:
        found, _ = fleet(row("A"))
        found.take_frames([status("NEW", "Idle")])
        assert found.lacking == {"NEW"}
        found.take_rows([row("NEW", name="Row 7")], asked_ms=NOW_MS)
        assert found.lacking == set()
        assert found.machines["NEW"].name == "Row 7"
        found.take_frames([frame("lagged", NOW_MS, {"lost": 3}, "A")])
        assert found.lacking == {"A"}
        found.close()

    run(work())


def test_who_is_archived_or_no_longer_listed_goes() -> None:
    async def work() -> None:
        found, told = fleet(row("A"), row("B"), row("C"))
        gone = {"presence": "offline", "since": iso(NOW_MS), "cause": "archived"}
        found.take_frames([frame("presence", NOW_MS, gone, "A")])
        found.retain({"C", "D"})
        assert found.order == ["C"]
        await asyncio.sleep(1)
        assert told[-1].order
        assert sum(found.states.values()) == 1
        found.close()

    run(work())


def test_silence_comes_without_a_frame() -> None:
    async def work() -> None:
        seconds = 0.0
        found = Fleet(ServerClock(monotonic=lambda: seconds, wall=lambda: NOW_MS / 1000))
        told: list[Change] = []
        found.listen(told.append)
        running = online(status="Running", ts=iso(NOW_MS - 5000))
        found.take_rows([row(f"M-{n}", current=running) for n in range(30)], asked_ms=NOW_MS)
        await asyncio.sleep(1)
        assert found.states[AttentionState.WORKING] == 30
        assert found.needed == 0
        seconds = 300.0
        for _ in range(SWEEP):
            found.look_at_the_time()
        await asyncio.sleep(1)
        assert found.states == {AttentionState.SILENT_WORKING: 30, AttentionState.WORKING: 0}
        assert found.needed == 30
        found.close()

    run(work())


def test_who_listens_no_more_is_told_no_more() -> None:
    async def work() -> None:
        found, told = fleet(row("A"))
        more: list[Change] = []
        end = found.listen(more.append)
        end()
        end()
        await asyncio.sleep(1)
        assert more == []
        assert len(told) == 1
        found.close()

    run(work())


def test_the_servers_own_frames_set_the_clock_and_a_machines_do_not() -> None:
    async def work() -> None:
        seconds = 100.0
        slow = ServerClock(monotonic=lambda: seconds, wall=lambda: NOW_MS / 1000 - 7200)
        found = Fleet(slow)
        found.take_frames([status("A", "Idle", NOW_MS + 50_000)])
        assert slow.now_ms() == NOW_MS - 7_200_000
        told = {"presence": "online", "since": iso(NOW_MS), "cause": "heard"}
        found.take_frames([frame("presence", NOW_MS, told, "A")])
        assert slow.now_ms() == NOW_MS
        found.close()

    run(work())


@given(st.randoms(use_true_random=False))
def test_the_counts_are_those_of_the_machines(random: Random) -> None:
    async def work() -> None:
        found, _ = fleet(*(row(f"M-{n}", current=online()) for n in range(8)))
        for step in range(60):
            serial = f"M-{random.randrange(12)}"
            word = random.choice(["Idle", "Running", "Fault", "Paused", "Foo"])
            match random.randrange(4):
                case 0:
                    found.drop(serial)
                case 1:
                    found.take_rows([row(serial, current=online())], asked_ms=NOW_MS)
                case _:
                    found.take_frames([status(serial, word, NOW_MS - 10_000 + step)])
            if random.random() < 0.2:
                await asyncio.sleep(1)
        await asyncio.sleep(1)
        assert sorted(found.order) == sorted(found.machines) == sorted(found.attention)
        judged = {serial: attention(one, NOW_MS) for serial, one in found.machines.items()}
        assert found.attention == judged
        assert found.needed == sum(one.needed for one in judged.values())
        assert {s: n for s, n in found.states.items() if n} == {
            state: sum(one.state is state for one in judged.values())
            for state in {one.state for one in judged.values()}
        }
        found.close()

    run(work())
