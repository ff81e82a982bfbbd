"""A question with one letter for each answer: blast radius first, the safe answer under the cursor."""

from collections.abc import Callable, Sequence
from typing import Final, override

from textual.app import ComposeResult
from textual.events import Key
from textual.screen import ModalScreen

from hedgegrid_tui.render import dialogs
from hedgegrid_tui.render.dialogs import Choice
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Segment, fit_all
from hedgegrid_tui.screens.questions import Question
from hedgegrid_tui.widgets.panel import Panel

GUARD_S: Final = 0.5
"""Keys pressed sooner were meant for what was on screen before."""
LEAVE_KEYS: Final = ("escape", "ctrl+c", "ctrl+q")
STAY_KEYS: Final = ("enter", *LEAVE_KEYS)
TOO_SOON: Final = "ignored: the question had only just appeared"
STAY: Final = Choice("n", "no, leave everything as it is", safe=True)


class Dialog(ModalScreen[str | None], inherit_bindings=False):
    """Gives the letter of the answer, None for the safe one."""

    AUTO_FOCUS = ""

    def __init__(self, question: Question, frame: Frame, clock: Callable[[], float]) -> None:
        super().__init__()
        self._question = question
        self._frame = frame
        self._clock = clock
        self._seen: float | None = None
        """When the question was first on the screen, by the clock; None before."""
        self._said = ""
        self._paused = False
        """Whether the last key was that of the pause, whose way the hint then tells."""

    @override
    def compose(self) -> ComposeResult:
        yield Panel(self._question.title, id="question")

    def on_mount(self) -> None:
        """Fill the panel before it is first seen."""
        self.show(self._frame)
        self.call_after_refresh(self._is_seen)

    def _is_seen(self) -> None:
        self._seen = self._clock()

    def on_resize(self) -> None:
        """Fit the rows to the new width."""
        self.call_after_refresh(lambda: self.show(self._frame))

    def show(self, frame: Frame) -> list[Exception]:
        """Draw the question with the numbers of this moment."""
        self._frame = frame
        panel = self.query_one("#question", Panel)
        width = panel.size.width or dialogs.LINE
        try:
            height = max(1, self.app.size.height - 2)
            refused = self._question.refused(frame)
            body = (*dialogs.warnings(frame, refused, width), *self._question.body(frame, width))
            field = () if refused else self._field()
            rows = dialogs.rows(body, self._choices(), self._hint(), width, height, field)
        except Exception as error:  # noqa: BLE001 - the trader must be able to answer without the numbers
            text = f"✗ the numbers cannot be drawn: {type(error).__name__}: {error}"
            rows = fit_all(((Segment(text, Ink.ALARM),), *panel.rows[1:]), width, max(1, len(panel.rows)))
            panel.show(rows)
            return [error]
        panel.want(len(rows))
        panel.show(rows)
        return []

    def _choices(self) -> Sequence[Choice]:
        """Only the safe answer is left once the act has become impossible."""
        choices = self._question.choices(self._frame)
        if not self._question.refused(self._frame):
            return choices
        return [choice for choice in choices if choice.safe] or (STAY,)

    def _hint(self) -> Segment:
        if self._paused and self._frame.message.text:
            return self._frame.message
        if self._said:
            return Segment(self._said, Ink.WARN)
        ask = "nothing was sent" if self._question.refused(self._frame) else self._ask()
        pauses = "" if self._frame.read_only else f" · {self._frame.keys.of('pause')} pauses"
        return Segment(f"{ask}{pauses}", Ink.MUTED)

    def _ask(self) -> str:
        return "press the key of your answer"

    def _field(self) -> Row:
        """What stands before the answers."""
        return ()

    async def on_key(self, event: Key) -> None:
        """Take an answer; no key is passed on to what lies below."""
        event.stop()
        event.prevent_default()
        self._paused = self._frame.keys.fires(event.key, "pause")
        safe = any(choice.safe and choice.key == event.character for choice in self._choices())
        if event.key == "escape" or (safe and self._answers_by_letter()):
            self.dismiss(None)
        elif self._paused:  # what must work whatever stands on the screen
            await self.app.run_action("act('pause')")
        elif self._seen is None or self._clock() - self._seen < GUARD_S:
            self._say(TOO_SOON)
        else:
            self._take(event)

    def _answers_by_letter(self) -> bool:
        return True

    def _take(self, event: Key) -> None:
        if event.key in STAY_KEYS:
            self.dismiss(None)
        else:
            self._answer(event.character or event.key)

    def _answer(self, letter: str) -> None:
        choice = next((choice for choice in self._choices() if choice.key == letter), None)
        if choice is None:
            self._say(self._question.refused(self._frame) or f"{letter!r} is no answer here")
        elif choice.refused:
            self._say(f"{choice.key}: {choice.refused}")
        else:
            self.dismiss(None if choice.safe else choice.key)

    def _say(self, text: str) -> None:
        self._said = text
        self.show(self._frame)


class WordDialog(Dialog):
    """Gives the word once it was typed and Enter pressed, None for every way out; a single key never answers."""

    def __init__(self, question: Question, frame: Frame, clock: Callable[[], float]) -> None:
        super().__init__(question, frame, clock)
        self._word = question.word
        self._typed = ""

    @override
    def _field(self) -> Row:
        return dialogs.typed_field(self._word, self._typed)

    @override
    def _choices(self) -> Sequence[Choice]:
        return super()._choices() if self._question.refused(self._frame) else ()

    @override
    def _answers_by_letter(self) -> bool:
        return bool(self._question.refused(self._frame))

    @override
    def _ask(self) -> str:
        ready = self._typed == self._word
        return "Enter does it now" if ready else "Enter takes the whole word only"

    @override
    def _take(self, event: Key) -> None:
        if event.key in LEAVE_KEYS:
            self.dismiss(None)
        elif self._question.refused(self._frame):
            super()._take(event)
        elif event.key == "enter":
            self._enter()
        elif event.key in ("backspace", "ctrl+h"):
            self._type(self._typed[:-1])
        elif event.key in ("ctrl+u", "delete"):
            self._type("")
        elif event.is_printable and event.character and len(self._typed) <= len(self._word):
            self._type(self._typed + event.character)
        else:
            self._say(f"type {self._word}, or press Esc")

    def _type(self, text: str) -> None:
        self._typed = text
        self._say("")

    def _enter(self) -> None:
        if self._typed == self._word:
            self.dismiss(self._word)
        else:
            self._say(f"{self._typed!r} is not the word: type {self._word}, or press Esc")


def dialog_for(question: Question, frame: Frame, clock: Callable[[], float]) -> Dialog:
    """The dialog that asks a question: for a letter, or for a word."""
    return (WordDialog if question.word else Dialog)(question, frame, clock)
