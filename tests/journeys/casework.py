"""What colleagues do on a case page in a browser, and cases that began long ago."""

import os
import subprocess
import sys

from playwright.sync_api import Locator, Page

from tests.journeys.house import ROOT, House


def begin(page: Page, action: str) -> Locator:
    """Open the sheet of an action of the case page."""
    page.locator(f"[popovertarget=do-{action}]").first.click()
    sheet = page.locator(f"#do-{action}")
    sheet.wait_for(state="visible")
    return sheet


def choose(sheet: Locator, name: str, value: str) -> None:
    sheet.locator("label", has=sheet.page.locator(f"input[name={name}][value='{value}']")).click()


def send(sheet: Locator) -> None:
    sheet.locator("button.primary").click()


def step_now(page: Page) -> Locator:
    return page.locator("#stages [aria-current=step]")


def long_ago(house: House, *given: str) -> str:
    """A complaint that was filed some time ago (see ``tests.journeys.long_ago``); gives its number."""
    made = subprocess.run([sys.executable, "-W", "ignore", "-m", "tests.journeys.long_ago", *given], cwd=ROOT,
                          env={**os.environ, "VAR_DIR": str(house.var)}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
