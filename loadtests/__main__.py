"""``python -m loadtests``: look whether a service answers, then become Locust, headless.

The service is that of ``HOST``, the reports go to ``REPORTS``; arguments go to Locust.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import requests

FOLDER = Path(__file__).resolve().parent
REPORTS = FOLDER / "reports"
DEFAULT_HOST = "http://127.0.0.1:3000"
NOBODY = 69
"""Exit code when nothing answers, EX_UNAVAILABLE of sysexits.h."""


def main() -> int:
    """Replace this process by Locust; returns only when no service is ready."""
    host = (os.environ.get("HOST") or DEFAULT_HOST).rstrip("/")
    if (why := _not_ready(host)) is not None:
        sys.stderr.write(
            f"loadtest: {why}\n"
            "Start a service in another terminal and wait for its first forecast: make run\n"
            "Or name one that runs: make loadtest HOST=http://127.0.0.1:3000\n"
        )
        return NOBODY
    folder = Path(os.environ.get("REPORTS") or REPORTS)
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    sys.stdout.write(f"loadtest: {host}; the report will be {report}.html\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--headless"]
    command += ["--host", host, "--html", f"{report}.html", "--csv", str(report)]
    command += ["--only-summary", "--stop-timeout", "5", *sys.argv[1:]]
    os.execv(command[0], command)  # noqa: S606


def _not_ready(host: str) -> str | None:
    """Why the load test cannot begin, or None when it can."""
    try:
        # Locust's client goes through no proxy of the environment either.
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{host}/readyz", timeout=10)
    except requests.RequestException:
        return f"nothing answers at {host}"
    if answer.status_code != 200:
        return f"{host}/readyz says {answer.status_code}: {answer.text[:300]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
