"""Bytes of the mux protocol, docs/protocol.md §2.1 to §2.4 and §2.11: varints, frames, their bodies. No state, no IO."""
from dataclasses import dataclass
from enum import IntEnum

from .pack import MAX_INTEGER, pack, unpack

MAGIC = b"Q2QM"
VERSION = 1
PREFACE = MAGIC + bytes([VERSION])
NONCE_LENGTH = 8
MAX_NUMBER = 2**30 - 1
MAX_CONTROL = 4096

FIN, EOM, NOLEN = 0x20, 0x40, 0x80


class Kind(IntEnum):
    DATA = 0
    OPEN = 1
    ACCEPT = 2
    RESET = 3
    STOP = 4
    CREDIT = 5
    BLOCKED = 6
    MAXCH = 7
    PING = 8
    PONG = 9
    ACK = 10
    SETTINGS = 11
    GOAWAY = 12
    PRIORITY = 13
    DATAGRAM = 14
    RESUME = 15
    RESUMED = 16
    EXT = 31


class Code(IntEnum):
    none = 0
    protocol = 1
    flowControl = 2
    limit = 3
    internal = 4
    idle = 5
    refused = 6
    cancelled = 7
    goaway = 8
    busy = 9
    unsupported = 10
    unknownSession = 11
    lost = 12
    tooLarge = 13


