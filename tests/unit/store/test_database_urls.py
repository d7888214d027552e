import pytest

from tidecast.errors import ConfigurationError
from tidecast.store.dialects import parse_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgres_url_gets_our_driver(scheme):
    url = parse_url(f"{scheme}://anna:secret@db:5433/tidecast?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.host, url.port) == ("anna", "secret", "db", 5433)
    assert (url.database, url.query) == ("tidecast", {"sslmode": "require"})


def test_sqlite_url_keeps_its_path():
    assert parse_url("sqlite:////var/lib/tidecast.db").database == "/var/lib/tidecast.db"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tidecast.db",
        "mysql://u:secret@db/x",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+x://",
    ],
)
def test_other_url_is_refused_with_what_is_allowed(text):
    with pytest.raises(ConfigurationError, match="allowed: sqlite:.*postgresql://") as caught:
        parse_url(text)
    assert "secret" not in str(caught.value)
