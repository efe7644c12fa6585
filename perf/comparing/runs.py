"""How a workload is run on one peer, by its kind; each gives a result that metrics.py reads."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time

from wire import Connection

from . import first, workloads
from .peers import CLIENT, OURS, ROOT, Ideal, Kafka, Nats, Ours, RunFailed, kafka_script, pinned


class Compared:
    """Those who are compared. Most workloads share brokers that run all the time; some have brokers of their own."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.shared, self.own = {}, {}
        self.programs = {}

    def names(self, workload):
        """This broker first, then whom it is compared with."""
        if workload.rival:
            return [OURS, workload.rival]
        able = {"ideal": workload.ideal, "fresh": workload.appends, "nats": workload.nats}
        return [OURS] + [name for name in self.options.peers if able.get(name, True)]

    def why_not(self, workload):
        """What is missing here for a workload, or None."""
        _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit < workload.files:
            return f"it needs {workload.files:,} descriptors in one process, and the limit is {limit:,} (ulimit -n)"
        if workload.kind == workloads.JAVA and not kafka_script():
            return "Apache Kafka's producer is not here"
        if workload.kind == workloads.LIBRDKAFKA and not os.path.exists("/usr/include/librdkafka/rdkafka.h"):
            return "librdkafka is not here"
        if workload.cache_megabytes and not can_limit_memory():
            return "a memory cgroup cannot be made here"
        return None

    def run(self, name, workload, seconds, warmup):
        kinds = {
            workloads.LOAD: self.load,
            workloads.START: self.start,
            workloads.IDLE: self.idle,
            workloads.PARTITIONS: self.partitions,
            workloads.LIBRDKAFKA: self.librdkafka,
            workloads.JAVA: self.java,
        }
        return kinds[workload.kind](name, workload, seconds, warmup)

    def end_workload(self):
        for peer in self.own.values():
            peer.stop()
            shutil.rmtree(peer.folder, ignore_errors=True)
        self.own.clear()

    def stop(self):
        self.end_workload()
        for peer in self.shared.values():
            peer.stop()

    # ---- kinds ----------------------------------------------------------------------------------------------------------

    def load(self, name, workload, seconds, warmup):
        peer = self.peer(name, workload)
        return running(peer, lambda: aot_perf(peer, workload.words, seconds, warmup))

    def start(self, name, workload, seconds, warmup):
        with New(self, name) as peer:
            peer.prepare()
            begin = time.monotonic()
            peer.start()
            first.acknowledge(peer.port)
            took = time.monotonic() - begin
            return {"firstAcknowledgedMs": took * 1e3, "brokerResidentBytes": peer.status("VmRSS")}

    def idle(self, name, workload, seconds, warmup):
        watched = 0.2 if self.options.smoke else 10
        with New(self, name) as peer:
            peer.start()
            first.acknowledge(peer.port)
            time.sleep(watched)
            before = peer.run_seconds()
            time.sleep(watched)
            used = peer.run_seconds() - before
            return {"idlePercent": 100 * used / watched, "brokerResidentBytes": peer.status("VmRSS")}

    def partitions(self, name, workload, seconds, warmup):
        """One topic of many: its making, its memory, its metadata, and records to one partition after the other."""
        count = int(workload.words[0])
        with New(self, name) as peer:
            peer.start()
            peer.await_port()
            one = aot_perf(peer, ["produce", "--record-bytes", "1000"], seconds, warmup)
            before = peer.status("VmRSS")
            begin = time.monotonic()
            Connection(port=peer.port).create_topic("many", count)
            first.await_leaders(peer.port, "many", count)
            created = time.monotonic() - begin
            after = peer.status("VmRSS")
            topic = ["--topic", "many", "--partitions", str(count)]
            all_of_it = aot_perf(peer, ["metadata", *topic], seconds, warmup)
            many = aot_perf(peer, ["produce", "--record-bytes", "1000", *topic], seconds, warmup)
            return {
                **many,
                "createdSeconds": created,
                "bytesPerPartition": (after - before) / count,
                "metadataMs": all_of_it["latencyMicroseconds"]["p50"] / 1e3,
                "oneP99Microseconds": one["latencyMicroseconds"]["p99"],
            }

    def librdkafka(self, name, workload, seconds, warmup):
        program = self.compiled("librdkafka", ["-lrdkafka"])
        return self.program(name, workload, lambda port, topic, sizes: [program, f"127.0.0.1:{port}", topic, *sizes])

    def java(self, name, workload, seconds, warmup):
        def command(port, topic, sizes):
            words = [kafka_script(), "producer-perf-test", "--topic", topic, "--num-records", sizes[0], "--record-size", sizes[1]]
            return [*words, "--throughput", "-1", "--producer-props", f"bootstrap.servers=127.0.0.1:{port}"]

        return self.program(name, workload, command)

    # ---- what they are made of ------------------------------------------------------------------------------------------

    def program(self, name, workload, command):
        """A client that is not ours: what the broker used from its start to its end."""
        peer = self.peer(name, workload)
        records, record_bytes = (int(word) for word in workload.words)
        topic = f"program-{time.monotonic_ns()}"

        def act():
            Connection(port=peer.port).create_topic(topic, 1)
            before = peer.processor_seconds()
            begin = time.monotonic()
            result = subprocess.run(pinned(0, command(peer.port, topic, workload.words)), capture_output=True, text=True, timeout=600)
            took = time.monotonic() - begin
            if result.returncode:
                raise RunFailed(f"{workload.name} on {name}: {result.stdout.strip()} {result.stderr.strip()}")
            written = Connection(port=peer.port).end_offset(topic, 0)
            if written != records:
                raise RunFailed(f"{workload.name} on {name}: {written} records are there, {records} were sent")
            return {
                "seconds": took,
                "records": records,
                "bytes": records * record_bytes,
                "brokerCpuSeconds": peer.processor_seconds() - before,
                "brokerResidentBytes": peer.status("VmRSS"),
            }

        return running(peer, act)

    def peer(self, name, workload):
        """A running one, stopped for now."""
        kept = self.own if workload.fresh else self.shared
        if name not in kept:
            peer = self.new(name, os.path.join(self.folder, "own" if workload.fresh else "shared"), is_pinned=not workload.rival)
            kept[name] = peer
            if workload.cache_megabytes:
                peer.make_cgroup()
            if workload.rival:
                peer.cores = 1 if name == workload.rival else 2
            peer.start(workload.settings)
            peer.await_port()
            if workload.cache_megabytes:
                peer.limit_cache(workload.cache_megabytes)
            if name not in workloads.IDEALS:
                peer.after_run()
        return kept[name]

    def new(self, name, folder, is_pinned=True):
        if name in workloads.IDEALS:
            return Ideal(name, folder, self.compiled("ideal", ["-march=x86-64-v2"]))
        if name == "nats":
            return Nats(name, folder)
        if name in workloads.KAFKAS:
            return Kafka(name, folder, is_pinned)
        return Ours(folder, name, is_pinned=is_pinned)

    def compiled(self, name, words):
        if name not in self.programs:
            program = os.path.join(self.folder, name + "-program")
            subprocess.run(["gcc", "-O2", "-o", program, os.path.join(ROOT, f"perf/{name}.c"), *words], check=True)
            self.programs[name] = program
        return self.programs[name]


