"""What the frames that come do to a session: docs/protocol.md §2.3 to §2.9, §2.11 and §2.12."""
from .channel import Channel
from .wire import Code, Fault, Kind, broken, control_array, frame, is_integer, read_settings, read_varints, varint

#: Codes of GOAWAY after which nothing goes on.
FATAL = {1, 2, 3, 4, 5, 7, 10, 11, 12}


class Frames:
    """The part of Session that reads. Raises Fault where a rule is broken."""

    def _handle(self, came, now):
        kind, body = came.kind, came.payload
        if self.is_deaf:
            if kind == Kind.GOAWAY:
                self._on_goaway(body)
        elif self.replay.is_resuming:
            self._handle_resuming(kind, body)
        elif self.theirs is None:
            self._handle_first(kind, body)
        elif kind in (Kind.SETTINGS, Kind.RESUME, Kind.RESUMED):
            raise broken(f"{kind.name} inside a session")
        elif kind == Kind.EXT:
            self._on_ext(came)
        elif came.channel == 0:
            self._handle_link(kind, body, now)
        elif kind == Kind.OPEN:
            self._on_open(came.channel, body)
        else:
            channel = self._channel_of(came.channel)
            if channel is not None:
                self._handle_channel(channel, came)

    def _handle_first(self, kind, body):
        if kind == Kind.RESUME:
            self.resume_asked = body
            return
        if kind != Kind.SETTINGS:
            raise broken(f"{kind.name} before SETTINGS")
        self.theirs = read_settings(body)
        if self.messages:
            if self.theirs.nonce is None:
                raise broken("SETTINGS without a nonce on a message link")
            self._decide_roles(self.theirs.nonce)
        self.our_channels_allowed = self.theirs.max_channels
        if self.own.resume is not None and self.theirs.resume is not None:
            self.replay.window = min(self.own.resume[0], self.theirs.resume[0])
            self.reader.as_stream = True

    def _handle_resuming(self, kind, body):
        if kind == Kind.RESUMED:
            behind = bytes(self.reader.buffer)
            self.replay.on_resumed(body, len(behind))
            self.reader = self.interrupted
            self.reader.feed(behind)
        elif kind == Kind.GOAWAY:
            self._on_goaway(body)

    def _handle_link(self, kind, body, now):
        if kind == Kind.GOAWAY:
            self._on_goaway(body)
        elif kind == Kind.DATAGRAM:
            self.note("datagram", 0, body)
        elif kind == Kind.ACK:
            (position, _delay), _ = read_varints(body, 2)
            self.replay.on_ack(position)
        else:
            (number,), _ = read_varints(body, 1)
            if kind == Kind.MAXCH:
                self.our_channels_allowed = max(self.our_channels_allowed, number)
            elif kind == Kind.PING:
                self._answer_ping(number)
            elif kind == Kind.PONG:
                self._on_pong(number)

    def _answer_ping(self, number):
        self.send(frame(Kind.PONG, 0, varint(number)))

    def _on_pong(self, number):
        self.note("pong", number)
        if self.leaving_ping is not None and number >= self.leaving_ping:
            self.leaving_ping = None
            self._send_goaway(self._last_of_theirs(), Code.none, "")

    def _on_ext(self, came):
        (number,), rest = read_varints(came.payload, 1)
        if number % 2 == 1:
            raise broken(f"extension {number} must be understood and is not")
        self.note("ext", number, rest)

    def _on_goaway(self, body):
        last, code, reason = (control_array(body, 2) + [""])[:3]
        if not is_integer(last) or not is_integer(code) or not isinstance(reason, str):
            raise broken("malformed GOAWAY")
        self.note("goaway", last, code, reason[:256])
        if code in FATAL:
            self.over = Fault(code, f"the other end: {reason}")
            return
        if self.goaway_came is not None and last > self.goaway_came:
            raise broken("a GOAWAY that rises")
        self.goaway_came = last
        for channel in [*self.channels.values()]:
            if channel.ours and channel.number > last:
                self.note("refused", channel.number, Code.goaway)
                channel.refused = Code.goaway
                channel.read_end = channel.write_end = "reset"
                self.settle(channel)

    def _on_open(self, number, body):
        mode, priority, credit, name, meta = (control_array(body, 4) + [None])[:5]
        if not (is_integer(mode) and is_integer(priority, 0, 15) and is_integer(credit) and isinstance(name, str)) \
                or len(name.encode()) > 255:
            raise broken("malformed OPEN")
        if number != 2 * (self.opened_by_them + 1) - (0 if self.is_odd else 1):
            raise broken(f"OPEN of channel {number}, which is not the next one")
        if self.opened_by_them == self.their_channels_allowed:
            raise Fault(Code.limit, f"more than {self.their_channels_allowed} channels")
        self.opened_by_them += 1
        channel = Channel(self, number, False, mode, priority, name, meta, credit, self.own.initial_credit)
        self._add(channel)
        if self.goaway_sent is not None and number > self.goaway_sent:
            channel.refuse(Code.goaway)
        elif mode > 1:
            channel.refuse(Code.unsupported)
        else:
            self.arrived.append(channel)
            self.note("incoming", number, name, mode)

    def _channel_of(self, number):
        """None when it is closed. Raises Fault when there never was one."""
        ours = (number % 2 == 1) == self.is_odd
        if (number + 1) // 2 > (self.opened_by_us if ours else self.opened_by_them):
            raise broken(f"a frame on channel {number}, which was never opened")
        return self.channels.get(number)

    def _handle_channel(self, channel, came):
        kind, body = came.kind, came.payload
        if kind == Kind.DATA:
            channel.on_data(body, came.fin, came.eom)
        elif kind == Kind.DATAGRAM:
            self.note("datagram", channel.number, body)
        elif kind == Kind.ACCEPT:
            self._on_accept(channel, body)
        elif kind == Kind.RESET:
            (code, final_size), _ = read_varints(body, 2)
            channel.on_reset(code, final_size)
        else:
            (number,), _ = read_varints(body, 1)
            if kind == Kind.STOP:
                channel.on_stop(number)
            elif kind == Kind.CREDIT:
                channel.on_credit(number)
            elif kind == Kind.BLOCKED:
                channel.on_blocked(number)
            elif kind == Kind.PRIORITY:
                self._on_priority(channel, number)

    def _on_accept(self, channel, body):
        credit, meta = (control_array(body, 1) + [None])[:2]
        if not is_integer(credit):
            raise broken("malformed ACCEPT")
        if not channel.ours:
            raise broken(f"ACCEPT of channel {channel.number} by its opener")
        if channel.accept_came:
            return
        channel.accepted = channel.accept_came = True
        channel.answer = meta
        self.note("accepted", channel.number)
        channel.on_credit(credit)

    def _on_priority(self, channel, priority):
        if priority > 15:
            raise broken(f"priority {priority}")
        channel.priority = priority
