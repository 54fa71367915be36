"""The catalogues of the app are whole, and their keeper sees where one is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from sunsweep.app.words import __main__, upkeep

ENGLISH = '_("Save")\nngettext("{n} machine of {name}", "{n} machines of {name}", 3)\npgettext("verb", "Open")\n'
HEADER = (
    'msgid ""\nmsgstr ""\n"Language: es\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
)
SAVE = 'msgid "Save"\nmsgstr "Guardar"\n\n'
COUNT = (
    'msgid "{n} machine of {name}"\nmsgid_plural "{n} machines of {name}"\n'
    'msgstr[0] "una máquina de {name}"\nmsgstr[1] "{n} máquinas de {name}"\n\n'
)
OPEN = 'msgctxt "verb"\nmsgid "Open"\nmsgstr "Abrir"\n\n'


def faults_of(tmp_path: Path, po: str, source: str = ENGLISH) -> list[str]:
    (tmp_path / "page.py").write_text(source)
    path = tmp_path / "es.po"
    path.write_text(HEADER + po, encoding="utf-8")
    return [str(fault) for fault in upkeep.faults(path, upkeep.in_source(tmp_path))]


def test_every_catalogue_says_everything() -> None:
    source = upkeep.in_source()
    assert [path.stem for path in upkeep.paths()] == ["ar", "es"]
    assert len(source) > 100
    assert [str(fault) for path in upkeep.paths() for fault in upkeep.faults(path, source)] == []


def test_the_command_that_make_check_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "sunsweep.app.words", "check"], check=False, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_whole_one_has_no_faults(tmp_path: Path) -> None:
    assert faults_of(tmp_path, SAVE + COUNT + OPEN) == []


@pytest.mark.parametrize(
    ("po", "trouble"),
    [
        (SAVE + COUNT, "es.po: missing: 'verb|Open'"),
        (SAVE + COUNT + OPEN.replace('msgctxt "verb"\n', ""), "es.po: missing: 'verb|Open'"),
        (SAVE.replace("Guardar", "") + COUNT + OPEN, "es.po: not translated, or not in every plural form: 'Save'"),
        ("#, fuzzy\n" + SAVE + COUNT + OPEN, "es.po: marked as a guess (fuzzy): 'Save'"),
        (SAVE.replace("Guardar", "Guardar ") + COUNT + OPEN, "es.po: blanks at an end differ: 'Save'"),
        (SAVE.replace("Guardar", "{x}") + COUNT + OPEN, "es.po: its placeholders are not none: 'Save'"),
        (SAVE.replace("Guardar", "Guardar}") + COUNT + OPEN, "es.po: Single '}' encountered in format string: 'Save'"),
        (
            SAVE + COUNT.replace('"una máquina de {name}"', '"una máquina"') + OPEN,
            "es.po: its placeholders are not n, name: '{n} machine of {name}'",
        ),
        (
            SAVE + COUNT.replace('"{n} máquinas', '"máquinas') + OPEN,
            "es.po: its placeholders are not n, name: '{n} machine of {name}'",
        ),
        (
            SAVE + COUNT.replace('"{n} máquinas de {name}"', '""') + OPEN,
            "es.po: not translated, or not in every plural form: '{n} machine of {name}'",
        ),
        (SAVE + COUNT + OPEN + SAVE.replace("Save", "Old"), "es.po: not in the source any more: 'Old'"),
        (
            SAVE + COUNT + OPEN + '#~ msgid "Old"\n#~ msgstr "Viejo"\n',
            "es.po: not in the source any more: 'Old'",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, po: str, trouble: str) -> None:
    assert trouble in faults_of(tmp_path, po)


def test_update_takes_in_what_is_new_keeps_what_is_translated_and_drops_what_is_gone(tmp_path: Path) -> None:
    assert faults_of(tmp_path, SAVE + SAVE.replace("Save", "Saved"))
    path = tmp_path / "es.po"
    upkeep.update(path, upkeep.in_source(tmp_path))

    catalogue = upkeep.read(path)
    text = path.read_text(encoding="utf-8")
    assert catalogue.get("Save").string == "Guardar"  # type: ignore[union-attr]
    assert catalogue.get("Open", "verb").string == ""  # type: ignore[union-attr]
    assert "Saved" not in text
    assert "fuzzy" not in text
    assert "Date" not in text
    upkeep.update(path, upkeep.in_source(tmp_path))
    assert path.read_text(encoding="utf-8") == text


def test_update_begins_a_language(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(ENGLISH)
    path = tmp_path / "pl.po"
    upkeep.update(path, upkeep.in_source(tmp_path))
    assert len(upkeep.read(path)) == 3
    assert upkeep.read(path).num_plurals > 2


def test_check_fails_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "es.po").write_text(HEADER, encoding="utf-8")
    monkeypatch.setattr(upkeep, "FOLDER", tmp_path)
    assert __main__.main(["check"]) == 1
    said = capsys.readouterr().err
    assert "es.po: missing: 'just now'" in said
    assert "python -m sunsweep.app.words update" in said