class New:
    """A peer for one run, in a directory of its own."""

    def __init__(self, compared, name):
        self.folder = tempfile.mkdtemp(dir=compared.folder)
        self.peer = compared.new(name, self.folder)

    def __enter__(self):
        return self.peer

    def __exit__(self, *_):
        self.peer.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def running(peer, act):
    peer.before_run()
    try:
        return act()
    finally:
        peer.after_run()


def aot_perf(peer, words, seconds, warmup):
    command = [CLIENT, *words, "--bootstrap", f"127.0.0.1:{peer.port}", "--broker-pid", str(peer.process.pid)]
    command += ["--seconds", str(seconds), "--warmup", str(warmup), "--quiet", "--format", "json"]
    if peer.name in (*workloads.IDEALS, "nats"):
        command.append("--nats" if peer.name == "nats" else "--ideal")
    try:
        result = subprocess.run(
            pinned(0, command) if peer.is_pinned else command, capture_output=True, text=True, timeout=seconds * 4 + warmup + 300
        )
    except subprocess.TimeoutExpired as late:
        raise RunFailed(f"{words[0]} on {peer.name} did not end within {late.timeout:.0f} s") from None
    if result.returncode:
        raise RunFailed(f"{words[0]} on {peer.name}: {result.stderr.strip()}")
    return json.loads(result.stdout)


def can_limit_memory():
    probe = os.path.join("/sys/fs/cgroup/memory", f"aot-perf-{os.getpid()}")
    try:
        os.mkdir(probe)
        os.rmdir(probe)
        return True
    except OSError:
        return False
