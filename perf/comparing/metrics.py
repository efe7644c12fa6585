"""What is read out of a run's result, which is what aot-perf says as JSON, or a part of that."""

P50, P99, P999 = "p50, us", "p99, us", "p99.9, us"
MAX = "largest, us"
WORST_SECOND_P999 = "p99.9 of the worst second, us"
CPU_PER_REQUEST, CPU_PER_HEARTBEAT = "CPU-us/request", "CPU-us/heartbeat"
CPU_PER_RECORD, CPU_PER_GB = "CPU-s/M records", "CPU-s/GB"
MEGABYTES, REQUESTS, RECORDS = "MB/s", "requests/s", "records/s"
READ_MEGABYTES = "MB/s read"
RESIDENT = "MB resident"
SETTLED = "seconds until settled"
SETTLING_CPU = "CPU-s until settled"
PER_IDLE_CONNECTION = "bytes resident/idle connection"
FIRST_ACKNOWLEDGED = "ms to the first acknowledged record"
IDLE_CPU = "% of one processor, idle"
PER_PARTITION = "KB resident/partition"
CREATED = "seconds to create"
METADATA = "ms for the metadata of all"
P99_OF_ONE = "p99 of one partition, us"


def ratio_of(above, below):
    return above / below if above is not None and below else None


def percentile(name):
    return lambda result: result.get("latencyMicroseconds", {}).get(name)


def cpu_per(name, scale):
    return lambda result: ratio_of(result.get("brokerCpuSeconds"), result.get(name, 0) / scale)


def rate(name, scale=1.0):
    return lambda result: ratio_of(result.get(name, 0) / scale, result.get("seconds"))


def given(name, scale=1.0):
    return lambda result: result[name] / scale if result.get(name) is not None else None


def worst_second(result):
    seconds = result.get("perSecond")
    return max(second["p99.9"] for second in seconds) if seconds else None


READERS = {
    P50: percentile("p50"),
    P99: percentile("p99"),
    P999: percentile("p99.9"),
    MAX: percentile("max"),
    WORST_SECOND_P999: worst_second,
    CPU_PER_REQUEST: cpu_per("requests", 1e6),
    CPU_PER_HEARTBEAT: cpu_per("requests", 1e6),
    CPU_PER_RECORD: cpu_per("records", 1e6),
    CPU_PER_GB: cpu_per("bytes", 1e9),
    MEGABYTES: rate("bytes", 1e6),
    REQUESTS: rate("requests"),
    RECORDS: rate("records"),
    READ_MEGABYTES: given("readMegabytesPerSecond"),
    RESIDENT: given("brokerResidentBytes", 1e6),
    SETTLED: given("settledSeconds"),
    SETTLING_CPU: given("settlingCpuSeconds"),
    PER_IDLE_CONNECTION: given("bytesPerIdleConnection"),
    FIRST_ACKNOWLEDGED: given("firstAcknowledgedMs"),
    IDLE_CPU: given("idlePercent"),
    PER_PARTITION: given("bytesPerPartition", 1e3),
    CREATED: given("createdSeconds"),
    METADATA: given("metadataMs"),
    P99_OF_ONE: given("oneP99Microseconds"),
}


def read(result, metric):
    """None where the run does not have it: the loop without a broker has no partitions."""
    return READERS[metric](result)
