"""One real house for all journeys, and a browser a module."""

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys import house as the_house
from tests.journeys.house import House
from tests.journeys.people import People

HERE = Path(__file__).resolve().parent

# Background networking off: the browser must not call anybody but us.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
]


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


@pytest.fixture
def people(browser: Browser, house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    found = People(browser, house.base, tmp_path_factory.mktemp("windows"))
    yield found
    found.leave()


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
