"""Where settings stand: environment before TOML before a folder of secrets; secrets in files of their own."""

from pathlib import Path

import pytest

from service.config import Settings, load_settings, unknown_names
from service.errors import SettingError


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the folder of CANDOR_SECRETS_DIR."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("CANDOR_SECRETS_DIR", str(folder))
    return folder


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """Give a place for a file of settings."""
    return tmp_path / "candor.toml"


def test_the_environment_wins_over_file_and_folder(monkeypatch: pytest.MonkeyPatch, secrets: Path, toml: Path) -> None:
    """Each source gives what those before it leave open."""
    for name in ("candor_fhir_token", "candor_fhir_write_token", "candor_terminology_token"):
        (secrets / name).write_text("mounted\n")
    toml.write_text('CANDOR_FHIR_TOKEN = "file"\nCANDOR_FHIR_WRITE_TOKEN = "file"\n')
    monkeypatch.setenv("CANDOR_FHIR_TOKEN", "environment")

    settings = load_settings(toml)

    assert (settings.fhir.token, settings.fhir_write.token, settings.terminology_token) == (
        "environment",
        "file",
        "mounted",
    )


@pytest.mark.parametrize("name", ["FHIR_TOKEN", "FHIR_WRITE_TOKEN", "FHIR_PASSWORD", "TERMINOLOGY_TOKEN"])
def test_a_secret_may_stand_in_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """The content of the file that ``…_FILE`` names is the value, without the end of its line; ``repr`` hides it."""
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv(f"CANDOR_{name}_FILE", str(tmp_path / "secret"))

    settings = load_settings()

    assert "s3cret" in (
        settings.fhir.token,
        settings.fhir_write.token,
        settings.fhir.password,
        settings.terminology_token,
    )
    assert "s3cret" not in repr(settings)
    assert unknown_names() == []


def test_what_is_no_secret_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is told, rather than read as a file."""
    monkeypatch.setenv("CANDOR_PORT_FILE", "/etc/hostname")

    assert load_settings().port == Settings().port
    assert unknown_names() == ["CANDOR_PORT_FILE"]


def test_a_key_in_the_folder_of_secrets_is_its_own_setting(secrets: Path) -> None:
    """A mounted private key or certificate stays where it is, and its path is the setting that ends in _FILE."""
    (secrets / "candor_fhir_key").write_text("PEM")
    (secrets / "CANDOR_FHIR_CA").write_text("PEM")
    (secrets / "another_programs_token").write_text("x")
    (secrets / "..data").mkdir()

    settings = load_settings()

    assert (settings.fhir.key_file, settings.fhir.ca_file) == (secrets / "candor_fhir_key", secrets / "CANDOR_FHIR_CA")
    assert unknown_names() == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            {"CANDOR_FHIR_TOKEN": "s3cret", "CANDOR_FHIR_TOKEN_FILE": "/x"},
            "CANDOR_FHIR_TOKEN and CANDOR_FHIR_TOKEN_FILE",
        ),
        ({"CANDOR_FHIR_PASSWORD_FILE": "/nowhere"}, "CANDOR_FHIR_PASSWORD_FILE: /nowhere cannot be read (No such file"),
        ({"CANDOR_SECRETS_DIR": "/nowhere"}, "CANDOR_SECRETS_DIR: /nowhere cannot be read (No such file"),
        ({"CANDOR_FHIR_TOKEN_URL": "s3cret"}, "CANDOR_FHIR_TOKEN_URL: Expected an address"),
        ({"CANDOR_FHIR_WRITE_TOKEN": "s3cret\n2"}, "CANDOR_FHIR_WRITE_TOKEN: Expected a token of printable ASCII"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str], said: str
) -> None:
    """The message begins with the setting and never holds a secret."""
    for name, value in names.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingError) as refused:
        load_settings()

    assert str(refused.value).startswith(said)
    assert "s3cret" not in str(refused.value)


def test_a_file_that_is_no_text_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no secret."""
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("CANDOR_FHIR_TOKEN_FILE", str(tmp_path / "secret"))

    with pytest.raises(SettingError, match="is not text in UTF-8"):
        load_settings()


def test_a_token_url_keeps_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token URL is the audience of our assertions, so that it is taken as it is written; a server's URL is not."""
    monkeypatch.setenv("CANDOR_FHIR_TOKEN_URL", "https://auth.hospital.example/token/")
    monkeypatch.setenv("CANDOR_FHIR_URL", "https://fhir.hospital.example/r4/")

    settings = load_settings()

    assert settings.fhir.token_url == "https://auth.hospital.example/token/"  # noqa: S105 - an address
    assert settings.fhir_url == "https://fhir.hospital.example/r4"
