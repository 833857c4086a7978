"""One real house for all journeys, and a browser a module."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.journeys import house as the_house
from tests.journeys.house import House
from tests.journeys.people import PATIENCE, People
from tests.journeys.quick import QuickHouse, quick_house, website
from tests.journeys.visitors import Visitor, snippet

HERE = Path(__file__).resolve().parent

# Background networking off: the browser must not call anybody but us.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
]


expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with the_house.started() as house:
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. A module at a time: the driver's event loop must not outlive it into other tests."""
    executable = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@contextmanager
def _at_their_browsers(browser: Browser, house: House, windows: pytest.TempPathFactory) -> Iterator[People]:
    found = People(browser, house.base, windows.mktemp("windows"))
    yield found
    found.leave()


@pytest.fixture
def people(browser: Browser, house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with _at_their_browsers(browser, house, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def company(browser: Browser, house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """The people of a story that goes on from test to test."""
    with _at_their_browsers(browser, house, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def quick(packed_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickHouse]:
    with quick_house(packed_sqlite, tmp_path_factory.mktemp("quick")) as house:
        yield house


@pytest.fixture
def partner(quick: QuickHouse) -> Iterator[str]:
    """The origin of a website that may embed the widget."""
    with website(snippet(quick)) as origin:
        quick.admit(origin)
        yield origin


@pytest.fixture
def arrive(browser: Browser) -> Iterator[Any]:
    came: list[Visitor] = []

    def comes(address: str, **more: Any) -> Visitor:
        came.append(Visitor(browser, address, **more))
        return came[-1]

    yield comes
    for visitor in came:
        visitor.context.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The story first: on a house in which nothing has been broken yet."""
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    ours = sorted((items[place] for place in places), key=lambda item: item.path.name != "test_seven_steps.py")
    for place, item in zip(places, ours, strict=True):
        items[place] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed journey leaves pictures of every open window, and the programs' last words."""
    report = yield
    given = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        for value in given.values():
            people = getattr(value, "people", value)
            if isinstance(people, People):
                taken = people.photograph(item.name)
                report.sections.append(("windows", "\n".join(map(str, taken)) + "\n" + "\n".join(people.complaints)))
            if isinstance(value, House):
                report.sections.append(("programs", "".join(value.lines[-60:])))
    return report
