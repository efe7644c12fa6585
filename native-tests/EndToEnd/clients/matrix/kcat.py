"""kcat, the command-line client over Debian's librdkafka.    usage: kcat.py BOOTSTRAP"""

import json
import re
import subprocess
import sys
import tempfile
import threading

from agent import Members, No, record, serve, value_of

LIMIT = 20
BOOTSTRAP = sys.argv[1]


def settings_of(settings):
    return [word for name, value in settings.items() if value is not None for word in ("-X", f"{name}={value}")]


class Reader:
    """A `kcat -G` in the background: partitions come on standard error, records on standard output."""

    def __init__(self, group, topic, settings):
        self.assigned, self.revoked, self.values = [], 0, []
        words = ["kcat", "-b", BOOTSTRAP, "-u", "-f", "%s\n", *settings_of(settings), "-G", group, topic]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.threads = [threading.Thread(target=part, daemon=True) for part in (self._values, self._rebalances)]
        for thread in self.threads:
            thread.start()

    def _values(self):
        for line in self.process.stdout:
            self.values.append(line.rstrip("\n"))

    def _rebalances(self):
        for line in self.process.stderr:
            if "rebalanced" in line:
                named = [int(partition) for partition in re.findall(r"\[(\d+)\]", line.split("memberid")[1])]
                if "revoke" in line:
                    self.revoked += 1
                    self.assigned = [] if "incremental" not in line else [p for p in self.assigned if p not in named]
                else:
                    self.assigned = sorted(set(self.assigned) | set(named)) if "incremental" in line else sorted(named)

    def look(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"kcat ended with {self.process.returncode}")
        return {"assigned": self.assigned, "revoked": self.revoked, "values": self.values}

    def leave(self):
        self.process.terminate()
        self.process.wait(LIMIT)


class Kcat(Members):
    def run(self, *words, **more):
        done = subprocess.run(["kcat", "-b", BOOTSTRAP, *words], capture_output=True, timeout=2 * LIMIT, **more)
        if done.returncode or b"ERROR" in done.stderr or b"failed" in done.stderr:
            raise RuntimeError(done.stderr.decode()[-300:])
        return done.stdout

    def create(self, topic, partitions, settings):
        raise No("it has no administration")

    topics = groups = lambda self: self.create(None, 0, {})

    def set(self, **_):
        self.create(None, 0, {})

    trim = set

    def produce(self, topic, codec, idempotent, records):
        settings = {"compression.codec": codec, "enable.idempotence": str(idempotent).lower(), "message.max.bytes": 20_000_000}
        if any(sent["timestamp"] for sent in records):
            raise No("it does not set timestamps")
        for words, group in self._alike(records):
            with tempfile.NamedTemporaryFile() as file:
                for sent in group:
                    file.write(((sent["key"] or "") + "\t").encode() + value_of(sent) + b"\n")
                file.flush()
                # As one line each; an empty key is no key.
                self.run("-P", "-t", topic, "-K", "\t", "-Z", "-l", *words, *settings_of(settings), file.name)

    @staticmethod
    def _alike(records):
        """Records that one call can send: of the same partition and headers."""
        groups = {}
        for sent in records:
            words = [word for name, value in sent["headers"] for word in ("-H", f"{name}={value}")]
            if sent["partition"] is not None:
                words += ["-p", str(sent["partition"])]
            groups.setdefault(tuple(words), []).append(sent)
        return groups.items()

    def read(self, topic, count, committed, timestamp, wait):
        settings = {
            "isolation.level": "read_committed" if committed else "read_uncommitted", "fetch.message.max.bytes": 20_000_000,
        }
        words = ["-C", "-q", "-J", "-t", topic, "-c", str(count), *settings_of(settings)]
        words += ["-p", "0", "-o", f"s@{timestamp}"] if timestamp is not None else ["-o", "beginning"]
        process = subprocess.Popen(["kcat", "-b", BOOTSTRAP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            lines, errors = process.communicate(timeout=wait / 1000)
        except subprocess.TimeoutExpired:
            process.terminate()
            lines, errors = process.communicate()
        received = []
        for line in lines.splitlines():
            one = json.loads(line)
            pairs = list(zip(one.get("headers", [])[::2], one.get("headers", [])[1::2]))
            key = one["key"].encode() if one["key"] else None
            received.append(record(one["partition"], key, one["payload"].encode(), [(n, v.encode()) for n, v in pairs]))
        return received

    def transact(self, id, topic, values, end, group, offset):
        if end != "commit" or group:
            raise No("it only commits, and has no offsets in transactions")
        text = "".join(f"{value}\n" for value in values).encode()
        self.run("-P", "-t", topic, *settings_of({"transactional.id": id}), input=text)

    def join(self, member, group, topic, strategy, protocol, instance, reset):
        if protocol:
            raise No("it has no KIP-848")
        if strategy == "sticky":
            raise No("librdkafka has only the cooperative form of it")
        settings = {
            "partition.assignment.strategy": strategy, "group.instance.id": instance, "auto.offset.reset": reset, "heartbeat.interval.ms": 500,
        }
        self._members[member] = Reader(group, topic, settings)


serve(Kcat())
