"""Pictures for the documentation, where a folder is named in ZHIKE_SCREENSHOTS."""

import os
from pathlib import Path

from playwright.sync_api import Page


def album() -> Path | None:
    name = os.environ.get("ZHIKE_SCREENSHOTS")
    if not name:
        return None
    path = Path(name)
    path.mkdir(parents=True, exist_ok=True)
    return path


def take(folder: Path | None, page: Page, name: str) -> None:
    if folder:
        page.mouse.move(2, 2)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png", animations="disabled")
