"""What the sidecar itself costs: python3 sidecar.py BUILD [SECONDS] prints JSON, which table.py shows.

A run of ten steps that sleep, with the sidecar that the engine gives it; beside it, over the same seconds, what others take
for about the same: a bare libzmq DEALER, the Prometheus node exporter (asked once a second), and collectd (an interval of
one second, its processes plugin). Those that are not installed are left out, which is said on stderr.
"""

import contextlib
import http.client
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
import threading
import time

kSteps = 10
kStarts = 20
kPatience = 30.0  # seconds, for whatever is waited for
kSettled = 5.0  # seconds after all run, before the figures count


def say(text):
    print(f"sidecar: {text}", file=sys.stderr)


def until(condition, what, pause=0.02):
    """The first value of condition() that is true."""
    deadline = time.monotonic() + kPatience
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
    sys.exit(f"sidecar: {what}: not within {kPatience:.0f} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connects(address, family=socket.AF_INET):
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


# --- figures of a process


def cpu_seconds(pid):
    """On a CPU so far, all threads: in nanoseconds where the kernel counts them, else in ticks."""
    try:
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) * 1e-9
    except FileNotFoundError:
        after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """Bytes: resident, and those of its own that no file backs."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0]) * 1024
    return fields["Rss"], fields["Private_Dirty"]


def measure(pids, seconds):
    """name -> figures, all over the same time."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    begin = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    found = {}
    for name, pid in pids.items():
        resident, dirty = memory(pid)
        found[name] = {"rss": resident, "dirty": dirty, "cpu": (cpu_seconds(pid) - before[name]) / took}
    return found


# --- what runs


