"""One click, one act."""

import asyncio

import pytest

from sunsweep.app.hooks.once import RESTS_S, Once


async def test_a_second_click_while_it_is_under_way_is_none() -> None:
    done: list[int] = []
    answered = asyncio.Event()

    async def act() -> None:
        await answered.wait()
        done.append(1)

    once = Once()
    first = asyncio.create_task(once.do(act))
    await asyncio.sleep(0)
    assert once.is_under_way
    await once.do(act)
    answered.set()
    await first
    assert (done, once.is_under_way) == ([1], False)


async def test_the_second_half_of_a_double_click_is_none() -> None:
    now_s = 100.0
    done: list[float] = []

    async def act() -> None:
        done.append(now_s)

    once = Once(lambda: now_s)
    await once.do(act)
    now_s += RESTS_S / 2
    await once.do(act)
    now_s += RESTS_S
    await once.do(act)
    assert done == [100.0, 100.0 + 1.5 * RESTS_S]


async def test_after_a_failure_it_can_be_done_again() -> None:
    now_s = 0.0

    async def fails() -> None:
        raise ValueError

    once = Once(lambda: now_s)
    with pytest.raises(ValueError):  # noqa: PT011
        await once.do(fails)
    assert not once.is_under_way
    now_s += RESTS_S
    with pytest.raises(ValueError):  # noqa: PT011
        await once.do(fails)
