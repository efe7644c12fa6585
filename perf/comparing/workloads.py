"""The table of workloads."""

from dataclasses import dataclass, field

from .metrics import *  # noqa: F403

# How a workload is run; runs.py has a function for each.
LOAD, START, IDLE, PARTITIONS, LIBRDKAFKA, JAVA = "load", "start", "idle", "partitions", "librdkafka", "java"

KAFKAS = ("kafka", "tuned")
IDEALS = ("ideal", "fresh")


@dataclass
class Workload:
    """arguments: of aot-perf, or of the program. metrics: what is compared, besides what every workload has."""

    name: str
    about: str
    arguments: str
    metrics: list
    kind: str = LOAD
    ideal: bool = False  # the loop without a broker can do it
    appends: bool = False  # so much is written that what new pages cost is a question of its own
    nats: bool = False  # a stream of nats-server can
    settings: tuple = ()  # of both brokers, which are started for this workload alone
    fresh: bool = False  # brokers are started for this workload alone
    cache_megabytes: int = 0  # of page cache that the broker has (a memory cgroup)
    order: str = "ABBA"
    picture: bool = False
    files: int = 0  # descriptors that one process needs
    alone_seconds: float = 0  # when it is the only one asked for
    rival: str = ""  # instead of the peers: this broker, with so many cores of its own
    notes: str = ""
    words: list = field(default_factory=list)

    def __post_init__(self):
        self.words = self.arguments.split()
        self.fresh = self.fresh or bool(self.settings or self.cache_megabytes or self.rival)


def produce(rest):
    return f"produce --record-bytes 1000 {rest}"


def end_to_end(name, about, rest):
    return Workload(
        name,
        f"end to end, long poll, {about}",
        f"end-to-end --record-bytes 1000 {rest}",
        [P50, P99, P999],
        ideal=True,
        nats="--batch-records" not in rest,
        picture=True,
    )


def fetch(name, about, rest):
    return Workload(
        name,
        f"fetch hot data, {about} at a time",
        f"consume --record-bytes 1000 --batch-records 32 {rest} --check batches --fill 400000",
        [MEGABYTES, CPU_PER_GB],
        ideal=True,
    )


def groups(name, about, rest):
    return Workload(
        name,
        f"{about}: all join at once, then 2,000 heartbeats a second",
        f"groups {rest} --members 1000 --partitions 1000 --rate 2000",
        [SETTLED, SETTLING_CPU, P50, P99, CPU_PER_HEARTBEAT],
        settings=("group.initial.rebalance.delay.ms=0",),
        files=1500,
    )


