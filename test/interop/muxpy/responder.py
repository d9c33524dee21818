"""The end that answers, by the name of the channel. The same names mean the same in muxPython.test.ts."""
import hashlib
import time

REFUSED, STOPPED, RESET = 300, 301, 302
RESET_AFTER = 1_000
LATE = 0.2  # seconds


class Responder:
    """step() does what can be done now. ACCEPT carries OPEN's data back, and datagrams return."""

    def __init__(self, session):
        self.session = session
        self.works = {}  # number: generator that goes on whenever something happened
        self.heard = 0  # entries of the session's log

    def step(self):
        for what, *facts in self.session.log[self.heard:]:
            if what == "datagram":
                self.session.send_datagram(*facts)
        self.heard = len(self.session.log)
        while self.session.arrived:
            channel = self.session.arrived.popleft()
            self.works[channel.number] = self._work(channel)
        for number, work in [*self.works.items()]:
            if next(work, "over") == "over":
                del self.works[number]

    def _work(self, channel):
        work = WORKS.get(channel.name)
        if work is None or channel.name == "refuse":
            channel.refuse(REFUSED if channel.name == "refuse" else 6)
            return iter(())
        return self._after_thought(channel, work)

    def _after_thought(self, channel, work):
        """On the channel `late` some time passes before ACCEPT."""
        until = time.monotonic() + (LATE if channel.name == "late" else 0)
        while time.monotonic() < until:
            yield
        self.session.accept(channel, channel.meta)
        yield from work(channel)


def echo(channel):
    while channel.read_end is None or channel.inbox:
        if channel.queued < 262_144:
            channel.write(channel.read(65_536))
        yield
    channel.finish()


def echo_messages(channel):
    while channel.read_end is None or channel.messages:
        message = channel.read_message()
        if message is None:
            yield
        else:
            channel.write(message)
    channel.finish()


def digest(channel):
    """Speaks after the other direction has ended."""
    seen = hashlib.sha256()
    while channel.read_end is None or channel.inbox:
        seen.update(channel.read())
        yield
    channel.write(seen.hexdigest().encode(), fin=True)


def stop(channel):
    """Reads no more after the first bytes; ends its own direction when the other end has."""
    while not channel.inbox:
        yield
    channel.stop(STOPPED)
    yield from hold(channel)
    channel.finish()


def reset(channel):
    channel.write(b"r" * RESET_AFTER)
    while channel.sent < RESET_AFTER:
        yield
    channel.reset(RESET)
    channel.stop(0)


def hold(channel):
    """Reads nothing: no credit beyond the first."""
    while channel.read_end is None:
        yield


def when_blocked(channel):
    """Reads only what the other end has said it can go no further than."""
    seen = hashlib.sha256()
    while channel.read_end is None or channel.inbox:
        if channel.read_end is not None or channel.other_blocked_at == channel.received:
            seen.update(channel.read())
        yield
    channel.write(seen.hexdigest().encode(), fin=True)


WORKS = {"echo": echo, "messages": echo_messages, "digest": digest, "late": digest, "stop": stop, "reset": reset,
         "hold": hold, "blocked": when_blocked, "refuse": None}
