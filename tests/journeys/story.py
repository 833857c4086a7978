"""A story in steps, told in real browsers: a step whose beginning did not come about is skipped, not failed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.journeys.house import House
from tests.journeys.people import People
from tests.journeys.pictures import album, take


@dataclass
class Story:
    """The house, the people in it, and which steps came about. A story adds what it carries from step to step."""

    house: House
    people: People
    earlier: int = field(init=False)  # lines of output before this story
    done: set[str] = field(default_factory=set, init=False)
    pictures: Path | None = field(default_factory=album, init=False)

    def __post_init__(self) -> None:
        self.earlier = len(self.house.lines)

    def after(self, step: str) -> None:
        if step not in self.done:
            pytest.skip(f"“{step}” did not succeed")

    def finish(self, step: str) -> None:
        assert self.people.complaints == [], "a browser's console complained"
        since = list(self.house.lines)[self.earlier:]  # what other stories broke on purpose is theirs
        assert not any("Traceback" in line for line in since), "a program stumbled; its output is below"
        self.done.add(step)

    def picture(self, page: Page, name: str) -> None:
        """For the documentation, where a folder is named for it."""
        take(self.pictures, page, name)
