"""What the person asked `up` to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Options of `up`.

    Attributes:
        replay: True for recorded, False for live candles, None to find out.
        speed: simulated seconds per real second of a replay.
        fresh: whether to forget the state of the last replay.
        hours: hours of the clock after which to stop, None for never.
        port: HTTP port, None for that of the settings.
        grpc_port: gRPC port, None for that of the settings.
        model: name of the model of the first champion; None takes the best one that the history
            supports.
    """

    replay: bool | None = None
    speed: float = 720.0
    fresh: bool = False
    hours: float | None = None
    port: int | None = None
    grpc_port: int | None = None
    model: str | None = None