class Fault(Exception):
    """What ends a session, with the code that its GOAWAY carries."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def broken(text):
    return Fault(Code.protocol, text)


#: They owe no ACK of their own.
QUIET_KINDS = {Kind.ACK, Kind.PING, Kind.PONG}
LINK_KINDS = {Kind.MAXCH, Kind.PING, Kind.PONG, Kind.ACK, Kind.SETTINGS, Kind.GOAWAY, Kind.RESUME, Kind.RESUMED}
EITHER_KINDS = {Kind.DATAGRAM, Kind.EXT}

# Varints.


def varint(value):
    for bits, prefix in ((6, 0), (14, 1), (30, 2)):
        if value < 1 << bits:
            return (value | prefix << bits).to_bytes((bits + 2) // 8, "big")
    if value > MAX_INTEGER:
        raise ValueError(f"{value} has no varint")
    return (value | 3 << 62).to_bytes(8, "big")


def read_varint(data, at):
    """(value, index behind it), or None when the bytes end first. Any form is read; Fault above 2^53-1."""
    if at >= len(data):
        return None
    width = 1 << (data[at] >> 6)
    if at + width > len(data):
        return None
    value = int.from_bytes(data[at:at + width], "big") & ((1 << (8 * width - 2)) - 1)
    if value > MAX_INTEGER:
        raise broken("a number above 2^53-1")
    return value, at + width


def read_varints(body, count):
    """As many numbers from the beginning of a body; what stands behind them is ignored."""
    values, at = [], 0
    for _ in range(count):
        found = read_varint(body, at)
        if found is None:
            raise broken("a body that is cut short")
        value, at = found
        values.append(value)
    return values, body[at:]


# Control data.


def control(body):
    try:
        return unpack(body)
    except (ValueError, OverflowError) as error:
        raise broken(f"malformed control data: {error}") from None


def is_integer(value, lowest=0, highest=MAX_INTEGER):
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def control_array(body, least):
    value = control(body)
    if not isinstance(value, list) or len(value) < least:
        raise broken(f"not an array of {least} or more")
    return value


# Frames.


@dataclass
class Frame:
    kind: int
    channel: int
    payload: bytes
    flags: int = 0

    @property
    def fin(self):
        return bool(self.flags & FIN)

    @property
    def eom(self):
        return bool(self.flags & EOM)


def frame(kind, channel, payload=b"", flags=0):
    head = bytes([kind | flags]) + varint(channel)
    return head + (b"" if flags & NOLEN else varint(len(payload))) + payload


class FrameReader:
    """Frames of one direction out of bytes in any portions; on a message link out of messages.

    max_data and max_datagram are what this end announced. A length is judged before its body has come.
    """

    def __init__(self, messages, max_data, max_datagram):
        self.messages = messages
        self.as_stream = not messages  # §2.10: on a resumable session frames may span messages
        self.max_data, self.max_datagram = max_data, max_datagram
        self.buffer = bytearray()

    def feed(self, chunk):
        self.buffer += chunk

    @property
    def is_inside_quiet(self):
        return bool(self.buffer) and self.buffer[0] & 0x1F in QUIET_KINDS

    def next(self):
        """The next Frame, or None until more bytes come. Raises Fault."""
        data = self.buffer
        if not data:
            return None
        head, flags = data[0], data[0] & 0xE0
        kind = _kind(head)
        if flags & NOLEN and not self.messages:
            raise broken("NOLEN on a byte link")
        channel, at = self._number(1)
        if at is None:
            return self._partial()
        _check_place(kind, channel)
        if flags & NOLEN:
            length = len(data) - at
        else:
            length, at = self._number(at)
            if at is None:
                return self._partial()
        self._check_length(kind, length)
        if len(data) < at + length:
            return self._partial()
        payload = bytes(data[at:at + length])
        del data[:at + length]
        return Frame(kind, channel, payload, flags & (FIN | EOM))

    def _number(self, at):
        if at < len(self.buffer) and self.buffer[at] >= 0xC0:
            raise broken("a channel or length in the 8-byte form")
        return read_varint(self.buffer, at) or (0, None)

    def _partial(self):
        if not self.as_stream:
            raise broken("a message that ends inside a frame")
        return None

    def _check_length(self, kind, length):
        limit = {Kind.DATA: self.max_data, Kind.DATAGRAM: self.max_datagram}.get(kind, MAX_CONTROL)
        if length > limit or (kind == Kind.DATAGRAM and limit == 0):
            raise broken(f"{kind.name} of {length} bytes, at most {limit}")


def _kind(head):
    try:
        kind = Kind(head & 0x1F)
    except ValueError:
        raise broken(f"kind {head & 0x1F}") from None
    if head & (FIN | EOM) and kind != Kind.DATA:
        raise broken(f"FIN or EOM on {kind.name}")
    return kind


def _check_place(kind, channel):
    if kind in EITHER_KINDS:
        return
    if (channel == 0) != (kind in LINK_KINDS):
        raise broken(f"{kind.name} on channel {channel}")


# SETTINGS.

KEYS = {1: "max_frame", 2: "initial_credit", 4: "max_channels", 5: "idle_timeout",
        6: "max_datagram", 7: "resume", 8: "extensions", 9: "nonce", 10: "software", 11: "max_message"}
NUMBERS = {name: key for key, name in KEYS.items()}


@dataclass
class Settings:
    max_frame: int = 16_384
    initial_credit: int = 65_536
    max_channels: int = 0
    idle_timeout: int = 0
    max_datagram: int = 0
    resume: list = None
    extensions: tuple = ()
    nonce: bytes = None
    software: str = None
    max_message: int = None

    def __post_init__(self):
        if self.max_message is None:
            self.max_message = min(65_536, self.initial_credit)


def settings_frame(values, grease_key, grease_value):
    """values: by the names of Settings."""
    entries = {NUMBERS[name]: value for name, value in values.items()}
    return frame(Kind.SETTINGS, 0, pack({**entries, grease_key: grease_value}))


def read_settings(body):
    value = control(body)
    if not isinstance(value, dict):
        raise broken("SETTINGS that are no map")
    known = {KEYS[key]: item for key, item in value.items() if key in KEYS}
    for name, item in known.items():
        if not _SHAPES[name](item):
            raise broken(f"malformed {name}")
    settings = Settings(**known)
    if settings.max_message > settings.initial_credit:
        raise broken("maxMessage above initialCredit")
    return settings


_SHAPES = {
    "max_frame": lambda v: is_integer(v, 256),
    "resume": lambda v: isinstance(v, list) and len(v) >= 2 and is_integer(v[0]) and is_integer(v[1]),
    "extensions": lambda v: isinstance(v, list) and len(v) <= 64 and all(is_integer(item) for item in v),
    "nonce": lambda v: isinstance(v, bytes) and len(v) == NONCE_LENGTH,
    "software": lambda v: isinstance(v, str) and len(v) <= 64,
    **{name: is_integer for name in
       ("initial_credit", "receive_budget", "max_channels", "idle_timeout", "max_datagram", "max_message")},
}
