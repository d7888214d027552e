"""Who may ask: API keys, hashed at rest."""

from service.refusals import Unauthenticated  # noqa: F401


class Doorkeeper:
    """Lets requests in by their API key; without keys everybody is let in."""

    def check(self, authorization: str | None) -> None:
        """Let a request in.

        Args:
            authorization: value of the ``Authorization`` header or metadata, None without one.

        Raises:
            Unauthenticated: keys are configured and this is none of them.
            RateLimited: the key has used up its rate.
        """
