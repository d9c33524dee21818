"""Positions of both streams, and what a session keeps to move to another link: docs/protocol.md §2.7 and §2.10."""
import hashlib
import hmac

from .wire import Code, Fault, Kind, broken, frame, read_varint, varint

CONTROL_ROOM = 262_144
MAX_SKIPPED_EPOCHS = 64


class Secret:
    """id | key of the first epoch, as the TLS exporter gives them. Keys of epochs that are over are forgotten."""

    def __init__(self, exported):
        self.id, self.key = exported[:16], exported[16:48]
        self.epoch = 1  # that `key` belongs to

    def at(self, epoch):
        """The secret moved on to a later epoch."""
        later = Secret(self.id + self.key)
        later.epoch = self.epoch
        while later.epoch < epoch:
            later.advance()
        return later

    def advance(self):
        self.key = _mac(self.key, b"q2q resume next")
        self.epoch += 1

    def resume_mac(self, received):
        return _mac(self.key, b"q2q resume 1\0" + self.id + _u64(self.epoch) + _u64(received))

    def resumed_mac(self, resume_mac, received):
        return _mac(self.key, b"q2q resumed 1\0" + resume_mac + _u64(received))


def _mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def _u64(value):
    return value.to_bytes(8, "big")


class Replay:
    """window: 0 on a session that cannot be resumed; then nothing is kept."""

    def __init__(self):
        self.window = 0
        self.received = 0  # of the other end's stream
        self.sent = 0
        self.acknowledged = 0
        self.kept = bytearray()  # what was sent from `acknowledged` on
        self.again = b""  # what a new link gets first
        self.is_resuming = False
        self.secret = None
        self.attempt = None  # (Secret of its epoch, mac) of the RESUME that was sent

    @property
    def is_full(self):
        return bool(self.window) and len(self.kept) >= self.window

    def count_input(self, count):
        if not self.is_resuming:
            self.received += count

    def count_output(self, data):
        self.sent += len(data)
        self.kept += data
        if self.window and len(self.kept) > self.window + CONTROL_ROOM:
            raise Fault(Code.limit, "too much is unacknowledged")
        return data

    def on_ack(self, position):
        if position > self.sent:
            raise broken(f"ACK of {position} bytes, {self.sent} were sent")
        if position > self.acknowledged:
            del self.kept[:position - self.acknowledged]
            self.acknowledged = position

    def take_replayed(self):
        again, self.again = self.again, b""
        return again

    # The end that makes the new link.

    def resume(self):
        """The RESUME frame of a new attempt."""
        self.is_resuming = True
        mac = self.secret.resume_mac(self.received)
        self.attempt = (self.secret.at(self.secret.epoch), mac)
        body = self.secret.id + mac + varint(self.secret.epoch) + varint(self.received)
        self.secret.advance()
        return frame(Kind.RESUME, 0, body)

    def on_resumed(self, body, behind):
        """`behind`: bytes of the stream that came together with it."""
        secret, mac = self.attempt
        position = _position_behind(body, 32)
        if not hmac.compare_digest(body[:32], secret.resumed_mac(mac, position)):
            raise Fault(Code.unknownSession, "RESUMED proves nothing")
        self._go_on_from(position)
        self.received += behind

    # The end that answers.

    def answer(self, body):
        """RESUMED for the body of a RESUME. Raises Fault unknownSession."""
        epoch, at = read_varint(body, 48) or (0, 0)
        received = _position_behind(body, at) if at else 0
        if self.secret is None or body[:16] != self.secret.id \
                or not self.secret.epoch <= epoch < self.secret.epoch + MAX_SKIPPED_EPOCHS:
            raise Fault(Code.unknownSession, "no such session, or no such epoch")
        secret = self.secret.at(epoch)
        mac = secret.resume_mac(received)
        if not hmac.compare_digest(body[16:48], mac):
            raise Fault(Code.unknownSession, "RESUME proves nothing")
        proof = secret.resumed_mac(mac, self.received)
        secret.advance()
        self.secret = secret
        self._go_on_from(received)
        return frame(Kind.RESUMED, 0, proof + varint(self.received))

    def _go_on_from(self, position):
        if not self.acknowledged <= position <= self.sent:
            raise Fault(Code.unknownSession, f"position {position} is not held")
        self.on_ack(position)
        self.again = bytes(self.kept)
        self.is_resuming = False


def _position_behind(body, at):
    found = read_varint(body, at)
    if found is None:
        raise broken("a body that is cut short")
    return found[0]
