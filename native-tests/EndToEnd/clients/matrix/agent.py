"""What the Python agents share: commands from standard input, one JSON object per line, and members of groups on threads."""

import json
import sys
import threading

SHOWN = 64


class No(Exception):
    """The library has no such feature."""


def answer(call):
    try:
        return {"ok": call()}
    except No as no:
        return {"no": str(no)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def serve(agent):
    for line in sys.stdin:
        command = json.loads(line)
        operation = getattr(agent, command.pop("op"), None)
        found = answer(lambda: operation(**command)) if operation else {"no": "the library has nothing for it"}
        print(json.dumps(found), flush=True)


def record(partition, key, value, headers):
    """A record for an answer; a long value is cut, its length is whole."""
    text = value.decode()
    return {
        "partition": partition,
        "key": key.decode() if key is not None else None,
        "value": text[:SHOWN],
        "length": len(text),
        "headers": [[name, (data or b"").decode()] for name, data in headers or []],
    }


def value_of(sent):
    return (sent["value"] * sent["repeat"]).encode()


def headers_of(sent):
    return [(name, data.encode()) for name, data in sent["headers"]]


class Member:
    """A consumer that a thread polls until it is told to leave. poll() returns (partition, value) pairs; assigned() partitions."""

    def __init__(self, make, poll, assigned, close):
        self.revoked = 0
        self._values = []
        self._assigned = []
        self._error = None
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(make, poll, assigned, close), daemon=True)
        self._thread.start()

    def count_revocation(self, partitions):
        if partitions:
            self.revoked += 1

    def look(self):
        if self._error:
            raise self._error
        return {"assigned": list(self._assigned), "revoked": self.revoked, "values": list(self._values)}

    def leave(self):
        self._leaves.set()
        self._thread.join(30)
        if self._thread.is_alive():
            raise TimeoutError("the consumer does not close")

    def _run(self, make, poll, assigned, close):
        try:
            consumer = make(self)
            while not self._leaves.is_set():
                self._values += [value.decode() for value in poll(consumer)]
                self._assigned = sorted(assigned(consumer))
            close(consumer)
        except Exception as error:
            self._error = error


class Members:
    """The part of an agent that is about members; a subclass says how one is made."""

    def __init__(self):
        self._members = {}

    def member(self, member):
        return self._members[member].look()

    def leave(self, member):
        self._members.pop(member).leave()
