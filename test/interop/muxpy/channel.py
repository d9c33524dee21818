"""Both directions of one channel: docs/protocol.md §2.5 and §2.6."""
from collections import deque

from .wire import Code, Fault, Kind, broken, frame, varint, EOM, FIN


class Channel:
    """`session` gets the frames that it owes. Ends are None, 'fin' or 'reset'."""

    def __init__(self, session, number, ours, mode, priority, name, meta, send_limit, receive_limit):
        self.session, self.number, self.ours = session, number, ours
        self.mode, self.priority, self.name, self.meta = mode, priority, name, meta
        self.accepted = False  # the receiver of OPEN said so, or sent DATA
        self.accept_came = False  # by the frame of that name
        self.answer = None  # ACCEPT's data
        self.refused = None  # code, when the receiver of OPEN did not want it
        # Receiving.
        self.window = receive_limit
        self.receive_limit = receive_limit
        self.received = self.taken = 0
        self.inbox = bytearray()
        self.messages = deque()
        self.unfinished = bytearray()  # the message whose EOM has not come
        self.is_inside_message = False
        self.stopped = False  # by us
        self.other_blocked_at = None  # the limit that the other end said it has used up
        self.read_end = self.read_code = None
        # Sending.
        self.send_limit = send_limit
        self.sent = self.queued = 0
        self.outbox = deque()  # [bytes, ends a message]
        self.blocked_at = None  # the limit that BLOCKED was sent for
        self.fin_wanted = False
        self.write_end = self.stop_code = None

    @property
    def is_over(self):
        return self.read_end is not None and self.write_end is not None

    # What the application does.

    def write(self, data, fin=False):
        """Bytes, or one whole message on a channel of messages."""
        if self.write_end is not None or self.stop_code is not None:
            return
        if data or self.mode == 1:
            self.outbox.append([bytes(data), self.mode == 1])
            self.queued += len(data)
        self.fin_wanted |= fin

    def finish(self):
        self.fin_wanted = self.write_end is None and self.stop_code is None

    def read(self, most=1 << 30):
        """Takes what came, at most so many bytes: this is what gives credit."""
        data = bytes(self.inbox[:most])
        del self.inbox[:most]
        self._take(len(data))
        return data

    def read_message(self):
        if not self.messages:
            return None
        message = self.messages.popleft()
        self._take(len(message))
        return message

    def reset(self, code):
        if self.write_end is not None:
            return
        self._drop_outbox()
        self.write_end = "reset"
        self.session.send(frame(Kind.RESET, self.number, varint(code) + varint(self.sent)))
        self.session.settle(self)

    def refuse(self, code):
        self.refused = code
        self.read_end = self.read_end or "reset"
        self.reset(code)

    def stop(self, code):
        """Reads no more. What waits is dropped; what still comes is counted and dropped."""
        if self.read_end is not None or self.stopped:
            return
        self.stopped = True
        self._discard()
        self.session.send(frame(Kind.STOP, self.number, varint(code)))

    # What the session sends for it.

    def next_data(self, max_frame):
        """Bytes of the next DATA frame, or None."""
        if self.write_end is not None:
            return None
        room = min(max_frame, self.send_limit - self.sent)
        if self.outbox:
            data, ends = self.outbox[0]
            if len(data) > 0 and room == 0:
                self._say_blocked()
                return None
            piece, rest = data[:room], data[room:]
            if rest:
                self.outbox[0][0] = rest
            else:
                self.outbox.popleft()
            return self._data(piece, EOM if ends and not rest else 0)
        return self._data(b"", 0) if self.fin_wanted else None

    def _data(self, piece, flags):
        self.sent += len(piece)
        self.queued -= len(piece)
        if self.fin_wanted and not self.outbox:
            flags |= FIN
            self.write_end = "fin"
        if not self.ours:
            self.accepted = True
        data = frame(Kind.DATA, self.number, piece, flags)
        self.session.settle(self)
        return data

    def _say_blocked(self):
        if self.blocked_at != self.send_limit:
            self.blocked_at = self.send_limit
            self.session.send(frame(Kind.BLOCKED, self.number, varint(self.send_limit)))

    # What comes.

    def on_data(self, payload, fin, eom):
        if self.read_end is not None:
            raise broken(f"DATA on channel {self.number} behind its end")
        if eom and self.mode != 1:
            raise broken(f"EOM on channel {self.number}, which carries bytes")
        if self.received + len(payload) > self.receive_limit:
            raise Fault(Code.flowControl, f"channel {self.number}: more than {self.receive_limit} bytes")
        self.received += len(payload)
        if self.ours:
            self.accepted = True
        if self.mode == 1:
            self._on_message_part(payload, fin, eom)
        if self.stopped:
            self._take(len(payload))
        elif self.mode == 0:
            self.inbox += payload
        elif self.unfinished:
            self._take(0)
        if fin:
            self.read_end = "fin"
            self.session.note("end", self.number)
            self.session.settle(self)

    def _on_message_part(self, payload, fin, eom):
        if not self.stopped:
            self.unfinished += payload
            if len(self.unfinished) > self.session.own.max_message:
                self.stop(Code.tooLarge)
            elif eom:
                self.messages.append(bytes(self.unfinished))
                self.unfinished.clear()
        self.is_inside_message = not eom and (self.is_inside_message or len(payload) > 0)
        if fin and self.is_inside_message:
            raise broken(f"FIN inside a message of channel {self.number}")

    def on_reset(self, code, final_size):
        if self.read_end is not None:
            return
        if final_size != self.received:
            raise broken(f"RESET of channel {self.number} counts {final_size} bytes, {self.received} came")
        self.read_end, self.read_code = "reset", code
        self._discard()
        if self.ours and not self.accepted:
            self.refused = code
            self.session.note("refused", self.number, code)
            self._drop_outbox()
            self.write_end = self.write_end or "reset"
        else:
            self.session.note("reset", self.number, code)
        self.session.settle(self)

    def on_stop(self, code):
        if self.write_end is not None:
            return
        self.stop_code = code
        self.session.note("stopped", self.number, code)
        self._drop_outbox()
        if self.ours or self.accepted:
            self.reset(code)

    def on_accepted_here(self):
        """A STOP that came before is answered now: sooner, RESET would have been a refusal."""
        self.accepted = True
        if self.stop_code is not None:
            self.reset(self.stop_code)

    def on_credit(self, limit):
        self.send_limit = max(self.send_limit, limit)

    def on_blocked(self, limit):
        if limit == self.received and limit != self.other_blocked_at:
            self.other_blocked_at = limit
            self.session.note("blocked", self.number, limit)
        else:
            self.session.note("idle BLOCKED", self.number, limit)

    # Accounts.

    def _take(self, count):
        """Gives credit by the half window, but what is missing of a message must always have some: none of it can be taken."""
        self.taken += count
        wanted = self.taken + self.window
        needed = self.taken + (self.session.own.max_message if self.unfinished else 0)
        is_worth_it = wanted - self.receive_limit >= max(256, self.window // 2)
        if self.read_end is None and (is_worth_it or self.receive_limit < needed):
            self.receive_limit = wanted
            self.session.send(frame(Kind.CREDIT, self.number, varint(wanted)))

    def _discard(self):
        waiting = len(self.inbox) + len(self.unfinished) + sum(map(len, self.messages))
        for box in (self.inbox, self.unfinished, self.messages):
            box.clear()
        self._take(waiting)

    def _drop_outbox(self):
        self.outbox.clear()
        self.queued = 0
        self.fin_wanted = False
