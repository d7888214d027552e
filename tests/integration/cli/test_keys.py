"""tidecast key makes what the service lets in."""

from pathlib import Path

from service.api_keys import Doorkeeper


def test_key_is_let_in_by_the_line_that_is_shown_with_it(empty_home, tmp_path: Path):
    result = empty_home.run("key", "alice")
    key, line = result.stdout.splitlines()
    (tmp_path / "keys").write_text(f"{line}\n")
    Doorkeeper(keys_file=tmp_path / "keys").check(f"Bearer {key}")
    assert line.startswith("alice: ")
    assert not empty_home.folder.exists()


def test_key_as_json_fits_the_settings(empty_home):
    made = empty_home.json("key", "alice")
    Doorkeeper({made["name"]: made["sha256"]}).check(f"Bearer {made['key']}")


def test_keys_are_all_different(empty_home):
    keys = {empty_home.json("key", "alice")["key"] for _ in range(20)}
    assert len(keys) == 20
    assert all(len(key) == 43 for key in keys)


def test_name_that_is_no_label_is_refused(empty_home):
    result = empty_home.run("key", "alice bob")
    assert result.exit_code == 2
    assert "allowed: 1 to 64 of" in result.stderr
