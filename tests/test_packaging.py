"""What is shipped: themes inside the wheel, and no Nautilus before the engine's thread."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents, as an installer would lay them out."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def python(code: str, path: Path, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    run = [sys.executable, "-P", "-c", code]
    return subprocess.run(run, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("where", ["checkout", "wheel"])
def test_themes_are_found_from_a_checkout_and_from_a_wheel_alike(where: str, installed: Path, tmp_path: Path) -> None:
    path = ROOT if where == "checkout" else installed
    code = "from hedgegrid_tui import theming; print(theming.__file__); print(sorted(theming.load().themes))"
    file, names = python(code, path, tmp_path).splitlines()
    assert Path(file).is_relative_to(path)
    assert "hedgegrid-dark" in names


def test_the_wheel_carries_every_theme_and_both_packages_but_no_tests(installed: Path) -> None:
    shipped = {path.name for path in (installed / "hedgegrid_tui" / "themes").iterdir()}
    assert shipped == {path.name for path in (ROOT / "themes").iterdir()}
    assert (installed / "strategy" / "hedge_grid.py").exists()
    assert not (installed / "tests").exists()


def test_the_app_and_the_command_line_load_no_nautilus() -> None:
    code = """
import sys
import hedgegrid_tui.cli, hedgegrid_tui.app, hedgegrid_tui.headless, hedgegrid_tui.engine.host
print([name for name in sys.modules if name.split(".")[0] == "nautilus_trader"])
"""
    assert python(code, ROOT, ROOT).strip() == "[]"


def test_the_brains_decisions_load_neither_nautilus_nor_a_screen() -> None:
    code = """
import sys
import strategy.desk, strategy.picture, strategy.calm
print([name for name in sys.modules if name.split(".")[0] in ("nautilus_trader", "textual", "hedgegrid_tui")])
"""
    assert python(code, ROOT, ROOT).strip() == "[]"
