"""A load for the checker of histories, with librdkafka: senders, transactions that copy, readers by assignment and in a group.

usage: load.py BOOTSTRAP SECONDS FILE [final]     writes the history to FILE; "final": only reads every partition to its end
"""

import json
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

BOOTSTRAP, SECONDS, FILE = sys.argv[1], float(sys.argv[2]), sys.argv[3]
SOURCE, TARGET, PARTITIONS = "plain", "copies", 4
# With its only broker away this client would begin from its bootstrap addresses again, and wait for ever.
BASE = {"bootstrap.servers": BOOTSTRAP, "metadata.recovery.strategy": "none"}
READ = {**BASE, "auto.offset.reset": "earliest", "enable.auto.commit": False, "isolation.level": "read_committed"}
LIMIT = 20


class History:
    def __init__(self, path):
        self.file = open(path, "w")
        self.lock = threading.Lock()

    def write(self, process, kind, function, value, rebalanced=False):
        with self.lock:
            line = {"process": process, "type": kind, "f": function, "value": value, "time": time.monotonic_ns()}
            if rebalanced:
                line["rebalanced"] = True
            self.file.write(json.dumps(line) + "\n")


history = History(FILE)
end = time.monotonic() + SECONDS


def key(topic, partition):
    return f"{topic}-{partition}"


class Process:
    """A client that does one thing after the other, under one name through all its lives."""

    def __init__(self, name):
        self.name, self.random, self.values = name, random.Random(name), 0

    def new_value(self):
        self.values += 1
        return f"{self.name}.{self.values}"

    def invoke(self, function, value):
        history.write(self.name, "invoke", function, value)

    def complete(self, kind, function, value, rebalanced=False):
        history.write(self.name, kind, function, value, rebalanced)

    def crash(self):
        history.write(self.name, "info", "crash", None)

    def run(self):
        while time.monotonic() < end:
            try:
                self.live()
            except KafkaException as failure:
                print(f"{self.name} begins anew: {failure}", file=sys.stderr)
                self.crash()


def polled(messages):
    """The value of a poll, and whether something else than a record was among the messages."""
    by_partition = {}
    for message in messages:
        if message.error() is None:
            values = by_partition.setdefault(key(message.topic(), message.partition()), [])
            values.append([message.offset(), message.value().decode()])
    return by_partition


class Sender(Process):
    def live(self):
        producer = Producer({**BASE, "enable.idempotence": True, "linger.ms": 1, "message.timeout.ms": 60000})
        while time.monotonic() < end:
            steps = [["send", key(SOURCE, self.random.randrange(PARTITIONS)), self.new_value()] for _ in range(self.random.randrange(1, 5))]
            self.invoke("send", steps)
            done, failed = {}, []

            def delivered(error, message):
                if error:
                    failed.append(error)
                else:
                    done[message.value().decode()] = message.offset()

            for _, partition, value in steps:
                producer.produce(SOURCE, value, partition=int(partition.rsplit("-", 1)[1]), on_delivery=delivered)
            producer.flush(90)
            known = [[name, partition, [done[value], value] if value in done else value] for name, partition, value in steps]
            self.complete("ok" if len(done) == len(steps) else "info", "send", known)
            if failed and failed[0].fatal():
                raise KafkaException(failed[0])


class Copier(Process):
    """Transactions: what a group's member polls goes on as new values, with its offsets; some are aborted on purpose."""

    def live(self):
        rebalanced = [True]

        def moved(_, partitions):
            rebalanced[0] = True

        consumer = Consumer({**READ, "group.id": "copiers", "session.timeout.ms": 10000})
        producer = Producer({**BASE, "transactional.id": self.name, "transaction.timeout.ms": 20000})
        try:
            producer.init_transactions(60)
            self.invoke("subscribe", [SOURCE])
            consumer.subscribe([SOURCE], on_assign=moved, on_revoke=moved)
            self.complete("ok", "subscribe", [SOURCE])
            while time.monotonic() < end:
                self.transact(consumer, producer, rebalanced)
        finally:
            consumer.close()

    def transact(self, consumer, producer, rebalanced):
        sends = [["send", key(TARGET, self.random.randrange(PARTITIONS)), self.new_value()] for _ in range(3)]
        self.invoke("txn", [["poll"], *sends])
        messages = [message for message in consumer.consume(20, timeout=0.3) if message.error() is None]
        steps = [["poll", polled(messages)], *sends]
        offsets = {}
        for message in messages:
            offsets[(message.topic(), message.partition())] = message.offset() + 1
        kind = "fail"
        try:
            producer.begin_transaction()
            for _, partition, value in sends:
                producer.produce(TARGET, value, partition=int(partition.rsplit("-", 1)[1]))
            if offsets:
                places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
                producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), LIMIT)
            if self.random.random() < 0.2:
                producer.abort_transaction(LIMIT)
            else:
                kind = "info"
                producer.commit_transaction(LIMIT)
                kind = "ok"
        except KafkaException as failure:
            error = failure.args[0]
            if kind == "info" and not error.txn_requires_abort():
                # Nobody knows how the commit ended: the client has to find out by beginning anew.
                self.complete("info", "txn", steps, rebalanced[0])
                raise
            try:
                producer.abort_transaction(60)
                kind = "fail"
            except KafkaException:
                self.complete("info", "txn", steps, rebalanced[0])
                raise
        self.complete(kind, "txn", steps, rebalanced[0])
        rebalanced[0] = False
        if kind == "fail":
            self.go_back(consumer, messages)

    @staticmethod
    def go_back(consumer, messages):
        """To the first record that was polled, of the partitions that it still has."""
        firsts = {}
        for message in messages:
            firsts.setdefault((message.topic(), message.partition()), message.offset())
        mine = {(place.topic, place.partition) for place in consumer.assignment()}
        for (topic, partition), offset in firsts.items():
            if (topic, partition) in mine:
                consumer.seek(TopicPartition(topic, partition, offset))


