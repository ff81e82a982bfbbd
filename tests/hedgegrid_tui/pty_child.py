"""A cockpit over a fake engine in a process of its own; says at the end how it ended."""

import sys
from pathlib import Path

from hedgegrid_tui.app import HedgeGridApp
from tests.hedgegrid_tui.fakes import FakeEngine

engine = FakeEngine()
app = HedgeGridApp(engine, fps=20)
app.run()
Path(sys.argv[1]).write_text(f"hangup={app.hangup} faults={app.faults} stopped={len(engine.stopped)}", encoding="utf-8")
