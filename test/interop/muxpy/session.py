"""A session without IO or clock, written from docs/protocol.md §2 alone. Times are arguments, in seconds."""
from collections import deque

from .channel import Channel
from .frames import Frames
from .pack import pack
from .replay import Replay
from .wire import (MAX_NUMBER, NONCE_LENGTH, PREFACE, QUIET_KINDS, Code, Fault, FrameReader, Kind, Settings, broken, frame,
                   settings_frame, varint)

ACK_BYTES = 65_536
ACK_DELAY = 0.025
MAX_QUIET = 4_096
DEFAULTS = {"initial_credit": 65_536, "max_channels": 100, "software": "muxPeer.py"}


class Session(Frames):
    """feed() what comes, read `channels`, `arrived` and `log`, and send what take_output() gives.

    settings: by the names of wire.Settings. is_greasy: sends what §2.12 wants everybody to send.
    """

    def __init__(self, nonce, messages=False, settings=None, is_greasy=True):
        self.nonce, self.messages = nonce, messages
        announced = {**DEFAULTS, **(settings or {}), **({"nonce": nonce} if messages else {})}
        self.own = Settings(**announced)
        self.theirs = None  # until SETTINGS come
        self.is_odd = None  # whether this end opens odd channels
        self.reader = FrameReader(messages, self.own.max_frame, self.own.max_datagram)
        self.preface = None if messages else bytearray()  # what came of it; None when it is complete
        self.replay = Replay()
        self.over = None  # Fault, or 'orderly'
        self.is_deaf = False  # to all but GOAWAY: after bytes that this session knows nothing of
        self.resume_asked = None  # RESUME that came first: the owner of the sessions answers it
        self.channels = {}
        self.arrived = deque()  # channels that the other end opened
        self.log = []  # (what, …): all that happened but for the bytes of channels
        self.out = deque()
        self.turn = deque()  # channels that may have DATA, in the order of their turns
        self.opened_by_us = self.opened_by_them = 0
        self.our_channels_allowed = 0
        self.their_channels_allowed = self.own.max_channels
        self.goaway_sent = self.goaway_came = None  # last channel that still counts
        self.pings = 0
        self.leaving_ping = None
        self.last_arrival = 0.0
        self.ack_due = None
        self.unacknowledged_input = self.quiet_input = 0
        self.send(settings_frame(announced, 64 + nonce[0], nonce[2]))
        if is_greasy:
            self.send_ext(0, 26 + 32 * nonce[1], nonce[: nonce[3] % 9])

    # What the application does.

    def open(self, name, meta=None, mode=0, priority=3):
        if self.goaway_came is not None or self.opened_by_us == self.our_channels_allowed:
            raise RuntimeError("no more channels may be opened")
        self.opened_by_us += 1
        number = 2 * self.opened_by_us - (1 if self.is_odd else 0)
        credit = self.own.initial_credit
        channel = Channel(self, number, True, mode, priority, name, meta, self.theirs.initial_credit, credit)
        self._add(channel)
        self.send(frame(Kind.OPEN, number, pack([mode, priority, credit, name] + ([] if meta is None else [meta]))))
        return channel

    def accept(self, channel, meta=None):
        self.send(frame(Kind.ACCEPT, channel.number, pack([channel.receive_limit] + ([] if meta is None else [meta]))))
        channel.on_accepted_here()

    def ping(self):
        self.pings += 1
        self.send(frame(Kind.PING, 0, varint(self.pings)))
        return self.pings

    def set_priority(self, channel, priority):
        self.send(frame(Kind.PRIORITY, channel.number, varint(priority)))

    def send_datagram(self, channel, data):
        if not self.replay.is_full:
            self.send(frame(Kind.DATAGRAM, channel, data))

    def send_ext(self, channel, number, data):
        self.send(frame(Kind.EXT, channel, varint(number) + data))

    def leave(self):
        """A goodbye in two steps: open no more, then, a round trip later, the last channel that counts. One step when none is open."""
        if not self.channels:
            return self._send_goaway(self._last_of_theirs(), Code.none, "")
        self._send_goaway(MAX_NUMBER, Code.none, "")
        self.leaving_ping = self.ping()

    def fail(self, fault):
        if self.over is None:
            self._send_goaway(self._last_of_theirs(), fault.code, str(fault)[:256])
            self.over = fault

    def note(self, *what):
        self.log.append(what)

    def send(self, data):
        """Queues a frame. (On a message link each is a message of its own.)"""
        self.out.append(data)

    # A new link: §2.10.

    def resume(self):
        """What the end that made the new link writes first. What comes before RESUMED is no part of the stream."""
        self.interrupted, self.reader = self.reader, FrameReader(self.messages, self.own.max_frame, self.own.max_datagram)
        self.preface = None if self.messages else bytearray()
        return self.greeting() + self.replay.resume()

    def adopt(self, asked, behind, now):
        """Goes on with the link on which a fresh session got this RESUME. Raises Fault when it proves nothing."""
        resumed = self.replay.answer(asked)
        self.feed(behind, now)
        return resumed

    # What comes.

    def feed(self, chunk, now):
        """A portion of a byte link, or one message."""
        if self.over is not None:
            return
        try:
            rest = self._feed_preface(chunk)
            self._feed_frames(rest, now)
        except Fault as fault:
            self.fail(fault)

    def end_of_link(self):
        """True when the session outlives it: §2.10."""
        if self.over is None and self.replay.window and not self._is_farewell_complete():
            return True
        if self.over is None:
            self.over = "orderly" if self._is_farewell_complete() else Fault(Code.lost, "the link ended")
        return False

    def _is_farewell_complete(self):
        said = self.goaway_came is not None or self.goaway_sent is not None
        return said and not self.channels

    def _feed_preface(self, chunk):
        if self.preface is None:
            return chunk
        self.preface += chunk
        for at, byte in enumerate(self.preface[:len(PREFACE)]):
            if byte != PREFACE[at]:
                raise Fault(Code.unsupported, "another version") if at == 4 else broken("not this protocol")
        length = len(PREFACE) + NONCE_LENGTH
        if len(self.preface) < length:
            return b""
        self._decide_roles(bytes(self.preface[len(PREFACE):length]))
        rest, self.preface = self.preface[length:], None
        return rest

    def _decide_roles(self, nonce):
        if self.is_odd is not None:
            return  # a later link of the session: roles stay
        if nonce == self.nonce:
            raise broken("equal nonces: this end talks to itself")
        self.is_odd = self.nonce > nonce

    def _feed_frames(self, chunk, now):
        self.reader.feed(chunk)
        self.replay.count_input(len(chunk))
        if len(chunk) > 0:
            self.last_arrival = now
        while (came := self.reader.next()) is not None and self.over is None:
            self._count_input(came, now)
            self._handle(came, now)
            if self.resume_asked is not None:
                return
        if self.reader.buffer and not self.reader.is_inside_quiet:
            self._owe_ack(0, now)

    def _count_input(self, came, now):
        if came.kind not in QUIET_KINDS:
            self._owe_ack(len(came.payload), now)
            return
        self.quiet_input += 3 + len(came.payload)
        if self.quiet_input >= MAX_QUIET:
            self._owe_ack(0, now)

    def _owe_ack(self, size, now):
        self.unacknowledged_input += size
        if self.ack_due is None:
            self.ack_due = now + ACK_DELAY

    # The table of channels.

    def _add(self, channel):
        self.channels[channel.number] = channel
        self.turn.append(channel)

    def settle(self, channel):
        """Its directions changed. A channel that is over frees its place: here the application is always done with it."""
        if channel.is_over and self.channels.pop(channel.number, None) is not None:
            self.turn.remove(channel)
            self.note("gone", channel.number)
            if not channel.ours:
                self.their_channels_allowed += 1
                self.send(frame(Kind.MAXCH, 0, varint(self.their_channels_allowed)))

    def _last_of_theirs(self):
        return 0 if self.opened_by_them == 0 else 2 * self.opened_by_them - (0 if self.is_odd else 1)

    def _send_goaway(self, last, code, reason):
        self.goaway_sent = last if self.goaway_sent is None else min(last, self.goaway_sent)
        self.send(frame(Kind.GOAWAY, 0, pack([self.goaway_sent, int(code), reason])))

    # What leaves.

    def greeting(self):
        """The preface of a link; nothing on a message link."""
        return b"" if self.messages else PREFACE + self.nonce

    def take_output(self, now, most=65_536):
        """The next frames, about so many bytes: on a message link a list of messages, otherwise a list to be joined."""
        try:
            return [] if self.replay.is_resuming else self._take_output(now, most)
        except Fault as fault:
            self.fail(fault)
            return [self.out.pop()]

    def _take_output(self, now, most):
        taken = [replayed] if (replayed := self.replay.take_replayed()) else []
        size = sum(map(len, taken))
        while size < most:
            data = self.out.popleft() if self.out else self._next_data()
            if data is None:
                break
            taken.append(self.replay.count_output(data))
            size += len(data)
        if self._is_ack_due(now, bool(taken)):
            taken.append(self.replay.count_output(self._ack(now)))
        return taken

    def _next_data(self):
        if self.theirs is None or self.over is not None or self.replay.is_full:
            return None
        for _ in range(len(self.turn)):
            channel = self.turn[0]
            self.turn.rotate(-1)
            data = channel.next_data(self.theirs.max_frame)
            if data is not None:
                return data
            if self.out:
                return self.out.popleft()
        return None

    def _is_ack_due(self, now, rides_along):
        if self.ack_due is None or self.theirs is None or self.over is not None:
            return False
        return rides_along or now >= self.ack_due or self.unacknowledged_input >= ACK_BYTES

    def _ack(self, now):
        self.ack_due, self.unacknowledged_input, self.quiet_input = None, 0, 0
        delay = max(0, int((now - self.last_arrival) * 1e6))
        return frame(Kind.ACK, 0, varint(self.replay.received) + varint(delay))
