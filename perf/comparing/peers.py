"""Who is compared. Each runs on processor 1, unless nobody is pinned, and is stopped while it is not measured."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BROKER = os.environ.get("AOT_BROKER_BINARY", os.path.join(ROOT, "out/aot-broker"))
CLIENT = os.environ.get("AOT_PERF_BINARY", os.path.join(ROOT, "out/aot-perf"))
OURS = "aot-broker"
CGROUPS = "/sys/fs/cgroup/memory"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"


class RunFailed(Exception):
    """A peer could not do what a workload asks for."""


def fail(message):
    print(f"perf/compare: {message}", file=sys.stderr)
    sys.exit(1)


def kafka_script():
    """The script that runs Apache Kafka; None without it or without Java."""
    folder = os.environ.get("AOT_BROKER_PEERS")
    above = ROOT
    while not folder and above != "/":
        above = os.path.dirname(above)
        if os.path.isdir(os.path.join(above, "shared/peers")):
            folder = os.path.join(above, "shared/peers")
    script = os.path.join(folder, "kafka/kafka") if folder else ""
    return script if os.path.exists(script) and shutil.which("java") else None


def pinned(processor, command):
    return (["taskset", "-c", str(processor)] if os.cpu_count() > 1 else []) + command


def free_port():
    """A port whose successor is free as well: Apache Kafka's controller takes that."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Peer:
    """One process, which lives until stop(), in a folder of its own."""

    def __init__(self, name, folder, is_pinned=True):
        self.name, self.is_pinned, self.process, self.port = name, is_pinned, None, None
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.cgroup = None

    def spawn(self, command, **environment):
        if self.is_pinned:
            command = pinned(1, command)
        if self.cgroup:
            command = ["sh", "-c", f'echo $$ > {self.cgroup}/cgroup.procs; exec "$@"', "sh", *command]
        with open(os.path.join(self.folder, "log"), "w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **environment}, text=True)

    def said(self):
        with open(os.path.join(self.folder, "log")) as log:
            return log.read()

    def status(self, name):
        """A number of /proc/PID/status in bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run_seconds(self):
        """The same of the threads that it has now, in nanoseconds: ticks are too coarse for one that does nothing."""
        used = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as file:
                used += int(file.read().split()[0])
        return used / 1e9

    def await_port(self):
        limit = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise RunFailed(f"{self.name} did not start: {self.said()}") from None
                time.sleep(0.01)

    def make_cgroup(self):
        self.cgroup = os.path.join(CGROUPS, f"aot-perf-{os.getpid()}-{self.name}")
        os.makedirs(self.cgroup, exist_ok=True)

    def limit_cache(self, megabytes):
        """What it has resident now, a reserve, and so much of page cache."""
        limit = self.status("RssAnon") + (128 + megabytes) * 1024 * 1024
        with open(os.path.join(self.cgroup, "memory.limit_in_bytes"), "w") as file:
            file.write(str(limit))

    def before_run(self):
        self.process.send_signal(signal.SIGCONT)

    def after_run(self):
        self.process.send_signal(signal.SIGSTOP)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.cgroup:
            try:
                os.rmdir(self.cgroup)
            except OSError as left:
                print(f"perf/compare: {left}", file=sys.stderr)
            self.cgroup = None


class Ours(Peer):
    def __init__(self, folder, name=OURS, cores=None, is_pinned=True):
        super().__init__(name, folder, is_pinned)
        self.cores = cores

    def prepare(self):
        """Nothing: an empty directory is formatted by the start."""

    def start(self, settings=()):
        self.port = free_port()
        words = [BROKER, "serve", "--data", os.path.join(self.folder, "data"), "--listen", f"127.0.0.1:{self.port}"]
        words += ["--cores", str(self.cores)] if self.cores else []
        words += [word for setting in settings for word in ("--set", setting)]
        self.spawn(words)


class Ideal(Peer):
    """A new process for every run: it keeps no topics apart."""

    def __init__(self, name, folder, binary):
        super().__init__(name, folder)
        self.command = [binary, "0", self.folder] + (["fresh"] if name == "fresh" else [])

    def start(self, settings=()):
        """Each run starts it."""

    def await_port(self):
        """Its first line names the port."""

    def before_run(self):
        self.spawn(self.command)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def after_run(self):
        self.process.kill()
        self.process.wait()


class Nats(Peer):
    """nats-server with streams in files; its answer comes before a sync, as the others' does."""

    def start(self, settings=()):
        self.port = free_port()
        self.spawn(["nats-server", "-js", "-sd", os.path.join(self.folder, "data"), "-a", "127.0.0.1", "-p", str(self.port)])


class Kafka(Peer):
    """Apache Kafka; it must not take its own stop for a failure, hence the session."""

    def prepare(self):
        """Formats the directory, which its start script would do with a virtual machine of its own."""
        self.port = free_port()
        properties = os.path.join(self.folder, "server.properties")
        with open(properties, "w") as file:
            file.write(f"process.roles=broker,controller\nnode.id=1\nlog.dirs={self.folder}/data/data\n")
            file.write(f"controller.quorum.voters=1@127.0.0.1:{self.port + 1}\ncontroller.listener.names=CONTROLLER\n")
            file.write(f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.port + 1}\n")
        format_it = [kafka_script(), "newest", "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties]
        subprocess.run(format_it, check=True, capture_output=True)

    def start(self, settings=()):
        self.port = self.port or free_port()
        tuned = ["num.network.threads=1", "num.io.threads=2"] if self.name == "tuned" else []
        heap = "-XX:ActiveProcessorCount=2" + (" -XX:+AlwaysPreTouch" if self.cgroup else "")
        words = [kafka_script(), "serve", os.path.join(self.folder, "data"), str(self.port), "broker.session.timeout.ms=3600000"]
        self.spawn([*words, *tuned, *settings], JVM=heap)

    def await_port(self):
        super().await_port()
        limit = time.monotonic() + 120
        ask = [CLIENT, "metadata", "--bootstrap", f"127.0.0.1:{self.port}", "--seconds", "0.1", "--warmup", "0", "--quiet"]
        while subprocess.run(ask, capture_output=True).returncode:
            if time.monotonic() > limit or self.process.poll() is not None:
                raise RunFailed(f"Apache Kafka did not start: {self.said()}")
