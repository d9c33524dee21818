"""Runs test/vectors/mux.json: says each difference, returns how many there were."""
import json
import random

from .pack import pack
from .replay import Replay, Secret
from .session import Session
from .wire import (EOM, FIN, NOLEN, NUMBERS, PREFACE, Code, Fault, FrameReader, Kind, control, frame, read_settings,
                   read_varint, read_varints, varint)

CHOSEN = {Kind.ACK, Kind.SETTINGS, Kind.EXT, Kind.MAXCH, Kind.CREDIT}  # when they are sent is each end's own choice
LIMITS = {"max_frame": 16_384, "initial_credit": 65_536, "max_channels": 1024, "idle_timeout": 60_000,
          "max_datagram": 4_096, "max_message": 65_536}
NAMES = {"maxFrame": "max_frame", "initialCredit": "initial_credit", "maxChannels": "max_channels",
         "idleTimeout": "idle_timeout", "maxDatagram": "max_datagram", "maxMessage": "max_message",
         "resume": "resume", "extensions": "extensions", "nonce": "nonce",
         "software": "software"}
NUMBERS_OF = {Kind.RESET: ["code", "finalSize"], Kind.STOP: ["code"], Kind.CREDIT: ["limit"], Kind.BLOCKED: ["limit"],
              Kind.MAXCH: ["count"], Kind.PING: ["seq"], Kind.PONG: ["seq"], Kind.ACK: ["position", "delay", "clock"]}
OPTIONAL = {"clock"}


def run(file):
    with open(file, encoding="utf-8") as source:
        all_of_them = json.load(source)
    differences = ran = 0
    for group, check in GROUPS.items():
        entries = all_of_them[group]
        for entry in entries if isinstance(entries, list) else [entries]:
            ran += 1
            try:
                check(entry)
            except (AssertionError, Fault, ValueError, KeyError, TypeError) as error:
                differences += 1
                print(f"{group}, {entry.get('name', entry.get('hex', ''))}: {type(error).__name__} {error}")
    unknown = set(all_of_them) - set(GROUPS) - {"about"}
    if unknown:
        print(f"groups that are not run: {sorted(unknown)}")
    print(json.dumps({"vectors": ran, "differences": differences}), flush=True)
    return 1 if differences or unknown else 0


