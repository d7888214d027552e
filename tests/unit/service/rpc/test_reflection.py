from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha import reflection_pb2_grpc


def _ask(rpc, *questions):
    talk = reflection_pb2_grpc.ServerReflectionStub(rpc.channel()).ServerReflectionInfo
    return list(talk(iter(questions), timeout=30))


def test_reflection_lists_all_services(rpc):
    (answer,) = _ask(rpc, pb.ServerReflectionRequest(list_services=""))
    assert {each.name for each in answer.list_services_response.service} == {
        "tidecast.v1.ForecastService",
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_reflection_answers_one_question_after_the_other(rpc):
    symbols = ("tidecast.v1.ForecastService", "inference.GRPCInferenceService", "no.Such")
    answers = _ask(
        rpc, *(pb.ServerReflectionRequest(file_containing_symbol=each) for each in symbols)
    )
    names = [
        descriptor_pb2.FileDescriptorProto.FromString(
            answer.file_descriptor_response.file_descriptor_proto[0]
        ).name
        for answer in answers[:2]
    ]
    assert names == ["service/proto/forecast.proto", "service/proto/inference.proto"]
    assert answers[2].error_response.error_code == 5


def test_conversations_that_stay_open_keep_no_other_waiting(rpc, raw):
    client = raw(rpc.address)
    for stream in range(1, 41, 2):
        client.headers(stream, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        client.message(stream, pb.ServerReflectionRequest(list_services="").SerializeToString(), 0)
        client.until(client.DATA, stream=stream)
    assert len(_ask(rpc, pb.ServerReflectionRequest(list_services=""))) == 1
    assert rpc.admission.inflight == 0


def test_conversation_that_falls_silent_is_given_up(serve, raw):
    rpc = serve(slow_client_seconds=0.3)
    client = raw(rpc.address)
    client.headers(1, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    client.message(1, pb.ServerReflectionRequest(list_services="").SerializeToString(), 0)
    client.until(client.DATA, stream=1)
    _, trailers = client.until(client.HEADERS, stream=1)
    assert b"took too long" in trailers
