"""As much of the Kafka protocol as the scripts of this folder need: requests made by hand, one connection, no client library."""

import json
import os
import random
import socket
import struct


def _table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


_CRC32C = _table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(count, value_bytes, timestamp):
    """One record batch without compression; its checksum does not cover the offsets, so that it can be sent many times."""
    source = random.Random(4)
    records = bytearray()
    for i in range(count):
        value = source.randbytes(value_bytes)
        body = b"\0" + varint(0) + varint(i) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    tail = struct.pack(">hiqqqhii", 0, count - 1, timestamp, timestamp, -1, -1, -1, count) + bytes(records)
    return struct.pack(">qiibI", 0, len(tail) + 9, -1, 2, crc32c(tail)) + tail


class Connection:
    """To a port, or to the broker whose data is in a directory."""

    def __init__(self, data=None, port=None):
        if port is None:
            with open(os.path.join(data, "ports.json")) as file:
                port = next(each["port"] for each in json.load(file)["listeners"] if each["role"] == "broker")
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, key, version, *body):
        head = struct.pack(">hhi", key, version, 7) + string("perf")
        size = len(head) + sum(map(len, body))
        for part in (struct.pack(">i", size) + head, *body):
            self.socket.sendall(part)

    def receive(self):
        (size,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(size)[4:]

    def ask(self, key, version, *body):
        self.send(key, version, *body)
        return self.receive()

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise SystemExit("the broker closed the connection")
            data += part
        return bytes(data)

    def create_topic(self, name, partitions, settings=None):
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihi", partitions, 1, 0)
        settings = settings or {}
        body += struct.pack(">i", len(settings))
        for key, value in settings.items():
            body += string(key) + string(value)
        answer = self.ask(19, 2, body + struct.pack(">i?", 600_000, False))
        at = 4 + 4 + 2 + len(name)
        (error,) = struct.unpack_from(">h", answer, at)
        if error:
            raise SystemExit(f"{name} was not made: error {error}")

    def send_batch(self, topic, partition, data):
        head = struct.pack(">hhii", -1, 1, 30_000, 1) + string(topic) + struct.pack(">iii", 1, partition, len(data))
        self.send(0, 3, head, data)

    def receive_produced(self, topic):
        """The base offset."""
        answer = self.receive()
        error, offset = struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4)
        if error:
            raise SystemExit(f"a batch was refused: error {error}")
        return offset

    def end_offset(self, topic, partition):
        body = struct.pack(">ibi", -1, 0, 1) + string(topic) + struct.pack(">iiiq", 1, partition, -1, -1)
        answer = self.ask(2, 4, body)
        error, _, offset = struct.unpack_from(">hqq", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
        if error:
            raise SystemExit(f"{topic}-{partition} has no end: error {error}")
        return offset
