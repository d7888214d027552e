from service.proto import forecast_pb2 as pb


def test_forecast_answers_with_the_snapshot(rpc):
    answer = rpc.stub().Forecast(pb.ForecastRequest(symbol="BTC-USD"), timeout=10)
    assert (answer.symbol, answer.interval, answer.model_version) == ("BTC-USD", "1h", "7")
