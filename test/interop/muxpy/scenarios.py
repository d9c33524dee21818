"""What this end does as the one that asks. Each scenario raises AssertionError when the other end does something else."""
import hashlib
import random

from .relink import REFUSED as REFUSED_RESUMES, ask_in_vain, impossible
from .responder import REFUSED, RESET, RESET_AFTER, STOPPED, Responder
from .violations import VIOLATIONS


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, wanted {wanted!r}")


def ready(peer):
    peer.wait(lambda: peer.session.our_channels_allowed > 0, "SETTINGS, and a channel to open")


def resumable(peer):
    """Both ends have both SETTINGS: before that a link's end is the session's."""
    ready(peer)
    number = peer.session.ping()
    peer.wait(lambda: ("pong", number) in peer.session.log, "PONG")
    expect(peer.session.replay.window > 0, True, "a session that can be resumed")


def serve(peer, options):
    """Answers until the other end leaves, through links that die where the session can bear it."""
    if options.secret:
        resumable(peer)
        peer.cut_often(options.cuts, 1, max(2, 2 * options.bytes // options.cuts))
    responder = Responder(peer.session)
    peer.on_progress = responder.step
    peer.wait(lambda: peer.has_ended or peer.session.over is not None, "the other end has left")


def echo(peer, options):
    """n random bytes out and back on each of k channels at once."""
    ready(peer)
    source = random.Random(options.seed)
    channels, sent, came = [], [], []
    for _ in range(options.channels):
        peer.wait(lambda: peer.session.opened_by_us < peer.session.our_channels_allowed, "room for another channel")
        channel = peer.session.open("echo", {"n": options.bytes})
        data = source.randbytes(options.bytes)
        channel.write(data, fin=True)
        channels.append(channel)
        sent.append(hashlib.sha256(data).hexdigest())
        came.append(hashlib.sha256())

    def take():
        for channel, seen in zip(channels, came):
            seen.update(channel.read())

    peer.on_progress = take
    peer.wait(lambda: all(channel.is_over and not channel.inbox for channel in channels), "everything came back")
    expect([seen.hexdigest() for seen in came], sent, "hashes of what came back")
    expect([channel.read_end for channel in channels], ["fin"] * len(channels), "ends")
    expect([channel.answer for channel in channels], [{"n": options.bytes}] * len(channels), "ACCEPT's data")


def half_close(peer, options):
    """FIN with bytes, FIN alone, and FIN on an empty channel; the other end speaks afterwards."""
    ready(peer)
    for parts in ([b"all at once"], [b"first", None], [None]):
        channel = peer.session.open("digest")
        for part in parts:
            if part is None:
                peer.flush()
                peer.wait(lambda: not channel.outbox, "bytes have left")
                channel.finish()
            else:
                channel.write(part, fin=parts[-1] is part)
        peer.wait(lambda: channel.read_end is not None, "the answer's end")
        data = b"".join(part for part in parts if part)
        expect(channel.read(), hashlib.sha256(data).hexdigest().encode(), "answer behind FIN")
        expect((channel.read_end, channel.write_end), ("fin", "fin"), "ends")


def reset(peer, options):
    """The other end's RESET, whose final size the session checks, and one of ours."""
    ready(peer)
    channel = peer.session.open("reset")
    peer.wait(lambda: channel.read_end is not None, "RESET")
    expect((channel.read_end, channel.read_code, channel.refused), ("reset", RESET, None), "end")
    expect(channel.received, RESET_AFTER, "bytes before RESET")
    ours = peer.session.open("echo")
    ours.write(b"x" * 5_000)
    peer.wait(lambda: ours.received == 5_000, "the echo")
    ours.reset(777)
    peer.wait(lambda: ours.read_end is not None, "the other direction's end")


def refuse(peer, options):
    """A channel that is not wanted, with bytes under way."""
    ready(peer)
    channel = peer.session.open("refuse")
    channel.write(b"y" * 100_000)
    peer.wait(lambda: channel.refused is not None, "refusal")
    expect((channel.refused, channel.is_over), (REFUSED, True), "refusal")
    echo(peer, options)


def stop(peer, options):
    """The other end reads no more; its own direction ends by itself."""
    ready(peer)
    channel = peer.session.open("stop")
    channel.write(b"z" * 1_000_000)
    peer.wait(lambda: channel.stop_code is not None, "STOP")
    expect((channel.stop_code, channel.write_end), (STOPPED, "reset"), "end of what was stopped")
    peer.wait(lambda: channel.is_over, "end of the other direction")
    expect(channel.read_end, "fin", "end of the other direction")


def early_stop(peer, options):
    """STOP before the other end has decided is no refusal: our direction goes on."""
    ready(peer)
    channel = peer.session.open("late")
    channel.stop(5_000)
    channel.write(b"u" * options.bytes, fin=True)
    peer.wait(lambda: channel.is_over, "both ends")
    expect((channel.refused, channel.accepted), (None, True), "the channel was accepted")
    expect((channel.read_end, channel.read_code, channel.write_end), ("reset", 5_000, "fin"), "ends")


def ping(peer, options):
    ready(peer)
    numbers = [peer.session.ping() for _ in range(5)]
    pongs = lambda: [entry[1] for entry in peer.session.log if entry[0] == "pong"]
    peer.wait(lambda: numbers[-1] in pongs(), "the answer to the last PING")
    expect(pongs(), sorted(set(pongs())), "PONGs in order")


def messages(peer, options):
    """Boundaries survive, and empty messages, and one as large as may be."""
    ready(peer)
    channel = peer.session.open("messages", mode=1)
    source = random.Random(options.seed)
    sizes = [0, 1, 16_384, 16_385, peer.session.theirs.max_message, 0, *(source.randrange(40_000) for _ in range(40))]
    sent = [source.randbytes(size) for size in sizes]
    came = []

    def take():
        while (message := channel.read_message()) is not None:
            came.append(message)

    peer.on_progress = take
    for message in sent:
        channel.write(message)
    channel.finish()
    peer.wait(lambda: channel.is_over, "all messages came back")
    expect([len(message) for message in came], sizes, "sizes")
    expect(came == sent, True, "messages")


def too_large(peer, options):
    """A message above maxMessage costs its channel and nothing else."""
    ready(peer)
    channel = peer.session.open("messages", mode=1)
    channel.write(b"m" * (peer.session.theirs.max_message + 1))
    peer.wait(lambda: channel.stop_code is not None or channel.read_end is not None, "STOP")
    expect(13 in (channel.stop_code, channel.read_code), True, "tooLarge")
    echo(peer, options)


def unknown_mode(peer, options):
    ready(peer)
    channel = peer.session.open("echo", mode=7)
    peer.wait(lambda: channel.refused is not None, "refusal")
    expect(channel.refused, 10, "code")
    echo(peer, options)


def datagrams(peer, options):
    """On the link and on a channel; the other end sends each back where it came."""
    ready(peer)
    channel = peer.session.open("echo")
    channel.write(b".")
    peer.wait(lambda: channel.accepted, "ACCEPT")
    for number in (0, channel.number):
        for data in (b"", b"one", b"d" * min(peer.session.theirs.max_datagram, peer.session.own.max_datagram)):
            peer.session.send_datagram(number, data)
            peer.wait(lambda: ("datagram", number, data) in peer.session.log, f"{len(data)} bytes back on {number}")
    channel.finish()
    peer.wait(lambda: channel.is_over, "the channel's end")
    peer.session.send_datagram(channel.number, b"late")  # ignored


def grease(peer, options):
    """What a later version may send is passed over: even extensions anywhere, more elements, more bytes."""
    session = peer.session
    ready(peer)
    channel = session.open("echo")
    channel.write(b"grease")
    session.send_ext(channel.number, 2**40, b"?" * 100)
    session.send_ext(0, 26, b"")
    session.set_priority(channel, 5 + 8)
    session.send(bytes([8, 0, 3, 33, 9, 9]))  # PING 33 with two bytes behind it
    peer.wait(lambda: channel.received == 6, "the echo")
    channel.finish()
    peer.wait(lambda: channel.is_over, "the channel's end")
    session.send_ext(channel.number, 4, b"late")
    session.send_ext(2**30 - 1, 6, b"of no channel")
    peer.wait(lambda: ("pong", 33) in session.log, "PONG")
    session.pings = 33
    echo(peer, options)


def goaway(peer, options):
    """Leaves with a channel open: the channel goes on, then the link ends."""
    ready(peer)
    channel = peer.session.open("echo")
    channel.write(b"before")
    peer.wait(lambda: channel.received == 6, "the echo")
    peer.session.leave()
    peer.wait(lambda: peer.session.leaving_ping is None, "the second GOAWAY")
    channel.write(b"after", fin=True)
    peer.wait(lambda: channel.is_over, "the channel's end")
    expect(channel.read(), b"beforeafter", "bytes around GOAWAY")


def blocked(peer, options):
    """The other end gives no credit until it is told that it is wanted, and gets all."""
    ready(peer)
    data = random.Random(options.seed).randbytes(options.bytes)
    channel = peer.session.open("blocked", {"n": len(data)})
    channel.write(data, fin=True)
    peer.wait(lambda: channel.is_over, "the answer's end")
    expect(channel.read(), hashlib.sha256(data).hexdigest().encode(), "hash of what came")


def resume(peer, options):
    """An echo through links that die, byte for byte."""
    resumable(peer)
    peer.cut_often(options.cuts, 1, max(2, 2 * options.bytes * options.channels // options.cuts))
    echo(peer, options)
    expect(peer.cuts > 0, True, "links were cut")


def resume_refused(peer, options):
    """Who cannot prove that the session is theirs gets GOAWAY, and the session goes on. Who can, and asks for what never was, ends it."""
    resumable(peer)
    for name, make in REFUSED_RESUMES.items():
        expect(ask_in_vain(peer.connect, peer.pieces, make, peer.session.replay.secret), [11], name)
    echo(peer, options)
    expect(ask_in_vain(peer.connect, peer.pieces, impossible, peer.session.replay.secret), [11], "impossible position")
    peer.wait(lambda: peer.session.over is not None, "the session's end")
    expect(peer.session.log[-1][:3:2], ("goaway", 12), "its last word")


def violation(peer, rule):
    """Breaks the rule of that name; the other end says GOAWAY with the right code, then ends the link."""
    breaks, code = VIOLATIONS[rule]
    if breaks.needs_settings:
        ready(peer)
    peer.session.is_deaf = True
    breaks.run(peer)
    peer.wait(lambda: peer.has_ended, "the link's end", patience=5)
    expect([entry[2] for entry in peer.session.log if entry[0] == "goaway"], [code], "code of GOAWAY")


SCENARIOS = {scenario.__name__.replace("_", "-"): scenario for scenario in (
    serve, echo, half_close, reset, refuse, stop, early_stop, ping, messages, too_large, unknown_mode, datagrams, grease,
    goaway, blocked, resume, resume_refused)}
