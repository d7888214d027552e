"""Files as exchanges and data sites publish them, two candles each, all of them the same."""

import pytest

FIRST = (93_500.0, 94_000.0, 93_100.0, 93_900.0, 12.5)
SECOND = (93_900.0, 94_300.0, 93_700.0, 94_200.0, 10.25)

BINANCE = """\
1735689600000,93500.00,94000.00,93100.00,93900.00,12.50,1735693199999,1170000.1,900,6.1,570000.2,0
1735693200000000,93900.00,94300.00,93700.00,94200.00,10.25,1735696799999999,965550.1,800,5.1,480000.2,0
"""
BINANCE_API = """\
Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades
1735689600000,93500,94000,93100,93900,12.5,1735693199999,1170000.1,900
1735693200000,93900,94300,93700,94200,10.25,1735696799999,965550.1,800
"""
CRYPTO_DATA_DOWNLOAD = """\
https://www.CryptoDataDownload.com
unix,date,symbol,open,high,low,close,Volume BTC,Volume USD
1735693200,2025-01-01 01:00:00,BTC/USD,93900,94300,93700,94200,10.25,965550.1
1735689600,2025-01-01 00:00:00,BTC/USD,93500,94000,93100,93900,12.5,1170000.1
"""
CRYPTO_DATA_DOWNLOAD_OLD = """\
https://www.CryptoDataDownload.com
Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD
2025-01-01 01-AM,BTCUSD,93900,94300,93700,94200,10.25,965550.1
2025-01-01 12-AM,BTCUSD,93500,94000,93100,93900,12.5,1170000.1
"""
KRAKEN = """\
1735689600,93500.0,94000.0,93100.0,93900.0,12.5,900
1735693200,93900.0,94300.0,93700.0,94200.0,10.25,800
"""
KRAKEN_API = """\
1735689600,93500.0,94000.0,93100.0,93900.0,93600.1,12.5,900
1735693200,93900.0,94300.0,93700.0,94200.0,94000.1,10.25,800
"""
COINBASE = """\
time,low,high,open,close,volume
1735693200,93700,94300,93900,94200,10.25
1735689600,93100,94000,93500,93900,12.5
"""
BITSTAMP = """\
timestamp;open;high;low;close;volume
1735689600;93500;94000;93100;93900;12.5
1735693200;93900;94300;93700;94200;10.25
"""
BITFINEX = """\
1735689600000,93500,93900,94000,93100,12.5
1735693200000,93900,94200,94300,93700,10.25
"""
KUCOIN = """\
1735693200,93900,94200,94300,93700,10.25,965550.1
1735689600,93500,93900,94000,93100,12.5,1170000.1
"""
CCXT = """\
1735689600000,93500,94000,93100,93900,12.5
1735693200000,93900,94300,93700,94200,10.25
"""
COINBASE_LISTS = "\n".join(COINBASE.splitlines()[1:]) + "\n"
CRYPTOCOMPARE = """\
time,high,low,open,volumefrom,volumeto,close,conversionType
1735689600,94000,93100,93500,12.5,1170000.1,93900,direct
1735693200,94300,93700,93900,10.25,965550.1,94200,direct
"""
KAGGLE_BITSTAMP = """\
Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price
1735689600,93500,94000,93100,93900,12.5,1170000.1,93600.0
1735693200,93900,94300,93700,94200,10.25,965550.1,94200.0
1735696800,NaN,NaN,NaN,NaN,NaN,NaN,NaN
"""
DUKASCOPY = """\
Gmt time,Open,High,Low,Close,Volume
01.01.2025 00:00:00.000,93500,94000,93100,93900,12.5
01.01.2025 01:00:00.000,93900,94300,93700,94200,10.25
"""
METATRADER = """\
<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>\t<SPREAD>
2025.01.01\t00:00:00\t93500\t94000\t93100\t93900\t12.5\t10
2025.01.01\t01:00:00\t93900\t94300\t93700\t94200\t10.25\t10
"""
POLYGON = """\
v,vw,o,c,h,l,t,n
12.5,93600.1,93500,93900,94000,93100,1735689600000,900
10.25,94000.1,93900,94200,94300,93700,1735693200000,800
"""
COIN_MARKET_CAP = """\
timeOpen;timeClose;timeHigh;timeLow;open;high;low;close;volume;marketCap;timestamp
"2025-01-01T00:00:00.000Z";"2025-01-01T00:59:59.999Z";"x";"x";93500;94000;93100;93900;1173750;1;"2025-01-01T00:59:59.999Z"
"2025-01-01T01:00:00.000Z";"2025-01-01T01:59:59.999Z";"x";"x";93900;94300;93700;94200;965550;1;"2025-01-01T01:59:59.999Z"
"""
YAHOO = """\
Date,Open,High,Low,Close,Adj Close,Volume
2025-01-01 00:00:00+00:00,93500,94000,93100,93900,93900,1173750
2025-01-01 01:00:00+00:00,93900,94300,93700,94200,94200,965550
"""
YFINANCE = """\
Price,Close,High,Low,Open,Volume
Ticker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD
Datetime,,,,,
2025-01-01 00:00:00+00:00,93900,94000,93100,93500,1173750
2025-01-01 01:00:00+00:00,94200,94300,93700,93900,965550
"""
PANDAS_INDEX = """\
,open,high,low,close,volume
2025-01-01 00:00:00+00:00,93500,94000,93100,93900,12.5
2025-01-01 01:00:00+00:00,93900,94300,93700,94200,10.25
"""
FILES = {
    "Binance, ms and us": BINANCE,
    "Binance API": BINANCE_API,
    "CryptoDataDownload": CRYPTO_DATA_DOWNLOAD,
    "CryptoDataDownload, hours as 01-AM": CRYPTO_DATA_DOWNLOAD_OLD,
    "Kraken OHLCVT": KRAKEN,
    "Kraken API": KRAKEN_API,
    "Coinbase": COINBASE,
    "Coinbase lists": COINBASE_LISTS,
    "Bitstamp, semicolons": BITSTAMP,
    "Bitfinex": BITFINEX,
    "KuCoin": KUCOIN,
    "ccxt": CCXT,
    "CryptoCompare": CRYPTOCOMPARE,
    "Kaggle Bitstamp with an hour without trades": KAGGLE_BITSTAMP,
    "Dukascopy": DUKASCOPY,
    "MetaTrader": METATRADER,
    "Polygon": POLYGON,
    "CoinMarketCap": COIN_MARKET_CAP,
    "Yahoo": YAHOO,
    "yfinance": YFINANCE,
    "pandas index": PANDAS_INDEX,
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_file_of_an_exchange_gives_its_candles(read, text):
    file = read(text)
    assert file.refused == []
    assert [str(time) for time in file.candles.index] == [
        "2025-01-01 00:00:00+00:00",
        "2025-01-01 01:00:00+00:00",
    ]
    assert file.candles.to_numpy().tolist() == [list(FIRST), list(SECOND)]


def test_volume_in_quote_currency_is_divided_by_the_close_when_there_is_no_other(read):
    text = CRYPTO_DATA_DOWNLOAD.replace("Volume BTC", "Comment")
    file = read(text)
    assert file.columns.volume.unit == "quote"
    assert file.candles["volume"].tolist() == pytest.approx([1170000.1 / 93900, 965550.1 / 94200])


def test_file_without_volume_has_volume_zero(read):
    assert read(BITSTAMP.replace("volume", "note")).candles["volume"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "symbol", "message"),
    [
        (CRYPTO_DATA_DOWNLOAD, "ETH-USD", "the file is about 'BTC/USD', the market is ETH-USD"),
        (CRYPTO_DATA_DOWNLOAD_OLD, "ETH-USD", "the file is about 'BTCUSD'"),
        (CRYPTO_DATA_DOWNLOAD.replace("BTC/USD,93500", "ETH/USD,93500"), "BTC-USD", "2 markets"),
        (KAGGLE_BITSTAMP, "ETH-USD", "unclear which column is the volume: volumebtc"),
        (YFINANCE.replace("Open", "Close"), "BTC-USD", "2 columns are named close"),
        (BITSTAMP.replace("low;", "least;"), "BTC-USD", "no column for low"),
        (BITSTAMP.replace("low;close;volume", "low;close;Close"), "BTC-USD", "2 columns are named"),
        (BINANCE_API.replace("Open time", "Note"), "BTC-USD", "'Close time' is when a candle ends"),
        ("1735689600,1,1,1,1,5\n", "BTC-USD", "fits: time, open, high, low, close, volume"),
        ("1735689600,9,1,5,1,5\n", "BTC-USD", "fits: none of the known orders"),
    ],
)
def test_file_that_needs_a_guess_is_refused(read, text, symbol, message):
    from tidecast.errors import InvalidParameter

    with pytest.raises(InvalidParameter) as caught:
        read(text, symbol=symbol)
    assert message in str(caught.value)
