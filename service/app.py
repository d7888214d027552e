"""The BentoML service: ``bentoml serve service.app:Tidecast`` from the root of the checkout.

BentoML imports this module in its supervisor too, so what is heavy is imported in the worker only.
"""

import json
import os
import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml

from service.messages import ForecastAnswer, ForecastRequest
from service.worker import WORKER_MODULE, leave_arrow_out

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from service.runtime import Runtime


@cache
def runtime() -> "Runtime":
    """The one runtime of this worker process."""
    # BentoML sets it for several workers; metrics in memory cost a third of those in files.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if getattr(sys.modules["__main__"].__spec__, "name", None) == WORKER_MODULE:
        leave_arrow_out()
    from service.runtime import adopt_server_logs, build_runtime
    from tidecast.settings import load_settings
    from tidecast.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, "service")
    adopt_server_logs()
    return build_runtime(settings)


class FrontedService(bentoml.Service[Any]):  # type: ignore[misc]
    """A BentoML service behind our front door."""

    def to_asgi(self, is_main: bool = True) -> "ASGIApp":
        """The application that the worker serves."""
        held = runtime()  # before the imports below: it says where metrics are kept
        from _bentoml_impl.server.app import ServiceAppFactory  # type: ignore[import-untyped]
        from starlette.applications import Starlette

        from service.assembly import Bento, assemble
        from service.rest.connection import install
        from service.rest.guard import Guard
        from tidecast.settings import load_settings

        settings = load_settings()
        install(Guard(held.admission, settings.service))
        self.inject_config()
        factory = ServiceAppFactory(self, is_main=is_main)
        schema = json.dumps(self.schema()).encode()
        lifespan = Starlette(lifespan=factory.lifespan)
        bento = Bento(lifespan, partial(factory.api_endpoint, "forecast"), schema)
        return assemble(bento, held, settings)


@bentoml.service(
    service_class=FrontedService,
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
)
class Tidecast:
    """Probabilistic forecasts of crypto prices, with their live scores."""

    @bentoml.api  # type: ignore[untyped-decorator]
    async def forecast(self, request: ForecastRequest, /) -> ForecastAnswer:
        """The newest forecast of one market."""
        from service.assembly import answer

        response: Any = answer(runtime().plane, request)
        return response  # type: ignore[no-any-return]

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def check() -> None:
        """End the supervisor before it starts a worker that cannot serve."""
        # BentoML takes a Bento off the path again when it has imported this module.
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from service.start_checks import checked_settings
        from tidecast.errors import ConfigurationError
        from tidecast.exit_codes import exit_code

        try:
            checked_settings()
        except ConfigurationError as error:
            sys.stderr.write(f"service: {error}\n")
            sys.exit(exit_code(error))

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def start(self) -> None:
        """Start to watch store and champions."""
        # BentoML inspects the signature at every access but to an attribute of the instance.
        self.__dict__["forecast"] = self.forecast
        runtime().start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """End what ``start`` started."""
        runtime().stop()
