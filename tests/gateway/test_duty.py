"""What a process does every few seconds goes on after a failure, and ends when it is told to."""

import asyncio

import pytest

from backend.gateway.duty import every


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_duty_that_fails_is_done_again_and_ends_only_when_it_is_cancelled(at_once: bool) -> None:
    done = asyncio.Event()
    times = 0

    async def duty() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError("the database is away")
        if times == 3:
            done.set()

    running = asyncio.create_task(every(0, duty, failed="it_failed", at_once=at_once))
    await done.wait()
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_only_what_begins_at_once_is_done_before_the_first_pause() -> None:
    did: list[str] = []

    def noting(name: str) -> asyncio.Task[None]:
        async def duty() -> None:
            did.append(name)

        return asyncio.create_task(every(3600, duty, failed="it_failed", at_once=name == "at once"))

    tasks = [noting("at once"), noting("later")]
    for _ in range(5):
        await asyncio.sleep(0)
    assert did == ["at once"]
    for task in tasks:
        task.cancel()
