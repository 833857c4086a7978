"""Somebody who leaves everything open: a browser has six lines to a host, and each live page holds one."""

from playwright.sync_api import Page, expect

from tests.journeys.house import House, wait_for
from tests.journeys.people import People

LINES_OF_A_BROWSER = 6
# The tab in front is the last one opened; a page reads this before anything else of its own.
IN_THE_BACKGROUND = """() => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
LOOKED_AT_AGAIN = """() => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => false });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
STREAMS = """() => {
  const Real = window.EventSource;
  window.streams = [];
  window.EventSource = class extends Real { constructor(...given) { super(...given); window.streams.push(this); } };
}"""


def lines(page: Page) -> int:
    """How many streams this page holds open."""
    return int(page.evaluate("window.streams.filter((one) => one.readyState !== 2).length"))


def test_whoever_leaves_many_tabs_open_can_still_open_another(people: People, house: House) -> None:
    first = people.signed_in("hantao", "/complaints")
    tabs = []
    for _ in range(LINES_OF_A_BROWSER + 2):
        tab = first.context.new_page()
        tab.add_init_script(f"({STREAMS})()")
        tab.clock.install()
        tab.goto(f"{house.base}/scripts")
        expect(tab.locator("main")).to_be_visible()
        wait_for(lambda tab=tab: tab.wait_for_timeout(50) or lines(tab) == 1, 30, "the page is not live")
        tab.evaluate(IN_THE_BACKGROUND)
        tab.clock.fast_forward(16_000)
        assert lines(tab) == 0, "nobody looks at it, yet it keeps its line"
        tabs.append(tab)
    tabs[0].evaluate(LOOKED_AT_AGAIN)
    wait_for(lambda: tabs[0].wait_for_timeout(50) or lines(tabs[0]) == 1, 30, "looked at again, it is not live again")


def test_the_desk_keeps_its_line_it_has_to_ring(people: People, house: House) -> None:
    desk = people.signed_in("linjia", "/complaints")
    desk.add_init_script(f"({STREAMS})()")
    desk.clock.install()
    desk.goto(f"{house.base}/desk")
    wait_for(lambda: desk.wait_for_timeout(50) or lines(desk) == 1, 30, "the desk is not live")
    desk.evaluate(IN_THE_BACKGROUND)
    desk.clock.fast_forward(16_000)
    assert lines(desk) == 1