WORKLOADS = [
    Workload(
        "depth-1",
        "produce 1 KB, acks=1, one in flight",
        produce(""),
        [P50, P99, P999, CPU_PER_REQUEST],
        ideal=True,
        nats=True,
        picture=True,
    ),
    Workload(
        "batches-16k",
        "produce 16 KB batches, five in flight",
        produce("--batch-records 16 --in-flight 5"),
        [MEGABYTES, CPU_PER_GB, P99],
        ideal=True,
        appends=True,
    ),
    Workload(
        "batches-64k",
        "produce 64 KB batches, five in flight",
        produce("--batch-records 64 --in-flight 5"),
        [MEGABYTES, CPU_PER_GB, P99],
        ideal=True,
        appends=True,
    ),
    Workload(
        "batches-1m",
        "produce 1 MB batches, five in flight",
        produce("--batch-records 1000 --in-flight 5 --config max.message.bytes=2000000"),
        [MEGABYTES, CPU_PER_GB, P99],
        ideal=True,
        appends=True,
    ),
    Workload(
        "connections-64",
        "64 connections, one unbatched 1 KB record in flight on each",
        produce("--connections 64 --partitions 8"),
        [REQUESTS, CPU_PER_REQUEST, P99],
        ideal=True,
    ),
    Workload(
        "librdkafka-100b",
        "100-byte records through librdkafka with its defaults",
        "2000000 100",
        [RECORDS, CPU_PER_RECORD],
        kind=LIBRDKAFKA,
    ),
    Workload(
        "java-100b",
        "100-byte records through Apache Kafka's own producer with its defaults (producer-perf-test)",
        "2000000 100",
        [RECORDS, CPU_PER_RECORD],
        kind=JAVA,
        notes="The client starts its virtual machine and its compiler inside of the measured time.",
    ),
    Workload(
        "idempotent",
        "idempotent producer, 16 KB batches, five in flight, acks=all",
        produce("--batch-records 16 --in-flight 5 --idempotent"),
        [MEGABYTES, CPU_PER_GB, P99],
    ),
    Workload(
        "transactions",
        "transactions of 10 batches of 16 KB",
        produce("--batch-records 16 --transaction-batches 10"),
        [MEGABYTES, CPU_PER_GB, P99],
    ),
    Workload(
        "durable-1",
        "flush.messages=1, one producer, 16 KB batches",
        produce("--batch-records 16 --config flush.messages=1"),
        [REQUESTS, P50, P99],
    ),
    Workload(
        "durable-16",
        "flush.messages=1, 16 producers, 16 KB batches",
        produce("--batch-records 16 --connections 16 --config flush.messages=1"),
        [REQUESTS, P50, P99],
    ),
    Workload(
        "durable-64",
        "flush.messages=1, 64 producers, 16 KB batches",
        produce("--batch-records 16 --connections 64 --config flush.messages=1"),
        [REQUESTS, P50, P99],
    ),
    fetch("fetch-64k", "64 KB", "--fetch-bytes 65536"),
    fetch("fetch-1m", "1 MB", "--fetch-bytes 1048576"),
    end_to_end("end-to-end-1k", "1,000 records a second", "--rate 1000 --in-flight 16"),
    end_to_end("end-to-end-10k", "10,000 records a second", "--rate 10000 --in-flight 64"),
    end_to_end("end-to-end-50k", "50,000 records a second in batches of 10", "--rate 50000 --batch-records 10 --in-flight 64"),
    Workload(
        "mixed",
        "20 MB/s of producers beside a replaying consumer",
        "mixed --record-bytes 1000 --batch-records 16 --rate 20000 --in-flight 16 --check batches --fill 400000",
        [P50, P99, P999, READ_MEGABYTES],
    ),
    Workload(
        "cold-replay",
        "20 MB/s of producers beside a consumer that replays four times what the page cache holds",
        "mixed --record-bytes 1000 --batch-records 16 --rate 20000 --in-flight 16 --check batches --fill 2000000",
        [P50, P99, P999, READ_MEGABYTES],
        cache_megabytes=512,
        notes="The broker is in a memory cgroup: what it has resident at its start, 128 MB more, and 512 MB of page cache.",
    ),
    Workload(
        "steady-200",
        "200 MB/s on four partitions across rolls of 64 MB segments, retention of 256 MB each, and compaction of 100,000 keys",
        produce(
            "--batch-records 64 --rate 200000 --connections 4 --partitions 4 --in-flight 16 --keys 100000"
            " --config cleanup.policy=compact,delete --config segment.bytes=67108864 --config retention.bytes=268435456"
        ),
        [MEGABYTES, P50, P99, P999, WORST_SECOND_P999, MAX, CPU_PER_GB],
        settings=("log.retention.check.interval.ms=5000",),
        order="AB",
        picture=True,
        alone_seconds=600,
    ),
    Workload(
        "parked",
        "10,000 waiting consumers on 100 partitions, 100 records a second each waking 100 of them",
        "end-to-end --record-bytes 100 --rate 100 --in-flight 64 --partitions 100 --consumers 10000 --fetch-wait 30000",
        [P50, P99, CPU_PER_RECORD],
        files=11_000,
    ),
    Workload(
        "parked-50k",
        "50,000 waiting consumers on 500 partitions, 100 records a second each waking 100 of them",
        "end-to-end --record-bytes 100 --rate 100 --in-flight 64 --partitions 500 --consumers 50000 --fetch-wait 30000",
        [P50, P99, CPU_PER_RECORD],
        fresh=True,
        files=51_000,
    ),
    Workload(
        "idle-connections",
        "10,000 idle connections beside 1,000 that send 10,000 records a second",
        "connections --record-bytes 1000 --connections 1000 --rate 10000 --idle 10000",
        [P50, P99, PER_IDLE_CONNECTION],
        fresh=True,
        files=12_000,
    ),
    groups("groups-classic", "a group of 1,000 members by the classic protocol", "--protocol classic"),
    groups("groups-consumer", "a group of 1,000 members by KIP-848", "--protocol consumer"),
    Workload("metadata", "metadata of a topic of 1,000 partitions", "metadata --partitions 1000", [P50, P99, CPU_PER_REQUEST]),
    Workload(
        "partitions-10k",
        "a topic of 10,000 partitions, records to one after the other",
        "10000",
        [CREATED, PER_PARTITION, METADATA, P99_OF_ONE, P99],
        kind=PARTITIONS,
        order="AB",
        files=11_000,
    ),
    Workload(
        "start",
        "from the start of the process on an empty, formatted directory to the first acknowledged record of a new topic",
        "",
        [FIRST_ACKNOWLEDGED],
        kind=START,
    ),
    Workload(
        "idle",
        "a broker with one topic and nothing to do, for 10 s after its first record",
        "",
        [IDLE_CPU],
        kind=IDLE,
        order="AB",
    ),
    Workload(
        "cross-core",
        "64 connections on 8 partitions, a broker of two cores against one of one core",
        produce("--connections 64 --partitions 8"),
        [REQUESTS, CPU_PER_REQUEST, P99],
        rival="one-core",
        notes="Nobody is pinned: on two processors the client takes from both brokers what it needs, so that the second core"
        " brings what the client and the first leave over.",
    ),
]


def smaller(workload):
    """The same with a fiftieth of what takes time to set up."""
    words = workload.words
    if workload.kind in (PARTITIONS, LIBRDKAFKA, JAVA):
        words[0] = str(int(words[0]) // 50)
    for i in range(len(words) - 1):
        if words[i] in ("--consumers", "--idle", "--fill", "--partitions", "--members", "--connections"):
            words[i + 1] = str(max(1, int(words[i + 1]) // 50))
    if words[:1] == ["groups"]:
        words += ["--settle", "0.1"]
    workload.files //= 50
    workload.cache_megabytes //= 8
    workload.order = "AB"
