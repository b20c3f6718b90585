"""The table of figures, from the JSON files that tests/bench/run has made: python3 table.py DIRECTORY STEPS.

Each row: what was measured, its anchors of the same run, ours, the goal. What was not run has no row. The same goes to
DIRECTORY/table.json, times in seconds.
"""

import json
import os
import pathlib
import platform
import sys

directory, process_steps = pathlib.Path(sys.argv[1]), int(sys.argv[2])
kUnits = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
kMany = 100_000  # steps of the large runs


def load(name):
    path = directory / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def measured(name):
    """Google Benchmark's: name -> (seconds, the entry)."""
    document = load(name)
    if document is None:
        return {}
    found = {}
    for entry in document["benchmarks"]:
        if entry.get("error_occurred"):
            sys.exit(f"{name}: {entry['name']}: {entry['error_message']}")
        found[entry["name"].split("/iterations")[0].removesuffix("/real_time").removesuffix("/process_time")] = (
            entry["real_time"] * kUnits[entry["time_unit"]],
            entry,
        )
    return found


def span(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


rows = []


def row(what, anchors, ours, goal, text=None, say=span):
    """anchors: name -> seconds (or None); ours: seconds, or whatever `say` writes. The ratio is to the first anchor."""
    anchors = {name: value for name, value in anchors.items() if value is not None}
    first = next(iter(anchors.values()), None)
    rows.append(
        {
            "what": what,
            "anchors": anchors,
            "ours": ours,
            "ratio": ours / first if first else None,
            "goal": goal,
            "anchor_text": ", ".join(f"{name} {say(value)}" for name, value in anchors.items()),
            "our_text": text or say(ours) + (f" ({ours / first:.2f} x)" if first else ""),
        }
    )


def process_rows():
    document = load("process")
    backend = measured("backend")
    if document is None:
        return
    each = {result["command"]: result["median"] / process_steps for result in document["results"]}
    spawn = backend["spawn_true"][0] / 2000 if "spawn_true" in backend else None
    row(
        f"{process_steps:,} processes `true`, two at a time, durable: each",
        {"ninja": each["ninja"], "make": each["make"], "spawn limit": spawn},
        each["scanflow"],
        "ninja's time",
    )


def engine_rows():
    engine, store = measured("engine"), measured("store")
    raw = store.get("anchor: SQLite, one transaction")
    # Two rows of the log a step.
    raw = 2 / raw[1]["items_per_second"] if raw and "items_per_second" in raw[1] else None
    for name, what, goal, anchors in (
        ("run/layers_volatile", "1,000 layers of 100 `noop`, volatile: a step", "1 us", {}),
        ("run/chain_volatile", "a chain of 100,000 `noop`, volatile: a step", "", {}),
        ("run/layers_durable", "the layers, durable (NORMAL): a step", "10 us", {"raw SQLite, batched": raw}),
        ("run/layers_durable_power", "the layers, durable (FULL): a step", "", {}),
    ):
        if name in engine:
            row(what, anchors, engine[name][0] / kMany, goal)


def warm_rows():
    warm = measured("warm")
    cold = warm.get("anchor: a cold process with libtorch", (None,))[0]
    fork = warm.get("anchor: fork of a process with libtorch", (None,))[0]
    for name, what, anchors, goal in (
        ("chain/libtorch/busy_ms:0", "end of a libtorch step to the start of the next", {"fork": fork, "cold process": cold}, "5 ms"),
        ("chain/libtorch/busy_ms:20", "the same, steps that compute for 20 ms", {"fork": fork, "cold process": cold}, "5 ms"),
        ("chain/hello/busy_ms:0", "the same, a plugin without libtorch", {}, "1 to 2 ms"),
    ):
        if name in warm:
            row(what, anchors, warm[name][1]["p50_us"] * 1e-6, goal)


def pipeline_rows():
    pipeline = measured("pipeline")
    if pipeline:
        row(
            "validate a pipeline of 10,000 steps",
            {"yaml-cpp reads it": pipeline["anchor: yaml-cpp reads them"][0]},
            pipeline["validate 10,000 steps"][0],
            "2 x",
        )


def recovery_rows():
    recovery = measured("recovery")
    if not recovery:
        return
    row(
        "recover a run of 100,000 steps",
        {"reading its events": recovery["anchor: its events are read"][0]},
        recovery["recover a run of 100,000 steps"][0],
        "1 s",
    )
    bytes_each = recovery["100,000 steps wait"][1]["bytes/step"]
    row("engine memory a waiting step, beyond its spec", {}, bytes_each, "500 bytes", f"{bytes_each:.0f} bytes")


def knowledge_rows():
    knowledge = measured("knowledge")
    for name, what in (
        ("append_batches/series:10000/readers:0/manual_time", "recent metrics: a sample of 10,000 series, in batches"),
        ("append_batches/series:10000/readers:1/manual_time", "the same, while another thread asks about all of them"),
        ("append_full/manual_time", "the same, 1,000 series, older samples folded to make room"),
    ):
        if name in knowledge:
            row(what, {}, 1 / knowledge[name][1]["items_per_second"], "200 ns")
    for shape, what in enumerate(("constant", "steady", "counter", "noisy")):
        name = f"bytes_per_sample/constant_steady_counter_noisy:{shape}"
        if name in knowledge:
            entry = knowledge[name][1]
            text = f"{entry['raw']:.1f} bytes, {entry['a bucket of 30']:.0f} a bucket of 30"
            row(f"recent metrics: memory a sample, {what}", {}, entry["raw"], "", text)


def hub_rows():
    hub = measured("hub")

    def counter(name, key):
        return hub[name][1][key] if name in hub else None

    def row_of(what, ours, key, anchors, goal, say):
        values = {name: counter(bench, key) for name, bench in anchors.items()}
        if counter(ours, key) is not None:
            row(what, values, counter(ours, key), goal, say=say)

    def millions(rate):
        return f"{rate / 1e6:.3g} M/s"

    raw = {"raw ZeroMQ's messages, CURVE": "raw_messages/curve:1", "without": "raw_messages/curve:0"}
    row_of("telemetry of 1,000 sidecars to the hub, CURVE, batches of 100: samples", "telemetry", "items_per_second", raw, "1 M/s", millions)
    row_of("the same, a second of the hub's CPU time", "telemetry", "per_cpu_second", raw, "1 M/s", millions)
    raw = {"raw ZeroMQ, CURVE, keys checked": "raw_connections/curve:2", "CURVE": "raw_connections/curve:1", "without": "raw_connections/curve:0"}
    row_of("5,000 sessions with CURVE, 50 series each: memory of the hub", "sessions/count:5000/batches:1", "bytes", raw, "200 MiB", lambda size: f"{size / 2**20:.0f} MiB")
    row_of("a session after 600 messages each way: memory of the hub", "sessions/count:500/batches:600", "bytes_each", {}, "", lambda size: f"{size / 2**10:.0f} KiB")
    raw = {"raw ZeroMQ's round trip, CURVE": "raw_round_trip/curve:1", "without": "raw_round_trip/curve:0"}
    for key, goal in (("p50_us", ""), ("p99_us", "1 ms")):
        what = f"command to a sidecar and back, CURVE, committed twice and journalled: {key[:3]}"
        row_of(what, "command", key, raw, goal, lambda us: span(us * 1e-6))


def sidecar_rows():
    figures = load("sidecar")
    if figures is None:
        return
    ours = figures.pop("sidecar")

    def size(value):
        return f"{value / 2**20:.2f} MiB"

    def share(value):
        return f"{value * 100:.2f} %"

    for key, what, goal, write in (
        ("rss", "the sidecar, 10 processes at a sample a second: resident memory", "8 MiB", size),
        ("dirty", "the same: Private_Dirty", "2 MiB", size),
        ("cpu", "the same: of a core", "0.2 %", share),
    ):
        row(what, {name: each[key] for name, each in figures.items()}, ours[key], goal, say=write)
    ready = {name: each["ready"] for name, each in figures.items()}
    row("a sidecar from exec to a socket that takes connections", ready, ours["socket"], "30 ms")
    row("the same, until the hub has welcomed it", {}, ours["hello"], "")


def wire_rows():
    wire = measured("wire")
    for name, what in (("telemetry/batch:100", "read and account for a sample, batches of 100"), ("encode_batch/batch:100", "write a sample, the same")):
        if name in wire:
            row(what, {}, 1 / wire[name][1]["items_per_second"], "")


def pod_rows():
    pods = load("pods")
    if not pods:
        return
    anchors = {"a cold Pod": pods["cold"]["p50"], "a process": pods["process"]["p50"]}
    row("end of a step in a kept Pod to the end of the next, which does nothing", anchors, pods["kept"]["p50"], "20 ms to its start")
    row("the same, p99", {}, pods["kept"]["p99"], "")


def bulk_rows():
    bulk = measured("bulk")

    def rate(name):
        return bulk[name][1]["bytes_per_second"] if name in bulk else None

    def a_second(value):
        return f"{value / 2**20:.0f} MiB/s"

    digests = {"digest of the sidecar's": rate("BM_DigestOfTheSidecar"), "of the hub's": rate("BM_DigestOfTheHub")}
    for name, what in (("BM_Store", "an artifact of 1 GiB from a Pod, CURVE, digested on both sides"), ("BM_Fetch", "the same into a Pod")):
        if name not in bulk:
            continue
        row(what, digests, rate(name), "", say=a_second)
        row("its memory, sidecar and hub together", {}, bulk[name][1]["memory_mib"], "constant", say=lambda mib: f"{mib:.1f} MiB")


for rows_of in (engine_rows, process_rows, warm_rows, pipeline_rows, recovery_rows, knowledge_rows, wire_rows, hub_rows, bulk_rows, pod_rows, sidecar_rows):
    rows_of()

cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
machine = f"{os.cpu_count()} CPUs, {cpu}, Linux {platform.release()}"
table = [("what", "anchors", "ours", "goal")]
table += [(r["what"], r["anchor_text"], r["our_text"], r["goal"]) for r in rows]
widths = [max(len(line[i]) for line in table) for i in range(4)]
print(f"\nmachine: {machine}")
for i, line in enumerate(table):
    print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
    if i == 0:
        print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
keep = ("what", "anchors", "ours", "ratio", "goal")
document = {"machine": machine, "rows": [{key: r[key] for key in keep} for r in rows]}
(directory / "table.json").write_text(json.dumps(document, indent=2) + "\n")
