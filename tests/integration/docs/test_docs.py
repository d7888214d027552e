"""What the docs say is there, and what is there they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from cli.main import app
from tidecast.exit_codes import MEANINGS, ExitCode
from tidecast.settings import Settings

ROOT = Path(__file__).parents[3]
MAKE_TARGETS = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
COMMANDS = typer.main.get_command(app).commands


def _text(name):
    return (ROOT / name).read_text()


def _setting_names(model=Settings, prefix="TIDECAST_"):
    for name, field in model.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            yield prefix + name.upper()
        else:
            yield from _setting_names(field.annotation, f"{prefix}{name.upper()}__")


@pytest.mark.parametrize("name", list(_setting_names()))
def test_setting_is_documented(name):
    assert f"`{name}`" in _text("docs/settings.md")


def test_settings_page_is_the_generated_one():
    made = subprocess.run(
        [sys.executable, ROOT / "docs/settings_page.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == _text("docs/settings.md")


@pytest.mark.parametrize("target", MAKE_TARGETS)
def test_make_target_is_documented(target):
    assert f"`make {target}`" in _text("CONTRIBUTING.md")


def test_make_help_lists_every_target():
    made = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = [line.split()[1] for line in made.stdout.splitlines()]
    assert listed == MAKE_TARGETS


def test_make_targets_are_all_phony():
    (phony,) = re.findall(r"^\.PHONY: (.*)$", _text("Makefile"), re.MULTILINE)
    assert set(phony.split()) == set(MAKE_TARGETS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_is_documented_with_an_example(name):
    assert f"## `tidecast {name}`" in _text("docs/commands.md")
    assert re.search(rf"^tidecast {name}\b", _text("docs/commands.md"), re.MULTILINE)
    assert f"`tidecast {name}" in _text("README.md")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_help_has_an_example(name):
    command = COMMANDS[name]
    for one in getattr(command, "commands", {name: command}).values():
        assert "Example" in one.help


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_options_that_the_docs_name_exist(name):
    text = _text("docs/commands.md").partition(f"## `tidecast {name}`")[2].partition("\n## ")[0]
    parts = getattr(COMMANDS[name], "commands", {name: COMMANDS[name]}).values()
    known = {option for one in parts for p in one.params for option in (*p.opts, *p.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known


@pytest.mark.parametrize("code", list(ExitCode))
def test_exit_code_is_documented_with_its_meaning(code):
    assert f"| {code.value} | {MEANINGS[code]} |" in _text("docs/commands.md")
    assert f"{code.value} {MEANINGS[code]}" in app.info.epilog


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/commands.md", "docs/clients.md"]
)
def test_links_between_pages_lead_somewhere(page):
    folder = (ROOT / page).parent
    links = re.findall(r"\]\((?!http)([^)#]+)", _text(page))
    assert links
    missing = [link for link in links if not (folder / link).exists()]
    assert missing == []


def test_readme_folders_exist():
    table = _text("README.md").partition("## Folders")[2]
    folders = re.findall(r"`([a-z]+)/`", table)
    assert len(folders) >= 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("target", ["run", "test", "check"])
def test_make_targets_of_the_readme_run_what_they_say(target):
    made = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = {"run": "tidecast up", "test": "pytest", "check": "mypy"}[target]
    assert expected in made.stdout


def test_helm_commands_of_the_readme_are_run_by_the_end_to_end_tests():
    section = _text("README.md").partition("## On Kubernetes")[2]
    (block,) = re.findall(r"^```sh\n(.*?)^```", section.partition("\n## ")[0], re.M | re.S)
    commands = block[block.index("helm install") :]
    assert commands in _text("docs/operations.md").partition("## Install")[2]


def test_requirements_are_pinned_with_hashes_and_name_no_index():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        pins = re.findall(r"^[a-z0-9].*", text, re.MULTILINE | re.IGNORECASE)
        assert pins
        assert all("==" in pin for pin in pins), path
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "--index" not in text
        assert "--find-links" not in text