def same(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, wanted {wanted!r}")


def bytes_of(text):
    return bytes.fromhex(text.replace(" ", ""))


# Values.


def check_varint(entry):
    data = bytes_of(entry["hex"])
    if entry["value"] is None:
        try:
            read_varint(data, 0)
        except Fault:
            return
        raise AssertionError("was read")
    same(read_varint(data, 0), (entry["value"], len(data)), "read")
    if entry.get("write", True):
        same(varint(entry["value"]), data, "written")


def check_frame(entry):
    data = bytes_of(entry["hex"])
    reader = FrameReader(entry.get("nolen", False), 2**30, 2**30)
    reader.feed(data)
    came = reader.next()
    flags = FIN * entry.get("fin", False) | EOM * entry.get("eom", False)
    same((came.kind, came.channel, came.flags), (entry["kind"], entry["channel"], flags), "header")
    same(len(reader.buffer), 0, "left over")
    same(fields_of(came), entry["body"], "body")
    if entry.get("write", True):
        written = frame(came.kind, came.channel, body_of(came.kind, entry["body"]), flags | NOLEN * entry.get("nolen", False))
        same(written, data, "written")


def fields_of(came):
    kind, body = came.kind, came.payload
    if kind in (Kind.DATA, Kind.DATAGRAM):
        return {"bytes": body.hex()}
    if kind == Kind.OPEN:
        mode, priority, credit, name, *meta = control(body)
        fields = {"mode": mode, **priority_fields(priority), "credit": credit, "name": name}
        return {**fields, "meta": meta[0]} if meta else fields
    if kind == Kind.ACCEPT:
        credit, *meta = control(body)
        return {"credit": credit, "meta": meta[0]} if meta else {"credit": credit}
    if kind == Kind.GOAWAY:
        last, code, reason = (control(body) + [""])[:3]
        return {"last": last, "code": code, "reason": reason}
    if kind == Kind.PRIORITY:
        return priority_fields(read_varints(body, 1)[0][0])
    if kind == Kind.EXT:
        (number,), rest = read_varints(body, 1)
        return {"id": number, "bytes": rest.hex()}
    names = NUMBERS_OF[kind]
    numbers, rest = read_varints(body, len([name for name in names if name not in OPTIONAL]))
    if rest and len(names) > len(numbers):
        numbers = [*numbers, *read_varints(rest, 1)[0]]
    return dict(zip(names, numbers))


def priority_fields(priority):
    return {"urgency": priority % 8, "sharing": priority < 8}


def priority_of(fields):
    return fields["urgency"] + (0 if fields.get("sharing", True) else 8)


def body_of(kind, fields):
    if kind in (Kind.DATA, Kind.DATAGRAM):
        return bytes_of(fields["bytes"])
    meta = [fields["meta"]] if "meta" in fields else []
    if kind == Kind.OPEN:
        return pack([fields["mode"], priority_of(fields), fields["credit"], fields["name"], *meta])
    if kind == Kind.ACCEPT:
        return pack([fields["credit"], *meta])
    if kind == Kind.GOAWAY:
        return pack([fields["last"], fields["code"], fields["reason"]])
    if kind == Kind.PRIORITY:
        return varint(priority_of(fields))
    if kind == Kind.EXT:
        return varint(fields["id"]) + bytes_of(fields["bytes"])
    return b"".join(varint(fields[name]) for name in NUMBERS_OF[kind] if name in fields)


def check_settings(entry):
    data = bytes_of(entry["hex"])
    settings = read_settings(data)
    for name, value in entry["values"].items():
        value = bytes_of(value) if name == "nonce" else value
        same(getattr(settings, NAMES[name]), value, name)
    if entry.get("write", True):
        same(pack({NUMBERS[NAMES[name]]: value for name, value in entry["values"].items()}), data, "written")


# Beginnings and roles.


def limits_of(entry):
    return {**LIMITS, **{NAMES[name]: value for name, value in entry.get("limits", {}).items()}}


def check_beginning(entry):
    """What is arbitrary in it may differ from ours; what the text says of it must hold."""
    nonce, messages = bytes_of(entry["nonce"]), entry["link"] == "messages"
    data = bytes_of(entry["hex"])
    session = Session(nonce, messages, limits_of(entry))
    ours = session.greeting() + b"".join(session.take_output(0))
    for beginning in (data, ours):
        rest = beginning
        if not messages:
            same(beginning[:13], PREFACE + nonce, "preface")
            rest = beginning[13:]
        settings, ext = frames_of(rest)
        same((settings.kind, ext.kind, ext.channel), (Kind.SETTINGS, Kind.EXT, 0), "frames")
        values = control(settings.payload)
        assert isinstance(values[64 + nonce[0]], int), "no grease among SETTINGS"
        for name, value in limits_of(entry).items():
            same(getattr(read_settings(settings.payload), name), value, name)
        same(read_settings(settings.payload).nonce, nonce if messages else None, "nonce in SETTINGS")
        (number,), rest = read_varints(ext.payload, 1)
        same(number, 26 + 32 * nonce[1], "extension")
        assert len(rest) <= 8, "extension's bytes"


def check_roles(entry):
    mine, theirs = map(bytes_of, entry["nonces"])
    for index, (one, other) in enumerate(((mine, theirs), (theirs, mine))):
        session = Session(one)
        session.feed(PREFACE + other, 0)
        if entry["odd"] is None:
            same(session.over.code, Code.protocol, "end")
        else:
            same(session.is_odd, entry["odd"] == index, "odd")


# Ends.


def beginning_of(nonce, messages=False):
    other = Session(nonce, messages, LIMITS)
    return other.greeting() + b"".join(other.take_output(0))


def check_receiver(entry):
    """All at once, and byte by byte."""
    data = bytes_of(entry["input"])
    for pieces in ([data], [data[at:at + 1] for at in range(len(data))]):
        session = Session(b"\0" * 8, settings=limits_of(entry))
        if not entry.get("bare", False):
            session.feed(beginning_of(b"\xff" * 8), 0)
        if entry.get("app") == "open":
            session.open("x")
        session.take_output(0)
        for piece in pieces:
            session.feed(piece, 0)
            while entry.get("app") == "accept" and session.arrived:
                session.accept(session.arrived.popleft())
        ends = None if session.over is None else session.over.code
        same(ends, entry["ends"], "end")
        said = [control(came.payload)[1] for came in frames_of(b"".join(session.take_output(0))) if came.kind == Kind.GOAWAY]
        same(said, [] if entry["ends"] is None else [entry["ends"]], "GOAWAY")


def check_conversation(entry):
    for me in "AB":
        End(entry, me).run()


class End:
    """One end of a conversation; the steps of the other are fed in random pieces on a byte link."""

    def __init__(self, entry, me):
        self.entry, self.me = entry, me
        self.messages = entry["link"] == "messages"
        nonce = bytes_of(entry[me]["nonce"])
        self.session = Session(nonce, self.messages, limits_of(entry[me]))
        self.channels = {}
        self.heard = 0
        self.random = random.Random(entry["name"])
        self.owed = []

    def run(self):
        for number, step in enumerate(self.entry["steps"]):
            data = bytes_of(step["hex"])
            try:
                if step["from"] == self.me:
                    self.speak(step, data)
                else:
                    self.hear(data)
            except (AssertionError, Fault, KeyError) as error:
                raise AssertionError(f"step {number} as {self.me}: {type(error).__name__} {error}") from None
            same(self.session.over, None, f"step {number} as {self.me}: over")

    def speak(self, step, data):
        for event in step.get("events", []):
            self.expect_event(*event)
        for action, *facts in step.get("app", []):
            getattr(self, "do_" + action)(*facts)
        prefix = 13 if data.startswith(PREFACE) and not self.messages else 0
        wanted = [came for came in frames_of(data[prefix:]) if came.kind not in CHOSEN]
        ours = [came for part in self.session.take_output(0) for came in frames_of(part) if came.kind not in CHOSEN]
        same(self.owed + ours, wanted, "frames")

    def hear(self, data):
        while data:
            size = len(data) if self.messages else self.random.randint(1, len(data))
            self.session.feed(data[:size], 0)
            data = data[size:]

    def channel(self, number):
        while self.session.arrived:
            came = self.session.arrived.popleft()
            self.channels[came.number] = came
        return self.channels[number]

    def expect_event(self, what, *facts):
        facts = list(facts)
        if what == "data":
            return same(self.channel(facts[0]).read(), bytes_of(facts[1]), "data")
        if what == "message":
            return same(self.channel(facts[0]).read_message(), bytes_of(facts[1]), "message")
        if what == "goaway":
            return same([came[2] for came in self.session.log if came[0] == what][-1], facts[0], "goaway")
        if what == "incoming":
            facts[2] = {"bytes": 0, "messages": 1}[facts[2]]
        if what == "datagram":
            facts[1] = bytes_of(facts[1])
        if (what, *facts) not in self.session.log:
            raise AssertionError(f"{what} {facts} did not happen: {self.session.log}")

    def do_open(self, number, name, options):
        mode = {"bytes": 0, "messages": 1}[options["mode"]]
        channel = self.session.open(name, mode=mode, priority=priority_of(options))
        same(channel.number, number, "channel's number")
        self.channels[number] = channel

    def do_write(self, number, data):
        self.channel(number).write(bytes_of(data))

    def do_finish(self, number):
        self.channel(number).finish()

    def do_accept(self, number):
        self.session.accept(self.channel(number))

    def do_refuse(self, number, code):
        self.channel(number).refuse(code)

    def do_reset(self, number, code):
        self.channel(number).reset(code)

    def do_prioritize(self, number, options):
        self.session.set_priority(self.channel(number), priority_of(options))

    def do_datagram(self, number, data):
        self.session.send_datagram(number, bytes_of(data))

    def do_goaway(self):
        self.session.leave()


def frames_of(data):
    """Of one message, or of a byte link from a frame's beginning."""
    reader = FrameReader(True, 2**30, 2**30)
    reader.feed(data)
    frames = []
    while (came := reader.next()) is not None:
        frames.append(came)
    return frames


# Resumption.


def check_resumption(entry):
    """Both ends of each attempt, from what the exporter gave."""
    exported = bytes_of(entry["exporter"])
    asking, answering = Replay(), Replay()
    asking.secret, answering.secret = Secret(exported), Secret(exported)
    same(asking.secret.id.hex(), entry["id"], "id")
    for attempt in entry["attempts"]:
        same((asking.secret.epoch, asking.secret.key.hex()), (attempt["epoch"], attempt["key"]), "key")
        asking.received = answering.sent = attempt["received"]
        resume = bytes_of(attempt["resume"])
        same(asking.resume(), resume, "RESUME")
        same(resume[3 + 16:3 + 48].hex(), attempt["mac"], "mac")
        if "answer" in attempt:
            answering.received = asking.sent = attempt["answer"]["received"]
            same(answering.answer(resume[3:]), bytes_of(attempt["resumed"]), "RESUMED")
            asking.on_resumed(bytes_of(attempt["resumed"])[3:], 0)


GROUPS = {"varints": check_varint, "frames": check_frame, "settings": check_settings, "beginnings": check_beginning,
          "roles": check_roles, "receivers": check_receiver, "conversations": check_conversation,
          "resumption": check_resumption}
