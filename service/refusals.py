"""What the service refuses before it asks the data plane."""

from tidecast.errors import CallerError, RetryLater


class Unauthenticated(CallerError):
    """No API key, or one that is not known."""


class UnsupportedMediaType(CallerError):
    """The body has a media type that the route does not read."""


class UnsupportedContentCoding(CallerError):
    """The body is encoded in a way that is not decoded here."""


class BodyTooLarge(CallerError):
    """The body is larger than allowed, as sent or decoded."""


class Overloaded(RetryLater):
    """As many requests as allowed are in flight."""


class RateLimited(RetryLater):
    """The key has used up its share of requests."""


class UnknownModel(CallerError):
    """No such model, or no such version of it that serves."""


class UnknownService(CallerError):
    """No such gRPC service."""
