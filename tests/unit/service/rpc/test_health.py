import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb

SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
SERVICES = ("", "tidecast.v1.ForecastService", "inference.GRPCInferenceService")


def _status(rpc, service=""):
    return rpc.health().Check(pb.HealthCheckRequest(service=service), timeout=30).status


@pytest.mark.parametrize("service", SERVICES)
def test_health_is_that_of_readiness(serve, publish, service):
    rpc = serve()
    assert _status(rpc, service) == NOT_SERVING
    publish()
    assert _status(rpc, service) == SERVING
    rpc.plane.drain()
    assert _status(rpc, service) == NOT_SERVING


def test_health_of_an_unknown_service_is_not_found(rpc, details):
    with pytest.raises(grpc.RpcError) as caught:
        _status(rpc, "nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert details(caught.value)["ErrorInfo"].reason == "UNKNOWN_SERVICE"


def test_health_watch_tells_each_change_once(serve, publish):
    rpc = serve()
    watch = rpc.health().Watch(pb.HealthCheckRequest(), timeout=60)
    assert next(watch).status == NOT_SERVING
    publish()
    assert next(watch).status == SERVING
    publish(1)
    rpc.plane.drain()
    rpc.server.drain()
    assert next(watch).status == NOT_SERVING


def test_health_watch_of_an_unknown_service_says_so(rpc):
    watch = rpc.health().Watch(pb.HealthCheckRequest(service="nothing"), timeout=30)
    assert next(watch).status == pb.HealthCheckResponse.SERVICE_UNKNOWN


def test_health_watcher_that_does_not_read_stops_no_check(rpc, raw):
    client = raw(rpc.address, window=0)
    client.headers(1, "grpc.health.v1.Health/Watch")
    client.message(1, b"")
    client.until(client.HEADERS, stream=1)
    assert _status(rpc) == SERVING
