"""The pictures that the README shows are those that the app draws."""

import re
from pathlib import Path

import pytest

from tests import screenshots

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(400)
def test_the_stored_pictures_are_what_the_app_draws_today() -> None:
    made = screenshots.make()
    assert set(made) == {path.stem for path in screenshots.FOLDER.glob("*.svg")}
    old = [name for name, svg in made.items() if (screenshots.FOLDER / f"{name}.svg").read_text("utf-8") != svg]
    assert not old, f"out of date, `python -m tests.screenshots` makes them anew: {', '.join(old)}"


def test_the_readme_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r"\]\(screenshots/([\w-]+)\.png\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(set(shown)) == sorted(path.stem for path in screenshots.FOLDER.glob("*.png"))
    assert sorted(set(shown)) == sorted(path.stem for path in screenshots.FOLDER.glob("*.svg"))
