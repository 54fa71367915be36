"""Secrets from files, and what the settings say of wrong ones: never the value."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from sunsweep.server.settings import BACKEND_FILE, BackendSettings, ServeSettings, folder_database_url

SECRET = "a-key-of-more-than-thirty-two-characters"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUNSWEEP_DATABASE_URL", "sqlite:///x.db")
    return monkeypatch


def write(folder: Path, content: bytes) -> str:
    (folder / "secret").write_bytes(content)
    return str(folder / "secret")


def refused() -> str:
    with pytest.raises(ValidationError) as caught:
        ServeSettings()
    words = str(caught.value) + repr(caught.value)
    words += repr([(one["loc"], one["msg"]) for one in caught.value.errors()])
    assert SECRET not in words
    return words


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_secret_comes_from_the_file(env: pytest.MonkeyPatch, tmp_path: Path, end: bytes) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY_FILE", write(tmp_path, SECRET.encode() + end))
    settings = ServeSettings()
    assert settings.secret_key.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


def test_what_holds_a_password_beside_other_things_may_come_from_one_too(
    env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.delenv("SUNSWEEP_DATABASE_URL")
    env.setenv("SUNSWEEP_DATABASE_URL_FILE", write(tmp_path, b"mysql://me:hush@db/sunsweep\n"))
    assert ServeSettings().database_url == "mysql://me:hush@db/sunsweep"


def test_the_databases_password_may_be_kept_apart(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    password = "p@ss:/%?#"
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.setenv("SUNSWEEP_DATABASE_URL", "mysql://me@db:3306/sunsweep")
    env.setenv("SUNSWEEP_DATABASE_PASSWORD_FILE", write(tmp_path, password.encode() + b"\n"))
    url = make_url(ServeSettings().database_url)
    assert (url.username, url.password, url.host, url.port, url.database) == ("me", password, "db", 3306, "sunsweep")


def test_the_databases_password_is_told_once(env: pytest.MonkeyPatch) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", "k" * 32)
    env.setenv("SUNSWEEP_DATABASE_PASSWORD", SECRET)
    env.setenv("SUNSWEEP_DATABASE_URL", f"mysql://me:{SECRET}@db/sunsweep")
    assert "told twice" in refused()
    env.setenv("SUNSWEEP_DATABASE_URL", f"mysql//{SECRET}")
    assert "cannot be read" in refused()


def test_a_folder_has_no_password(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("SUNSWEEP_DATABASE_PASSWORD", SECRET)
    (tmp_path / BACKEND_FILE).write_text("{}")
    assert BackendSettings.of_folder(tmp_path).database_url == folder_database_url(tmp_path)


def test_a_secret_with_a_check_of_its_own_comes_from_one_as_well(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.setenv("SUNSWEEP_SMTP_URL_FILE", write(tmp_path, b"smtp://me:hush@mail.example.org\n"))
    found = ServeSettings().smtp_url
    assert found is not None
    assert found.get_secret_value() == "smtp://me:hush@mail.example.org"


def test_a_file_may_be_named_by_dotenv(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SUNSWEEP_SECRET_KEY_FILE={write(tmp_path, SECRET.encode())}\n")
    assert ServeSettings().secret_key.get_secret_value() == SECRET


def test_told_twice_is_an_error(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.setenv("SUNSWEEP_SECRET_KEY_FILE", write(tmp_path, SECRET.encode()))
    assert "told twice" in refused()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (SECRET.encode() + b"\n" + SECRET.encode(), "more than one line"),
        (SECRET.encode() + b"\xff", "no UTF-8 text"),
        (b"x" * 70_000, "more than one line"),
        (SECRET[:20].encode(), "at least 32"),
    ],
)
def test_what_is_no_secret_is_refused_in_words(
    env: pytest.MonkeyPatch, tmp_path: Path, content: bytes, words: str
) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY_FILE", write(tmp_path, content))
    said = refused()
    assert words in said
    assert SECRET[:20] not in said


def test_a_file_that_cannot_be_read_is_named(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY_FILE", str(tmp_path / "absent"))
    assert f"{tmp_path / 'absent'} cannot be read: No such file" in refused()
    env.setenv("SUNSWEEP_SECRET_KEY_FILE", str(tmp_path))
    assert "Is a directory" in refused()


def test_no_error_of_the_settings_tells_a_value(env: pytest.MonkeyPatch) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", "hush" * 3)
    env.setenv("SUNSWEEP_MQTT_URL", "http://me:hush@broker")
    env.setenv("SUNSWEEP_ACCESS_TOKEN_S", "hush")
    assert "hush" not in refused()


@pytest.mark.parametrize("origin", ["*", "panel.example", "https://panel.example/", "https://panel.example/app", "x:y"])
def test_origins_are_exact(env: pytest.MonkeyPatch, origin: str) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.setenv("SUNSWEEP_CORS_ORIGINS", f"https://ok.example {origin}")
    assert f"{origin} is no origin" in refused()


def test_lists_are_parted_by_commas(env: pytest.MonkeyPatch) -> None:
    env.setenv("SUNSWEEP_SECRET_KEY", SECRET)
    env.setenv("SUNSWEEP_CORS_ORIGINS", "https://a.example, http://127.0.0.1:3000")
    env.setenv("SUNSWEEP_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    settings = ServeSettings()
    assert settings.cors_origins == ("https://a.example", "http://127.0.0.1:3000")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    env.setenv("SUNSWEEP_TRUSTED_PROXIES", "10.0.0.1/8")
    assert "10.0.0.1/8 is no address and no network" in refused()
