"""The part of MessagePack that control data uses: docs/protocol.md §2.1."""
import math
import struct

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 4


def pack(value, depth=MAX_DEPTH):
    """Bytes of a value of None, bool, int, float, str, bytes, list and dict. Raises ValueError for anything else."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return _head(len(text), 0xA0, 32, 0xD9, 0xDA) + text
    if isinstance(value, bytes):
        return _head(len(value), 0, 0, 0xC4, 0xC5) + value
    if depth == 0:
        raise ValueError("nested too deep")
    if isinstance(value, list):
        return _head(len(value), 0x90, 16, None, 0xDC) + b"".join(pack(item, depth - 1) for item in value)
    if isinstance(value, dict):
        items = (pack(key, 0) + pack(item, depth - 1) for key, item in value.items())
        return _head(len(value), 0x80, 16, None, 0xDE) + b"".join(items)
    raise ValueError(f"no control data: {type(value)}")


def _pack_integer(value):
    if 0 <= value <= 0xFFFFFFFF:
        return _head(value, 0, 128, 0xCC, 0xCD)
    if abs(value) > MAX_INTEGER:
        raise ValueError(f"no control data: {value}")
    if -32 <= value < 0:
        return bytes([value + 0x100])
    return b"\xcb" + struct.pack(">d", value)


def _head(length, fix, fix_end, byte, wide):
    if length < fix_end:
        return bytes([fix | length])
    if byte is not None and length <= 0xFF:
        return bytes([byte, length])
    return struct.pack(">BH", wide, length) if length <= 0xFFFF else struct.pack(">BI", wide + 1, length)


def unpack(data):
    """The one value that fills the bytes. Raises ValueError."""
    value, end = _Reader(bytes(data)).value(0, MAX_DEPTH)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes behind the value")
    return value


class _Reader:
    def __init__(self, data):
        self.data = data

    def take(self, at, count):
        if at + count > len(self.data):
            raise ValueError("cut short")
        return self.data[at:at + count], at + count

    def number(self, at, width):
        raw, at = self.take(at, width)
        return int.from_bytes(raw, "big"), at

    def value(self, at, depth):
        head, at = self.number(at, 1)
        if head <= 0x7F:
            return head, at
        if head <= 0x8F:
            return self.map(at, head & 15, depth)
        if head <= 0x9F:
            return self.array(at, head & 15, depth)
        if head <= 0xBF:
            return self.text(at, head & 31)
        if head in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
        if 0xC4 <= head <= 0xC6:
            length, at = self.number(at, 1 << (head - 0xC4))
            return self.take(at, length)
        if head in (0xCA, 0xCB):
            raw, at = self.take(at, 4 if head == 0xCA else 8)
            return _number(struct.unpack(">f" if head == 0xCA else ">d", raw)[0]), at
        if head >= 0xE0:
            return head - 0x100, at
        if 0xCC <= head <= 0xCE:
            return self.number(at, 1 << (head - 0xCC))
        if 0xD0 <= head <= 0xD2:
            raw, at = self.take(at, 1 << (head - 0xD0))
            return int.from_bytes(raw, "big", signed=True), at
        if 0xD9 <= head <= 0xDB:
            length, at = self.number(at, 1 << (head - 0xD9))
            return self.text(at, length)
        if head in (0xDC, 0xDD):
            count, at = self.number(at, 2 if head == 0xDC else 4)
            return self.array(at, count, depth)
        if head in (0xDE, 0xDF):
            count, at = self.number(at, 2 if head == 0xDE else 4)
            return self.map(at, count, depth)
        raise ValueError(f"format 0x{head:02x} has no place here")

    def text(self, at, length):
        raw, at = self.take(at, length)
        return raw.decode("utf-8"), at  # UnicodeDecodeError is a ValueError

    def array(self, at, count, depth):
        items = []
        self.nest(at, count, depth)
        for _ in range(count):
            item, at = self.value(at, depth - 1)
            items.append(item)
        return items, at

    def map(self, at, count, depth):
        entries = {}
        self.nest(at, 2 * count, depth)
        for _ in range(count):
            key, at = self.value(at, depth - 1)
            if not isinstance(key, (int, str)):
                raise ValueError("a key that is neither a number nor a string")
            entries[key], at = self.value(at, depth - 1)
        return entries, at

    def nest(self, at, count, depth):
        if depth == 0:
            raise ValueError("nested too deep")
        if count > len(self.data) - at:
            raise ValueError("more values are announced than could follow")


def _number(value):
    """A float that is a whole number is that number: above 2^32-1 integers travel so."""
    return int(value) if math.isfinite(value) and value == int(value) else value
