"""The trader's own keys: what a file can say, what is passed over and why, what the screen then prints."""

import os
import string
from pathlib import Path

import pytest
from textual.keys import _character_to_key

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.keymap import ANSWERS, Keymap, load, table
from hedgegrid_tui.render.keys import DEFAULT_KEYS, Keys, name_of, printed
from hedgegrid_tui.screens.questions import ENDINGS, QUESTIONS

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def read(file: Path, *lines: str) -> Keymap:
    file.write_text("\n".join(("[keys]", *lines)), encoding="utf-8")
    return load(file)


def only_complaint(found: Keymap, file: Path) -> str:
    (complaint,) = found.complaints
    return complaint.removeprefix(f"{file}: ")


def test_a_key_that_is_rebound_replaces_the_default_ones(file: Path) -> None:
    found = read(file, 'pause = "f5"', 'zoom = ["x", "F11"]', 'flatten = "!"')
    assert found.complaints == ()
    assert found.textual == {"pause": "f5", "zoom": "x,f11", "flatten": "exclamation_mark"}
    assert [found.keys.of(action) for action in ("pause", "zoom", "flatten", "resume")] == ["F5", "x", "!", "P"]
    assert found.keys.fires("f11", "zoom")
    assert not found.keys.fires("z", "zoom")


def test_two_actions_may_swap_their_keys(file: Path) -> None:
    found = read(file, 'zoom = "t"', 'throttle = "z"')
    assert found.complaints == ()
    assert (found.keys.of("zoom"), found.keys.of("throttle")) == ("t", "z")


def test_an_action_of_the_palette_can_be_given_a_key(file: Path) -> None:
    found = read(file, 'flatten-long = "ctrl+l"')
    assert found.keys.of("flatten-long") == "^l"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("?", "question_mark"),
        ("question_mark", "question_mark"),
        ("Ctrl+P", "ctrl+p"),
        ("^g", "ctrl+g"),
        ("ctrl + g", "ctrl+g"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("shift+x", "X"),
        ("X", "X"),
        ("PgUp", "pageup"),
        ("F12", "f12"),
        (" ", "space"),
        ("space", "space"),
        ("Ctrl+I", "tab"),
        ("alt+left", "alt+left"),
        ("shift+f5", "shift+f5"),
        ("ü", "ü"),
    ],
)
def test_a_key_may_be_written_as_it_is_printed_or_named(file: Path, written: str, key: str) -> None:
    found = read(file, f'drill = "{written}"', 'scroll-page-up = "("', 'palette = ")"', 'help = "{"')
    assert found.complaints == ()
    assert found.keys.all("drill") == (key,)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('pasue = "x"', "pasue is no action; did you mean pause?; the line is passed over"),
        ('wxyz = "x"', "wxyz is no action; the line is passed over"),
        ('pause = "spcae"', "pause = 'spcae': no such key; did you mean space?; pause keeps p"),
        ('pause = "hyper+x"', "pause = 'hyper+x': no such key; pause keeps p"),
        ('pause = ""', "pause = '': no such key; pause keeps p"),
        ("pause = 5", 'pause = 5: must be a key such as "f5", or a list of keys; pause keeps p'),
        ("pause = []", 'pause = []: must be a key such as "f5", or a list of keys; pause keeps p'),
        ('pause = ["f5", 5]', "pause = ['f5', 5]: must be a key such as \"f5\", or a list of keys; pause keeps p"),
        ('flatten-long = "no"', "flatten-long = 'no': no such key; flatten-long keeps no key"),
        ('pause = "F"', "F is the key of both flatten (by default) and pause; pause keeps p"),
        ('pause = "ctrl+c"', "pause = 'ctrl+c': ^c always asks to leave; pause keeps p"),
        ('pause = ["f5", "ctrl+q"]', "pause = 'ctrl+q': ^q always asks to leave; pause keeps p"),
        ('flatten = "enter"', "flatten = 'enter': Enter never acts, so that it can be no yes; flatten keeps F"),
        (
            'zoom = "ctrl+h"',
            "zoom = 'ctrl+h': ^h, which some terminals do not tell from Backspace, mends what is typed; zoom keeps z",
        ),
        ('zoom = "escape"', "zoom = 'escape': Esc always leads back; zoom keeps z"),
        ('pause = "y"', "pause = 'y': pause works over dialogs too, and y answers some of them; pause keeps p"),
        ('pause = "8"', "pause = '8': pause works over dialogs too, and 8 answers some of them; pause keeps p"),
    ],
)
def test_a_line_that_cannot_hold_is_passed_over_with_its_reason_and_all_others_hold(
    file: Path, line: str, complaint: str
) -> None:
    found = read(file, line, 'help = "f1"')
    assert only_complaint(found, file) == complaint
    assert found.textual == {"help": "f1"}


