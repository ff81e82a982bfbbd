"""A question with one letter for each answer: blast radius first, the safe answer under the cursor."""

from collections.abc import Callable, Sequence
from typing import Final, override

from textual.app import ComposeResult
from textual.events import Key
from textual.screen import ModalScreen

from hedgegrid_tui.render import dialogs
from hedgegrid_tui.render.dialogs import Choice
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all
from hedgegrid_tui.widgets.panel import Panel

GUARD_S: Final = 0.5
"""Keys pressed sooner were meant for what was on screen before."""
LEAVE_KEYS: Final = ("escape", "ctrl+c", "ctrl+q")
STAY_KEYS: Final = ("enter", *LEAVE_KEYS)


class Dialog(ModalScreen[str | None], inherit_bindings=False):
    """Gives the letter of the answer, None for the safe one."""

    AUTO_FOCUS = ""

    def __init__(
        self,
        title: str,
        body: Callable[[Frame], Rows],
        choices: Callable[[Frame], Sequence[Choice]],
        frame: Frame,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._choices = choices
        self._frame = frame
        self._clock = clock
        self._opened = clock()
        self._hint = Segment("press the key of your answer", Ink.MUTED)

    @override
    def compose(self) -> ComposeResult:
        yield Panel(self._title, id="question")

    def on_mount(self) -> None:
        """Fill the panel before it is first seen."""
        self.show(self._frame)

    def on_resize(self) -> None:
        """Fit the rows to the new width."""
        self.call_after_refresh(lambda: self.show(self._frame))

    def show(self, frame: Frame) -> list[Exception]:
        """Draw the question with the numbers of this moment."""
        self._frame = frame
        panel = self.query_one("#question", Panel)
        width = panel.size.width or 72
        try:
            height = max(1, self.app.size.height - 2)
            rows = dialogs.rows(self._body(frame), self._choices(frame), self._hint, width, height, self._field())
        except Exception as error:  # noqa: BLE001 - the trader must be able to answer without the numbers
            text = f"✗ the numbers cannot be drawn: {type(error).__name__}: {error}"
            rows = fit_all(((Segment(text, Ink.ALARM),), *panel.rows[1:]), width, max(1, len(panel.rows)))
            panel.show(rows)
            return [error]
        panel.want(len(rows))
        panel.show(rows)
        return []

    def _field(self) -> Row:
        """What stands before the answers."""
        return ()

    async def on_key(self, event: Key) -> None:
        """Take an answer; no key is passed on to what lies below."""
        event.stop()
        event.prevent_default()
        safe = any(choice.safe and choice.key == event.character for choice in self._choices(self._frame))
        if event.key == "escape" or safe:
            self.dismiss(None)
        elif event.key == "p":  # pause is what must work whatever stands on the screen
            await self.app.run_action("act('pause')")
        elif self._clock() - self._opened < GUARD_S:
            self._say("ignored: the question had only just appeared")
        elif event.key in STAY_KEYS:
            self.dismiss(None)
        else:
            self._answer(event.character or event.key)

    def _answer(self, letter: str) -> None:
        choice = next((choice for choice in self._choices(self._frame) if choice.key == letter), None)
        if choice is None:
            self._say(f"{letter!r} is no answer here")
        elif choice.refused:
            self._say(f"{choice.key}: {choice.refused}")
        else:
            self.dismiss(None if choice.safe else choice.key)

    def _say(self, text: str) -> None:
        self._hint = Segment(text, Ink.WARN)
        self.show(self._frame)


class WordDialog(Dialog):
    """Gives the word once it was typed and Enter pressed, None for every way out; a single key never answers."""

    def __init__(
        self, title: str, body: Callable[[Frame], Rows], word: str, frame: Frame, clock: Callable[[], float]
    ) -> None:
        super().__init__(title, body, lambda _: (), frame, clock)
        self._word = word
        self._typed = ""
        self._hint = Segment("Enter takes the whole word only", Ink.MUTED)

    @override
    def _field(self) -> Row:
        return dialogs.typed_field(self._word, self._typed)

    @override
    async def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key in LEAVE_KEYS:
            self.dismiss(None)
        elif event.key == "p":  # as in every dialog; the word has none
            await self.app.run_action("act('pause')")
        elif self._clock() - self._opened < GUARD_S:
            self._say("ignored: the question had only just appeared")
        elif event.key == "enter":
            self._enter()
        elif event.key in ("backspace", "ctrl+h"):
            self._type(self._typed[:-1])
        elif event.key in ("ctrl+u", "delete"):
            self._type("")
        elif event.is_printable and event.character and len(self._typed) <= len(self._word):
            self._type(self._typed + event.character)

    def _type(self, text: str) -> None:
        self._typed = text
        ready = text == self._word
        self._hint = Segment("Enter does it now" if ready else "Enter takes the whole word only", Ink.MUTED)
        self.show(self._frame)

    def _enter(self) -> None:
        if self._typed == self._word:
            self.dismiss(self._word)
        else:
            self._say(f"{self._typed!r} is not the word: type {self._word}, or press Esc")
