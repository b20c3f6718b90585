"""What the sidecar costs: python3 sidecar.py BUILD OUT.json. Memory, CPU time at one sample a second, and how soon it is
ready, with a hub and one step that runs; beside it node exporter and collectd, where they are installed.

Entries as Google Benchmark writes them: real_time is the time to be ready (the median of several starts).
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

build, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
kMeasure = float(os.environ.get("SECONDS_EACH", "15"))
kStarts = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rollup(pid):
    """Bytes: resident; dirty and its own."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0]) * 1024
    return fields["Rss"], fields["Private_Dirty"]


def cpu_seconds(pid):
    """Of all its threads, to the microsecond where the kernel says so."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def wait_for(condition, what):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"sidecar: {what}")
        time.sleep(0.0005)


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            reply.read()
            return True
    except OSError:
        return False


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def lives(process, each_second=lambda: None):
    """What a process comes to while it lives for a while: rss, dirty, and its part of a core."""
    time.sleep(2)  # its beginning is not what is measured
    before, began = cpu_seconds(process.pid), time.monotonic()
    while time.monotonic() - began < kMeasure:
        each_second()
        time.sleep(1)
    cpu = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
    rss, dirty = rollup(process.pid)
    return {"rss": rss, "dirty": dirty, "cpu": cpu}


def entry(name, started, figures):
    return {"name": name, "real_time": started, "time_unit": "s", **figures}


def sidecar(work):
    program, launcher = build / "bin/scanflow-sidecar", build / "bin/scanflow-exec"
    hub = subprocess.Popen([build / "bench/hub_serve", work / "hub.sock"], stdin=subprocess.PIPE)
    starts = []

    def begin(number):
        port = free_port()
        directory = work / f"spool-{number}"
        directory.mkdir()
        environment = {
            "SCANFLOW_HUB": f"ipc://{work}/hub.sock",
            "SCANFLOW_POD_UID": f"bench-{number}",
            "SCANFLOW_SIDECAR_DIR": str(directory),
            "SCANFLOW_SIDECAR_SOCKET": str(work / f"launchers-{number}.sock"),
            "SCANFLOW_ADMIN": f"127.0.0.1:{port}",
        }
        began = time.monotonic()
        process = subprocess.Popen([program], env=environment)
        wait_for(lambda: answers(port, "/ready") or process.poll() is not None, "it does not become ready")
        starts.append(time.monotonic() - began)
        if process.poll() is not None:
            sys.exit(f"sidecar: it ended with {process.returncode}")
        return process, environment

    wait_for((work / "hub.sock").exists, "the hub does not listen")
    for number in range(kStarts):
        process, _ = begin(number)
        end(process)
    process, environment = begin(kStarts)
    step = None
    if launcher.exists():
        names = {"SCANFLOW_RUN": "bench", "SCANFLOW_STEP": "step", "SCANFLOW_ATTEMPT": "1"}
        step = subprocess.Popen([launcher, "--", "sleep", "1000"], env={**os.environ, **environment, **names})
    figures = lives(process)
    if step is not None:
        end(step)
    end(process)
    hub.stdin.close()
    hub.wait()
    return entry("sidecar", statistics.median(starts), figures)


def node_exporter():
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program is None:
        return None
    port, began = free_port(), time.monotonic()
    process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    wait_for(lambda: answers(port, "/"), "node exporter does not answer")
    started = time.monotonic() - began
    figures = lives(process, lambda: answers(port, "/metrics"))
    end(process)
    return entry("anchor: node exporter", started, figures)


def collectd(work):
    program = shutil.which("collectd")
    if program is None:
        return None
    plugins = "\n".join(f"LoadPlugin {name}" for name in ("cpu", "memory", "processes", "interface", "df"))
    (work / "collectd.conf").write_text(f'BaseDir "{work}"\nInterval 1\n{plugins}\n')
    process = subprocess.Popen([program, "-f", "-C", work / "collectd.conf"], stderr=subprocess.DEVNULL)
    figures = lives(process)
    end(process)
    return entry("anchor: collectd", 0, figures)


with tempfile.TemporaryDirectory(prefix="scanflow-bench-") as directory:
    work = pathlib.Path(directory)
    entries = [sidecar(work), node_exporter(), collectd(work)]
out.write_text(json.dumps({"benchmarks": [each for each in entries if each]}, indent=2) + "\n")
