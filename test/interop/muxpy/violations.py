"""Rules of docs/protocol.md §2 that a byte stream can break, each with the code that its GOAWAY must carry."""
from .pack import pack
from .wire import EOM, FIN, NOLEN, PREFACE, Code, Kind, frame, varint

P = Code.protocol


class Breaks:
    """`make(session)` gives the bytes. `beginning`: they are the first of the link, in place of ours."""

    def __init__(self, make, beginning=False):
        self.make, self.needs_settings = make, not beginning

    def run(self, peer):
        if self.needs_settings:
            peer.send_raw(self.make(peer.session))
        else:
            peer.session.out.clear()
            peer.pending = self.make(peer.session)


def begin(make):
    return Breaks(make, beginning=True)


def first(session):
    """Number of the first channel that this end opens."""
    return 1 if session.is_odd else 2


def opened(session, mode=0, number=None, credit=1000, name="echo", priority=3):
    return frame(Kind.OPEN, first(session) if number is None else number, pack([mode, priority, credit, name]))


def data(session, payload=b"", flags=0):
    return frame(Kind.DATA, first(session), payload, flags)


def filled(session, more):
    """DATA up to the limit of a fresh channel, and some bytes more."""
    limit, most = session.theirs.initial_credit, session.theirs.max_frame
    sizes = [most] * (limit // most) + [limit % most + more]
    return b"".join(data(session, b"f" * size) for size in sizes)


def many(session):
    allowed = session.our_channels_allowed
    numbers = range(first(session), first(session) + 2 * (allowed + 1), 2)
    return b"".join(opened(session, number=number, name="digest") for number in numbers)


def settings(value):
    return begin(lambda s: s.greeting() + frame(Kind.SETTINGS, 0, pack(value) if isinstance(value, dict) else value))


def on_channel(kind, body):
    """A frame behind an OPEN of ours."""
    return Breaks(lambda s: opened(s) + frame(kind, first(s), body))


def on_link(kind, body, flags=0):
    return Breaks(lambda s: frame(kind, 0, body, flags))


VIOLATIONS = {
    # The beginning.
    "magic": (begin(lambda s: b"GET / HTTP/1.1\r\n\r\n"), P),
    "version": (begin(lambda s: PREFACE[:4] + b"\x02" + s.nonce), Code.unsupported),
    "first frame": (begin(lambda s: s.greeting() + frame(Kind.PING, 0, varint(1))), P),
    "settings no map": (settings(pack([1, 2])), P),
    "settings cut short": (settings(b"\x81\x01"), P),
    "maxFrame 255": (settings({1: 255}), P),
    "initialCredit text": (settings({2: "x"}), P),
    "resume": (settings({7: [1]}), P),
    "65 extensions": (settings({8: [2] * 65}), P),
    "software of 65": (settings({10: "x" * 65}), P),
    "maxMessage above initialCredit": (settings({2: 1000, 11: 1001}), P),
    "settings twice": (on_link(Kind.SETTINGS, pack({})), P),
    "resume inside": (on_link(Kind.RESUME, b"\0" * 50), P),
    "resumed inside": (on_link(Kind.RESUMED, b"\0" * 33), P),
    # Frames.
    **{f"kind {kind}": (Breaks(lambda s, kind=kind: bytes([kind, 0, 0])), P) for kind in (17, 24, 30)},
    "nolen": (Breaks(lambda s: bytes([Kind.PING | NOLEN, 0, 1])), P),
    "fin on ping": (on_link(Kind.PING, varint(1), FIN), P),
    "eom on open": (Breaks(lambda s: frame(Kind.OPEN, first(s), pack([1, 3, 0, "messages"]), EOM)), P),
    "8-byte channel": (Breaks(lambda s: bytes([Kind.DATA]) + b"\xc0" + b"\0" * 6 + b"\1\0"), P),
    "8-byte length": (Breaks(lambda s: bytes([Kind.PING, 0]) + b"\xc0" + b"\0" * 6 + b"\1\1"), P),
    "number above 2^53": (on_link(Kind.PING, b"\xc0\x20" + b"\0" * 6), P),
    "control of 4097": (Breaks(lambda s: bytes([Kind.EXT, 0]) + varint(4097)), P),
    "data above maxFrame": (Breaks(lambda s: opened(s) + bytes([Kind.DATA, first(s)]) + varint(s.theirs.max_frame + 1)), P),
    "data on link": (Breaks(lambda s: frame(Kind.DATA, 0, b"x")), P),
    "open on link": (on_link(Kind.OPEN, pack([0, 3, 0, "echo"])), P),
    "ping on channel": (on_channel(Kind.PING, varint(1)), P),
    "never opened": (Breaks(data), P),
    "never opened by them": (Breaks(lambda s: frame(Kind.STOP, first(s) ^ 3, varint(0))), P),
    "datagram never opened": (Breaks(lambda s: frame(Kind.DATAGRAM, first(s), b"")), P),
    "body cut short": (on_channel(Kind.RESET, varint(0)), P),
    "odd extension": (on_link(Kind.EXT, varint(7)), P),
    "odd extension on a channel": (on_channel(Kind.EXT, varint(9)), P),
    "extension without number": (on_link(Kind.EXT, b""), P),
    "datagram too large": (Breaks(lambda s: frame(Kind.DATAGRAM, 0, b"x" * (s.theirs.max_datagram + 1))), P),
    # Channels.
    "foreign parity": (Breaks(lambda s: opened(s, number=first(s) ^ 3)), P),
    "gap": (Breaks(lambda s: opened(s, number=first(s) + 2)), P),
    "again": (Breaks(lambda s: opened(s) * 2), P),
    "open of three": (Breaks(lambda s: frame(Kind.OPEN, first(s), pack([0, 3, 0]))), P),
    "open name of 256": (Breaks(lambda s: opened(s, name="é" * 128)), P),
    "open name bytes": (Breaks(lambda s: opened(s, name=b"echo")), P),
    "open priority 16": (Breaks(lambda s: opened(s, priority=16)), P),
    "open meta too deep": (Breaks(lambda s: frame(Kind.OPEN, first(s), b"\x95\x00\x03\x00\xa1e" + b"\x91" * 4 + b"\x00")), P),
    "open 64-bit": (Breaks(lambda s: frame(Kind.OPEN, first(s), b"\x94\x00\x03\xcf" + b"\0" * 8 + b"\xa1e")), P),
    "open extension type": (Breaks(lambda s: frame(Kind.OPEN, first(s), b"\x95\x00\x03\x00\xa1e\xd4\x01\x00")), P),
    "open reserved format": (Breaks(lambda s: frame(Kind.OPEN, first(s), b"\x95\x00\x03\x00\xa1e\xc1")), P),
    "open negative credit": (Breaks(lambda s: frame(Kind.OPEN, first(s), b"\x94\x00\x03\xff\xa1e")), P),
    "open two values": (Breaks(lambda s: frame(Kind.OPEN, first(s), pack([0, 3, 0, "echo"]) + b"\0")), P),
    "too many": (Breaks(many), Code.limit),
    **{f"empty {kind.name} on a channel": (on_channel(kind, b""), P) for kind in
       (Kind.RESET, Kind.STOP, Kind.CREDIT, Kind.BLOCKED, Kind.PRIORITY)},
    "accept of one's own": (on_channel(Kind.ACCEPT, pack([0])), P),
    "data behind fin": (Breaks(lambda s: opened(s) + data(s, b"x", FIN) + data(s, b"y")), P),
    "fin twice": (Breaks(lambda s: opened(s) + data(s, b"", FIN) * 2), P),
    "final size": (Breaks(lambda s: opened(s) + data(s, b"xy") + frame(Kind.RESET, first(s), varint(0) + varint(3))), P),
    "eom on bytes": (Breaks(lambda s: opened(s) + data(s, b"x", EOM)), P),
    "fin inside message": (Breaks(lambda s: opened(s, mode=1, name="messages") + data(s, b"x", FIN)), P),
    "priority 16": (on_channel(Kind.PRIORITY, varint(16)), P),
    "flow": (Breaks(lambda s: opened(s, name="hold") + filled(s, 1)), Code.flowControl),
    # The link.
    "ack beyond": (on_link(Kind.ACK, varint(10**9) + varint(0)), P),
    "goaway no array": (on_link(Kind.GOAWAY, pack(0)), P),
    "goaway rises": (Breaks(lambda s: frame(Kind.GOAWAY, 0, pack([0, 0])) + frame(Kind.GOAWAY, 0, pack([first(s) ^ 3, 0]))), P),
    "goaway code with a fraction": (on_link(Kind.GOAWAY, pack([0, 0.5])), P),
    **{f"empty {kind.name}": (on_link(kind, b""), P) for kind in (Kind.PING, Kind.PONG, Kind.MAXCH, Kind.ACK, Kind.GOAWAY)},
    "ack without delay": (on_link(Kind.ACK, varint(1)), P),
}
