"""The report: a section per workload, of which a run replaces its own, and what is written by hand between them stays."""

import os
import re

from . import metrics
from .pictures import draw
from .workloads import WORKLOADS

TITLE = "# What was measured"
LOG_BEGIN = "<!-- written by hand, kept by perf/compare: begin -->"
LOG_END = "<!-- written by hand, kept by perf/compare: end -->"
LOG_EMPTY = "## Log of steps\n\n| change | what moved | ratio, after to before |\n|---|---|---|"
INTRODUCTION = """\
Made by `perf/compare` (`./build.sh perf`), a section per workload. Ratios are this broker's value by the peer's: the median of
the pairs, with the lowest and the highest. `ideal` is the same work without a broker (`perf/ideal.c`), `fresh`
is that, appending to new files as a log has to where `ideal` writes over its own, `kafka` is Apache Kafka
as it is configured by default, `tuned` has one network and one I/O thread, `nats` is a stream of nats-server in files. Peers
and broker are on one processor, the client is on the other, unless a section says otherwise."""


def number(value):
    return "–" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/stat") as file:
        fields = file.readline().split()[1:]
    steal = 100 * int(fields[7]) / max(1, sum(map(int, fields)))
    return f"{os.cpu_count()} processors ({model}), Linux {os.uname().release}, load {os.getloadavg()[0]:.2f}, steal {steal:.2f} %"


def section(workload, comparison, options):
    """comparison: what compare() gives, or a sentence that says why there is nothing."""
    lines = [f"## {workload.name}: {workload.about}", ""]
    if isinstance(comparison, str):
        return "\n".join([*lines, f"Not measured here: {comparison}."])
    lines += ["| | " + comparison.ours + " |" + "".join(f" {name} | ratio |" for name in comparison.others)]
    lines.append("|---|---|" + "---|---|" * len(comparison.others))
    for metric in [*workload.metrics, *common_metrics(workload)]:
        value, others = comparison.row(metric)
        if value is None:
            continue
        cells = [metric, number(value)]
        for other, ratio in others:
            cells += [number(other), "–" if ratio is None else f"**{ratio[0]:.3g}** ({ratio[1]:.3g} to {ratio[2]:.3g})"]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for name, why in comparison.failures.items():
        lines += [f"{name} could not: {why}", ""]
    if workload.notes:
        lines += [workload.notes, ""]
    if workload.picture and options.pictures and any(comparison.results.values()):
        name = f"{workload.name}.svg"
        os.makedirs(options.pictures, exist_ok=True)
        with open(os.path.join(options.pictures, name), "w") as file:
            file.write(draw(f"{workload.name}: {workload.about}", comparison.results))
        lines += [f"![latency by percentile](pictures/{name})", ""]
    lines += [f"`{options.command_for(workload)}`: {workload.order} x {options.pairs_of(workload)}, each {options.seconds_of(workload):g} s;",
              f"{machine()}."]
    return "\n".join(lines)


def common_metrics(workload):
    """What every workload says of the broker, where its own metrics do not."""
    cost = {metrics.CPU_PER_REQUEST, metrics.CPU_PER_RECORD, metrics.CPU_PER_GB, metrics.CPU_PER_HEARTBEAT}
    extra = [] if cost & set(workload.metrics) else [metrics.CPU_PER_RECORD]
    return [*extra, metrics.RESIDENT]


def merge(old, sections):
    """The old report with new sections in place of those of the same workloads."""
    kept = dict(re.findall(r"<!-- workload (\S+) -->\n(.*?)\n<!-- end of \1 -->", old, re.DOTALL))
    kept.update(sections)
    by_hand = re.search(f"{re.escape(LOG_BEGIN)}\n(.*?)\n{re.escape(LOG_END)}", old, re.DOTALL)
    parts = [TITLE, INTRODUCTION, f"{LOG_BEGIN}\n{by_hand[1] if by_hand else LOG_EMPTY}\n{LOG_END}"]
    for workload in WORKLOADS:
        if workload.name in kept:
            parts.append(f"<!-- workload {workload.name} -->\n{kept[workload.name]}\n<!-- end of {workload.name} -->")
    return "\n\n".join(parts) + "\n"


def write(path, sections):
    old = ""
    if os.path.exists(path):
        with open(path) as file:
            old = file.read()
    with open(path + ".new", "w") as file:
        file.write(merge(old, sections))
    os.replace(path + ".new", path)
