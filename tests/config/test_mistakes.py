from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchtower.config.load import load
from watchtower.config.model import Config
from watchtower.errors import ConfigError

MISTAKES = Path(__file__).parent / "mistakes"
EVERYTHING = (MISTAKES.parent / "good" / "everything.yaml").read_text(encoding="utf-8")
ENVIRON = {"PASSWORD": "sesame", "EMPTY": ""}


@pytest.fixture(autouse=True)
def _beside_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MISTAKES)


@pytest.mark.parametrize("name", sorted(path.stem for path in MISTAKES.glob("*.yaml")))
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(name: str) -> None:
    expected = Path(f"{name}.txt").read_text(encoding="utf-8").splitlines()

    with pytest.raises(ConfigError) as caught:
        load(f"{name}.yaml", ENVIRON)

    assert expected == caught.value.mistakes


@pytest.mark.parametrize("told", sorted(path.name for path in MISTAKES.glob("*.txt")))
def test_no_message_repeats_a_secret(told: str) -> None:
    assert "sesame" not in Path(told).read_text(encoding="utf-8")


def test_each_mistake_has_its_message() -> None:
    files = {path.stem for path in MISTAKES.glob("*.yaml")}

    assert files == {path.stem for path in MISTAKES.glob("*.txt")}


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(EVERYTHING)), gone=st.integers(0, 40), come=st.text(max_size=20))
def test_whatever_stands_in_a_file_is_a_configuration_or_a_mistake(at: int, gone: int, come: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", errors="replace", suffix=".yaml") as file:
        file.write(EVERYTHING[:at] + come + EVERYTHING[at + gone :])
        file.flush()
        found = _outcome(file.name)

    assert isinstance(found, (Config, ConfigError))


def test_a_file_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        load("nowhere.yaml", {})

    assert caught.value.mistakes == ["nowhere.yaml: cannot be read: No such file or directory"]


def test_a_file_in_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"data_dir: K\xf6ln\n")

    with pytest.raises(ConfigError) as caught:
        load(file, {})

    assert [f"{file}: not UTF-8 at byte 11"] == caught.value.mistakes


@pytest.mark.slow
def test_a_file_that_nests_too_deeply_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    file.write_text("[" * 1500, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(file, {})

    assert [f"{file}:1:1: nested too deeply"] == caught.value.mistakes


def test_what_the_environment_holds_in_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "watchtower.yaml"
    file.write_text("data_dir: ${WHERE}\nendpoints: []\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(file, {"WHERE": "K\udcf6ln"})

    assert f"{file}:1: data_dir: got '${{WHERE}}', expected a text in UTF-8, without NUL" == caught.value.mistakes[0]


def _outcome(path: str) -> Config | ConfigError:
    try:
        return load(path, ENVIRON)
    except ConfigError as error:
        return error
