"""The known formats of recordings: how a line of each is recognised, and turned into a market event."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Protocol

import msgspec
from nautilus_trader.model.data import Bar, BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.instruments import Instrument

from hedgegrid_tui.engine.markets.tape_numbers import (
    Fault,
    Grid,
    LineError,
    epoch_ns,
    integer,
    plausible,
    shown,
)
from strategy.domain import NS_PER_S

type Event = QuoteTick | TradeTick | Bar

MINUTE_NS: Final = 60 * NS_PER_S


class TapeFormat(StrEnum):
    """The formats that replay reads."""

    CAPTURE = "capture"
    AGG_TRADES = "aggTrades"
    KLINES = "klines"
    MINUTE_BARS = "minute-bars"


EXPECTED: Final = (
    "a Binance stream capture (`<ns> <JSON>` a line), Binance's aggTrades or klines CSV, or minute bars "
    "headed `timestamp,open,high,low,close,volume`; each plain, gzip or zip"
)

_HEADERS: Final = {
    b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,": TapeFormat.AGG_TRADES,
    b"open_time,open,high,low,close,volume,close_time,": TapeFormat.KLINES,
}
_MINUTE_HEADER: Final = b"timestamp,open,high,low,close,volume"
_CAPTURE: Final = re.compile(rb"\d{10,20}\s+\{")
_AGG_TRADE: Final = re.compile(rb"\d+,[\d.]+,[\d.]+,\d+,\d+,\d{12,17},(true|false)(,(true|false))?")
_KLINE: Final = re.compile(rb"\d{12,17}(,[\d.]+){11}")


def recognise(line: bytes) -> TapeFormat | None:
    """The format that a single line gives away, if any."""
    if _CAPTURE.match(line.lstrip()):
        return TapeFormat.CAPTURE
    header = header_format(line)
    if header is not None:
        return header
    plain = _squeezed(line)
    if _AGG_TRADE.fullmatch(plain):
        return TapeFormat.AGG_TRADES
    return TapeFormat.KLINES if _KLINE.fullmatch(plain) else None


def header_format(line: bytes) -> TapeFormat | None:
    """The CSV format whose header row this is, if any."""
    plain = _squeezed(line)
    if plain == _MINUTE_HEADER:
        return TapeFormat.MINUTE_BARS
    return next((kind for start, kind in _HEADERS.items() if plain.startswith(start)), None)


def _squeezed(line: bytes) -> bytes:
    return line.translate(None, b" \t\r").lower()


class Parser(Protocol):
    """Turns the lines of one format into events."""

    slack_ns: int
    """How far a line's time may lie before the latest one and still be taken, at the latest one's time."""

    def parse(self, line: bytes) -> Event | str:
        """The line's event, or the kind of a known message that is skipped.

        Raises:
            LineError: The line is damaged.
        """


def parser_for(kind: TapeFormat, instrument: Instrument) -> Parser:
    """A new parser of that format, for one pass over the file."""
    parsers: dict[TapeFormat, Callable[[Instrument], Parser]] = {
        TapeFormat.CAPTURE: CaptureParser,
        TapeFormat.AGG_TRADES: AggTradesParser,
        TapeFormat.KLINES: KlinesParser,
        TapeFormat.MINUTE_BARS: MinuteBarsParser,
    }
    return parsers[kind](instrument)


# Nautilus refuses a trade id of more than 36 characters.
type _Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _BookTicker(msgspec.Struct, tag_field="e", tag="bookTicker", gc=False):
    s: str
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct, tag_field="e", tag="trade", gc=False):
    s: str
    t: _Number
    p: str
    q: str
    m: bool
    X: str = "MARKET"


class _AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade", gc=False):
    s: str
    a: _Number
    l: _Number  # noqa: E741 - Binance's name
    p: str
    q: str
    m: bool


class _DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate", gc=False):
    pass


class _MarkPrice(msgspec.Struct, tag_field="e", tag="markPriceUpdate", gc=False):
    pass


class _Message(msgspec.Struct, gc=False):
    data: _BookTicker | _Trade | _AggTrade | _DepthUpdate | _MarkPrice


class _Envelope(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    lastUpdateId: int | None = None  # noqa: N815 - Binance's name


class _Kind(msgspec.Struct):
    e: str


_KNOWN: Final = frozenset({"bookTicker", "trade", "aggTrade", "depthUpdate", "markPriceUpdate"})


class CaptureParser:
    """Combined-stream messages of USDT-M futures behind the local time of their receipt in ns.

    Both of an event's times are the time of receipt: Nautilus's matching engine skips ticks whose ts_event is
    older than the book's last, and the exchange's stamps of several streams do not come in one order.
    """

    slack_ns = NS_PER_S

    def __init__(self, instrument: Instrument) -> None:
        self._id = instrument.id
        self._symbol = instrument.raw_symbol.value
        self._grid = Grid(instrument)
        self._decode = msgspec.json.Decoder(_Message).decode
        self._envelope = msgspec.json.Decoder(_Envelope).decode
        self._kind = msgspec.json.Decoder(_Kind).decode
        self._last_trade = -1
        self._last_in_agg = -1

    def parse(self, line: bytes) -> Event | str:
        """The event of a bookTicker, trade or aggTrade message; other messages are skipped by kind."""
        stamp, _, payload = line.partition(b" ")
        if not stamp.isdigit() or len(stamp) > 20:
            raise LineError(Fault.TIME, f"local time {shown(stamp) or '(empty)'} is no whole number of ns")
        ts = plausible(int(stamp), stamp, "local time")
        try:
            data = self._decode(payload).data
        except msgspec.ValidationError as error:
            return self._other(payload, error)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LineError(Fault.SYNTAX, f"is no JSON ({shown(str(error))})") from error
        except RecursionError as error:
            raise LineError(Fault.SYNTAX, "is JSON nested too deep") from error
        if isinstance(data, _DepthUpdate):
            return "depthUpdate"
        if isinstance(data, _MarkPrice):
            return "markPriceUpdate"
        if data.s != self._symbol:
            rule = f"must be {self._symbol}, or set instrument.symbol"
            raise LineError(Fault.OTHER_SYMBOL, f"symbol {shown(data.s)}: {rule}")
        return self._quote(data, ts) if isinstance(data, _BookTicker) else self._trade(data, ts)

    def _quote(self, data: _BookTicker, ts: int) -> Event:
        price, quantity = self._grid.price, self._grid.quantity
        bid, ask, bid_size, ask_size = price(data.b), price(data.a), quantity(data.B), quantity(data.A)
        if bid_size is None or ask_size is None:
            sizes = f"{shown(data.B)} x {shown(data.A)}"
            raise LineError(Fault.RANGE, f"quantity {sizes} at the best prices must be above 0")
        if bid >= ask:
            raise LineError(Fault.CROSSED, f"bid {shown(data.b)} must be below ask {shown(data.a)}")
        return QuoteTick(self._id, bid, ask, bid_size, ask_size, ts, ts)

    def _trade(self, data: _Trade | _AggTrade, ts: int) -> Event | str:
        # A capture of both streams tells each deal twice, and a resting order must not be filled from both.
        if isinstance(data, _Trade):
            if data.X != "MARKET":
                return "trade outside the book"
            number, repeated = data.t, data.t <= self._last_in_agg
            self._last_trade = max(self._last_trade, data.t)
        else:
            number, repeated = data.a, data.l <= self._last_trade
            self._last_in_agg = max(self._last_in_agg, data.l)
        if repeated:
            return "deal told by both trade and aggTrade"
        quantity = self._grid.quantity(data.q)
        if quantity is None:
            return "trade of nothing"
        side = AggressorSide.SELLER if data.m else AggressorSide.BUYER
        return TradeTick(self._id, self._grid.price(data.p), quantity, side, TradeId(str(number)), ts, ts)

    def _other(self, payload: bytes, error: msgspec.ValidationError) -> str:
        """The kind of a message that is none of the known ones; a known one that came here is damaged."""
        damaged = LineError(Fault.FIELDS, f"is no Binance message ({shown(str(error))})")
        try:
            envelope = self._envelope(payload)
            if envelope.lastUpdateId is not None:
                return "depth snapshot"
            if bytes(envelope.data).startswith(b"["):
                return shown(envelope.stream)
            kind = self._kind(envelope.data).e
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise damaged from error
        if not envelope.stream or kind in _KNOWN:
            raise damaged from error
        return shown(kind)


def _cells(line: bytes, counts: tuple[int, ...]) -> list[str]:
    try:
        cells = line.decode("ascii").split(",")
    except UnicodeDecodeError as error:
        raise LineError(Fault.SYNTAX, f"is no CSV of plain text ({shown(line)})") from error
    if len(cells) not in counts:
        raise LineError(Fault.FIELDS, f"has {len(cells)} columns, must have {' or '.join(map(str, counts))}")
    return [cell.strip() for cell in cells]


class AggTradesParser:
    """Rows of Binance's archive `aggTrades`; spot's eighth column is allowed and left aside."""

    slack_ns = NS_PER_S

    def __init__(self, instrument: Instrument) -> None:
        self._id = instrument.id
        self._grid = Grid(instrument)

    def parse(self, line: bytes) -> Event | str:
        """The trade of a row."""
        number, price, qty, _, _, time, maker, *_ = _cells(line, (7, 8))
        ts = epoch_ns(time, "transact_time")
        sides = {"true": AggressorSide.SELLER, "false": AggressorSide.BUYER}
        side = sides.get(maker.lower())
        if side is None:
            raise LineError(Fault.FIELDS, f"is_buyer_maker {shown(maker) or '(empty)'} must be true or false")
        quantity = self._grid.quantity(qty)
        if quantity is None:
            return "trade of nothing"
        trade_id = TradeId(str(integer(number, "agg_trade_id")))
        return TradeTick(self._id, self._grid.price(price), quantity, side, trade_id, ts, ts)


class _Bars:
    # Two bars of one minute would count its movement twice.
    slack_ns = -1

    def __init__(self, instrument: Instrument) -> None:
        self._type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        self._grid = Grid(instrument)
        self._price = self._grid.price

    def _bar(self, prices: list[str], volume: str, close_ns: int) -> Event:
        values = *map(self._price, prices), self._grid.volume(volume)
        try:
            return Bar(self._type, *values, close_ns, close_ns)
        except ValueError as error:
            problem = f"open, high, low, close {shown(', '.join(prices))}: high and low must enclose the others"
            raise LineError(Fault.BAR, problem) from error


class KlinesParser(_Bars):
    """Rows of Binance's archive `klines` of one minute, stamped with their open and their last ms or us."""

    def parse(self, line: bytes) -> Event | str:
        """The bar of a row, at its close: one minute after its open."""
        cells = _cells(line, (12,))
        opened, closed = epoch_ns(cells[0], "open_time"), epoch_ns(cells[6], "close_time")
        if not MINUTE_NS - NS_PER_S < closed - opened <= MINUTE_NS:
            seconds = f"{(closed - opened) / NS_PER_S:.0f}"
            raise LineError(Fault.BAR, f"bar of {seconds} s: must be klines of one minute (1m)")
        return self._bar(cells[1:5], cells[5], opened + MINUTE_NS)