def test_of_two_lines_with_one_key_the_later_goes_and_both_are_named(file: Path) -> None:
    found = read(file, 'zoom = "f5"', 'help = "f5"')
    assert only_complaint(found, file) == "F5 is the key of both zoom and help; help keeps ?"
    assert found.textual == {"zoom": "f5"}


def test_a_line_that_goes_takes_those_with_it_that_counted_on_its_key(file: Path) -> None:
    found = read(file, 'pause = "F"', 'flatten = "ctrl+c"', 'help = "f1"')
    assert [text.removeprefix(f"{file}: ") for text in found.complaints] == [
        "flatten = 'ctrl+c': ^c always asks to leave; flatten keeps F",
        "F is the key of both flatten (by default) and pause; pause keeps p",
    ]
    assert found.textual == {"help": "f1"}


def test_leaving_keeps_its_reserved_keys_whatever_the_file_says(file: Path) -> None:
    assert read(file, 'quit = "f10"').keys.all("quit") == ("f10", "ctrl+c", "ctrl+q")


def test_a_missing_file_gives_the_default_keys_without_a_word(file: Path) -> None:
    assert load(file) == Keymap()


def test_a_file_without_the_table_changes_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n", encoding="utf-8")
    assert load(file) == Keymap()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'[keys]\npause = "f5\n', "line 2, column 12: Illegal character '\\n'; the default keys hold"),
        (b"[keys]\n\xff = 1\n", "byte 7 is no UTF-8; the default keys hold"),
        (b"keys = 5\n", "keys must be a table, [keys]; the default keys hold"),
        (b"[keys]\npause = " + b"[" * 5000, "nested too deep; the default keys hold"),
        (b"[keys]\npause = " + b"1" * 5000, "a number of too many digits; the default keys hold"),
        (b"#" * 65_537, "cannot be read: longer than 65,536 bytes; the default keys hold"),
        (b'pause = "f5"\n', "pause: only the table [keys] is read; the default keys hold"),
    ],
)
def test_a_broken_file_is_told_with_its_place_and_the_default_keys_hold(
    file: Path, content: bytes, complaint: str
) -> None:
    file.write_bytes(content)
    found = load(file)
    assert only_complaint(found, file) == complaint
    assert found.textual == {}


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert only_complaint(found, tmp_path) == "cannot be read: is no file; the default keys hold"


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "keys.toml"
    os.mkfifo(pipe)
    assert only_complaint(load(pipe), pipe) == "cannot be read: is no file; the default keys hold"


def test_the_answers_that_pause_may_not_shadow_are_those_of_the_dialogs() -> None:
    letters = {"n", *ENDINGS}
    for question in QUESTIONS.values():
        letters |= set(question.word) or set(question.answers)
    assert letters == ANSWERS


def test_the_registry_and_the_keys_name_the_same_actions() -> None:
    assert set(ACTIONS) == set(DEFAULT_KEYS)


@pytest.mark.parametrize("character", [*string.ascii_letters, *string.digits, *string.punctuation])
def test_every_character_has_the_name_that_textual_gives_its_key(character: str) -> None:
    assert name_of(character) == _character_to_key(character)
    assert printed(name_of(character)) == character


def test_the_readme_holds_the_table_of_keys_as_the_registry_gives_it() -> None:
    _, _, rest = README.read_text(encoding="utf-8").partition("<!-- keys -->\n")
    shown, found, _ = rest.partition("\n<!-- /keys -->")
    assert found
    assert shown.strip() == table()


def test_the_table_of_keys_names_every_action_once_and_follows_a_rebinding() -> None:
    lines = table(Keys({"pause": ("f5",)})).splitlines()[2:]
    assert [line.split("`")[-2] for line in lines] == list(ACTIONS)
    assert lines[0].startswith("| `F5` | `pause` |")
