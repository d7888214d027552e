"""Runs Terraform on a copy of the configuration, as a person would, and never against real AWS."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "terraform"
PLUGIN_DIR = "TF_PLUGIN_DIR"

TIMEOUT_SECONDS = 900
"""Of one command; an apply takes under two minutes on two idle cores."""

timings: list[str] = []
"""What each apply and destroy took, for the end of the report."""

NO_CHANGES, CHANGES = 0, 2
"""Exit codes of `terraform plan -detailed-exitcode`."""


@dataclass
class Workspace:
    """A copy of the configuration with its own environment."""

    folder: Path
    endpoint: str | None = None
    region: str = "eu-west-1"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command; its output stands in the error when it fails and `check` is set."""
        begun = time.monotonic()
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        if arguments[0] in ("apply", "destroy"):
            timings.append(f"terraform {arguments[0]}: {time.monotonic() - begun:.0f} s")
        if check and done.returncode:
            raise AssertionError(f"terraform {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done

    def init(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Initialise, with the provider of the plug-in folder where one is named."""
        plugins = os.environ.get(PLUGIN_DIR)
        source = [f"-plugin-dir={plugins}"] if plugins else []
        return self.run("init", "-lockfile=readonly", *source, *arguments, check=False)

    def resources(self) -> list[str]:
        """Addresses of the resources in the state, data sources left out."""
        listed = self.run("state", "list").stdout.split()
        return [address for address in listed if not address.startswith("data.")]

    def changes(self) -> list[str]:
        """What a plan would change: `ADDRESS will be created` and so on, and `outputs`."""
        done = self.run("plan", "-detailed-exitcode", "-lock=false", check=False)
        assert done.returncode in (NO_CHANGES, CHANGES), done.stdout + done.stderr
        planned = [line[4:] for line in done.stdout.splitlines() if line.startswith("  # ")]
        planned += ["outputs"] if "Changes to Outputs:" in done.stdout else []
        assert bool(planned) == (done.returncode == CHANGES), done.stdout
        return planned

    def outputs(self) -> dict[str, Any]:
        """Values of the outputs."""
        found = json.loads(self.run("output", "-json").stdout)
        return {name: one["value"] for name, one in found.items()}

    def _environment(self) -> dict[str, str]:
        """Nothing of the machine's AWS or Terraform settings but the download cache."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AWS_", "TF_")) or key == "TF_PLUGIN_CACHE_DIR"
        }
        empty = self.folder / ".terraformrc"
        empty.touch()
        kept |= {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint or "http://127.0.0.1:1",
            "NO_PROXY": "127.0.0.1",
            "TF_CLI_CONFIG_FILE": str(empty),
            "TF_CLI_ARGS": "-no-color",
            "TF_INPUT": "0",
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        assert urlsplit(kept["AWS_ENDPOINT_URL"]).hostname == "127.0.0.1"
        return kept


def copy_of_configuration(folder: Path, *, backend: bool = False) -> Path:
    """Copy what Terraform reads, the example of an S3 backend too where it is asked for."""
    for name in [*CONFIGURATION.glob("*.tf"), CONFIGURATION / ".terraform.lock.hcl"]:
        shutil.copy(name, folder)
    shutil.copytree(CONFIGURATION / "tests", folder / "tests")
    if backend:
        shutil.copy(CONFIGURATION / "examples" / "s3-backend.tf", folder)
    return folder