class AssignedReader(Process):
    def live(self):
        consumer = Consumer({**READ, "group.id": "nobody"})
        places = [TopicPartition(topic, p, 0) for topic in (SOURCE, TARGET) for p in range(PARTITIONS)]
        names = [key(place.topic, place.partition) for place in places]
        while time.monotonic() < end:
            # Now and then from the beginning.
            self.invoke("assign", names)
            consumer.assign(places)
            self.complete("ok", "assign", names)
            until = min(end, time.monotonic() + 8)
            while time.monotonic() < until:
                self.invoke("poll", [["poll"]])
                self.complete("ok", "poll", [["poll", polled(consumer.consume(200, timeout=0.3))]])
        consumer.close()


class GroupReader(Process):
    def live(self):
        rebalanced = [True]

        def moved(_, partitions):
            rebalanced[0] = True

        protocol = {"group.protocol": "consumer"} if self.name.endswith("new") else {"session.timeout.ms": 10000}
        consumer = Consumer({**READ, "group.id": "readers-" + self.name.rsplit("-", 1)[1], **protocol})
        self.invoke("subscribe", [SOURCE, TARGET])
        consumer.subscribe([SOURCE, TARGET], on_assign=moved, on_revoke=moved, on_lost=moved)
        self.complete("ok", "subscribe", [SOURCE, TARGET])
        until = min(end, time.monotonic() + self.random.uniform(6, 12))
        try:
            while time.monotonic() < until:
                self.invoke("poll", [["poll"]])
                messages = consumer.consume(100, timeout=0.3)
                self.complete("ok", "poll", [["poll", polled(messages)]], rebalanced[0])
                rebalanced[0] = False
                if any(message.error() is None for message in messages):
                    try:
                        consumer.commit(asynchronous=False)
                    except KafkaException:
                        # The broker is away, or the member was: the next one begins where the last commit was.
                        pass
        finally:
            consumer.close()
        self.crash()


class FinalReader(Process):
    def read(self):
        consumer = Consumer({**READ, "group.id": "nobody", "enable.partition.eof": True})
        places = [TopicPartition(topic, p, 0) for topic in (SOURCE, TARGET) for p in range(PARTITIONS)]
        names = [key(place.topic, place.partition) for place in places]
        self.invoke("assign", names)
        consumer.assign(places)
        self.complete("ok", "assign", names)
        ended = set()
        limit = time.monotonic() + 60
        while len(ended) < len(places):
            if time.monotonic() > limit:
                sys.exit(f"only {len(ended)} of {len(places)} partitions were read to their end")
            self.invoke("poll", [["poll"]])
            messages = consumer.consume(1000, timeout=0.5)
            self.complete("ok", "poll", [["poll", polled(messages)]])
            for message in messages:
                if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add((message.topic(), message.partition()))
        consumer.close()


if len(sys.argv) > 4:
    FinalReader("rdkafka-final").read()
else:
    processes = [Sender(f"rdkafka-sender-{i}") for i in range(2)]
    processes += [Copier(f"rdkafka-copier-{i}") for i in range(2)]
    processes += [AssignedReader("rdkafka-reader")]
    processes += [GroupReader(f"rdkafka-member-{i}-{kind}") for i in range(2) for kind in ("old", "new")]
    threads = [threading.Thread(target=process.run) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
history.file.close()