@contextlib.contextmanager
def program(argv, **options):
    """Ended, and waited for, with the block."""
    with subprocess.Popen(argv, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def environment_of(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def sidecar_of(state):
    """(pid, its environment) of the sidecar that the engine of this state directory has."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() != "scanflow-sideca":  # 15 bytes of it
                continue
            environment = environment_of(entry.name)
            if any(str(state) in value for name, value in environment.items() if name.startswith("SCANFLOW_SIDECAR")):
                return int(entry.name), environment
    return None


def watched_by(pid):
    """How many attempts the sidecar watches: it has a pidfd for each."""
    count = 0
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            count += os.readlink(link) == "anon_inode:[pidfd]"
    return count


@contextlib.contextmanager
def run_of_sleepers(build, work):
    """Ten steps that sleep: gives (pid, environment) of their sidecar."""
    pipeline = work / "p.yaml"
    steps = "".join(f"  - {{name: s{i}, uses: command, with: {{argv: [sleep, '600']}}}}\n" for i in range(kSteps))
    pipeline.write_text(f"apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {{name: bench-sidecar}}\nsteps:\n{steps}")
    state = work / "state"
    environment = os.environ | {"SCANFLOW_STATE": str(state)}
    with open(work / "run.txt", "w", encoding="utf-8") as log:
        argv = [build / "bin/scanflow", "run", pipeline, "-j", str(kSteps)]
        with program(argv, env=environment, stdout=log, stderr=log) as run:
            try:
                found = until(lambda: sidecar_of(state), "the engine has no sidecar")
                until(lambda: watched_by(found[0]) == kSteps, f"it does not watch all {kSteps} steps")
                yield found
            finally:
                run.send_signal(signal.SIGINT)  # cancels the run
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(20)


@contextlib.contextmanager
def bare_dealer(build, work):
    endpoint = f"ipc://{work}/bare"
    binary = build / "bench/bare_dealer"
    with program([binary, "--router", endpoint], stdout=subprocess.PIPE) as router:
        router.stdout.readline()
        begin = time.monotonic()
        with program([binary, endpoint], stdout=subprocess.PIPE) as dealer:
            dealer.stdout.readline()
            yield dealer.pid, time.monotonic() - begin


def scrape(port, stop):
    while not stop.wait(1):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError):
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        connection.close()


@contextlib.contextmanager
def node_exporter():
    port = free_port()
    begin = time.monotonic()
    argv = [shutil.which("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    with program(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: connects(("127.0.0.1", port)), "the node exporter's port", 0.0005)
        ready = time.monotonic() - begin
        stop = threading.Event()
        scraper = threading.Thread(target=scrape, args=(port, stop))
        scraper.start()
        try:
            yield process.pid, ready
        finally:
            stop.set()
            scraper.join()


@contextlib.contextmanager
def collectd(work):
    (work / "collectd").mkdir()
    config = work / "collectd.conf"
    config.write_text(
        f'BaseDir "{work}/collectd"\nPIDFile "{work}/collectd/pid"\nTypesDB "/usr/share/collectd/types.db"\n'
        'Interval 1\nLoadPlugin processes\nLoadPlugin network\n'
        '<Plugin processes>\n  CollectFileDescriptor true\n  CollectContextSwitch true\n  Process "sleep"\n</Plugin>\n'
        '<Plugin network>\n  Server "127.0.0.1" "9"\n</Plugin>\n'
    )
    with open(work / "collectd.txt", "w", encoding="utf-8") as log:
        with program([shutil.which("collectd"), "-f", "-C", config], stdout=log, stderr=log) as process:
            time.sleep(0.5)  # it opens nothing that would tell
            if process.poll() is not None:
                sys.exit(f"sidecar: collectd ended: {(work / 'collectd.txt').read_text()}")
            yield process.pid, None


# --- how soon one is ready


def hello_said(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return b"scanflow_sidecar_connected 1" in connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()


def start_times(build, work, hub):
    """Medians, in seconds from exec: until its socket takes a connection, until the hub has welcomed it."""
    sockets, hellos = [], []
    for i in range(kStarts):
        directory, path, port = work / f"start-{i}", str(work / f"start-{i}.sock"), free_port()
        environment = {
            "SCANFLOW_HUB": hub,
            "SCANFLOW_POD_UID": f"bench-{i}",
            "SCANFLOW_SIDECAR_DIR": str(directory),
            "SCANFLOW_SIDECAR_SOCKET": path,
            "SCANFLOW_ADMIN": f"127.0.0.1:{port}",
            "SCANFLOW_GRACE": "100ms",
        }
        begin = time.monotonic()
        with program([build / "bin/scanflow-sidecar"], env=environment, stderr=subprocess.DEVNULL):
            until(lambda: connects(path, socket.AF_UNIX), "a sidecar's socket", 0.0002)
            sockets.append(time.monotonic() - begin)
            until(lambda: hello_said(port), "a sidecar's session", 0.0002)
            hellos.append(time.monotonic() - begin)
    return {"socket": statistics.median(sockets), "hello": statistics.median(hellos)}


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    os.sync()  # of a program that has just been linked the page cache is dirty, and would count as its own
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scanflow-bench-")))
        pid, environment = stack.enter_context(run_of_sleepers(build, work))
        pids, ready = {"sidecar": pid}, {}

        def beside(name, context):
            pids[name], ready[name] = stack.enter_context(context)

        beside("bare DEALER", bare_dealer(build, work))
        if shutil.which("prometheus-node-exporter"):
            beside("node exporter", node_exporter())
        else:
            say("no prometheus-node-exporter here: its figures are left out")
        if shutil.which("collectd"):
            beside("collectd", collectd(work))
        else:
            say("no collectd here: its figures are left out")
        time.sleep(kSettled)
        say(f"{', '.join(pids)}: {seconds:.0f} s")
        figures = measure(pids, seconds)
        for name, took in ready.items():
            figures[name]["ready"] = took
        figures["sidecar"] |= start_times(build, work, environment["SCANFLOW_HUB"])
    print(json.dumps(figures, indent=2))


main()
