"""`tidecast key`: make an API key for somebody who may ask the service."""

from typing import Annotated

import typer

from cli.options import JsonOption

RANDOM_BYTES = 32
"""256 bits: nobody guesses them, however fast a digest is made."""


def key(
    name: Annotated[str, typer.Argument(help="Who gets the key; shown in logs and metrics.")],
    json: JsonOption = False,
) -> None:
    """Make an API key: show it once, and the line by which the service knows it.

    Nothing is stored. Example: tidecast key alice
    """
    import secrets

    from cli.console import print_json
    from service.key_ring import digest_of, entry
    from tidecast.errors import ConfigurationError, InvalidParameter

    made = secrets.token_urlsafe(RANDOM_BYTES)
    try:
        name, digest = entry(name, digest_of(made))
    except ConfigurationError as error:
        raise InvalidParameter(
            f"{name!r} cannot be the name of a key",
            field="name",
            allowed="1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit",
        ) from error
    if json:
        print_json({"name": name, "key": made, "sha256": digest})
    else:
        _show(name, made, digest)


def _show(name: str, made: str, digest: str) -> None:
    from cli.console import err, out

    err.print(f"For {name}, shown this once:", markup=False)
    out.print(made, markup=False)
    err.print("For the file named by TIDECAST_SERVICE__API_KEYS_FILE:", markup=False)
    out.print(f"{name}: {digest}", markup=False)