class MinuteBarsParser(_Bars):
    """Rows of minute bars, stamped with their *close*, UTC unless the stamp says otherwise.

    In the recording known of this format (BTC-PERP, January 2022) volume and range jump at the stamps :01,
    :16, :31 and :46 (mean volume 3.57 million at :01, 2.38 at :00). Markets are busiest in the minute that
    begins a quarter of an hour, so the row stamped 10:01 is the minute from 10:00 to 10:01.

    The bars may come from another venue: prices are rounded to the nearest tick where that moves them by less
    than 1 bp (its ticks were 0.25 at times), and are refused where it moves them further.
    """

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._price = self._grid.near_price

    def parse(self, line: bytes) -> Event | str:
        """The bar of a row, at its stamp."""
        stamp, *prices, volume = _cells(line, (6,))
        return self._bar(prices, volume, _iso_ns(stamp))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _iso_ns(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        problem = f"timestamp {shown(text) or '(empty)'} is no ISO time such as 2022-01-01 10:01:00"
        raise LineError(Fault.TIME, problem) from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    ns = plausible((time - _EPOCH) // timedelta(microseconds=1) * 1_000, text, "timestamp")
    if ns % MINUTE_NS:
        raise LineError(Fault.TIME, f"timestamp {shown(text)} of a minute bar must be a whole minute")
    return ns
