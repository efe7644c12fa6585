"""The first record of a broker that is just starting: connected, a topic made, a batch acknowledged."""

import struct
import time

from wire import Connection, batch, string

TOPIC = "first"
LIMIT_SECONDS = 120


def acknowledge(port):
    """Tries again and again, as fast as the broker answers, until a record is acknowledged."""
    data = batch(1, 100, 0)
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        try:
            connection = Connection(port=port)
        except OSError:
            time.sleep(0.0005)
            continue
        try:
            if is_made(connection) and is_acknowledged(connection, data):
                return
        except (OSError, SystemExit):
            pass  # it closed the connection
        finally:
            connection.socket.close()
    raise SystemExit(f"no record was acknowledged within {LIMIT_SECONDS} s")


def is_made(connection):
    body = struct.pack(">i", 1) + string(TOPIC) + struct.pack(">ihiii?", 1, 1, 0, 0, 30_000, False)
    answer = connection.ask(19, 2, body)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(TOPIC))
    ALREADY_THERE = 36
    return error in (0, ALREADY_THERE)


def await_leaders(port, topic, count):
    """Until every partition answers, which writes nothing to them."""
    FIXED_BYTES = 26  # of each partition's answer
    connection = Connection(port=port)
    partitions = b"".join(struct.pack(">iiq", i, -1, -1) for i in range(count))
    body = struct.pack(">ibi", -1, 0, 1) + string(topic) + struct.pack(">i", count) + partitions
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        answer = connection.ask(2, 4, body)
        start = 4 + 4 + 2 + len(topic) + 4
        if not any(struct.unpack_from(">h", answer, start + FIXED_BYTES * i + 4)[0] for i in range(count)):
            return
    raise SystemExit(f"partitions of {topic} have no leader after {LIMIT_SECONDS} s")


def is_acknowledged(connection, data):
    """Its leader may not know of the topic yet."""
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        connection.send_batch(TOPIC, 0, data)
        error, _ = struct.unpack_from(">hq", connection.receive(), 4 + 2 + len(TOPIC) + 4 + 4)
        if not error:
            return True
    return False
