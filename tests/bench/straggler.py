"""What second attempts save: python3 straggler.py BUILD [SEEDS] prints a table and JSON.

A real server runs a for_each of 40 instances, 4 at once, that sleep for 0.5 s; of all attempts 10 %, drawn by seed, instance
and attempt, take 5 to 10 times as long. Each seed is run without any agent, and with one that has the strategy `straggler`, which
may give a tenth, or a fifth, of all instances a second attempt. Wasted: seconds of attempts that were not first.
"""

import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

kInstances, kAtOnce, kUsual, kShare = 40, 4, 0.5, 0.1
kShares = (0, 0.1, 0.2)  # max_share of the strategy; 0: no agent
kPatience = 120.0  # seconds, of one run

kAgent = """apiVersion: scanflow.dev/v1
kind: Agent
metadata: {name: overseer}
rules:
  - name: stragglers
    on: {interval: {every: 200ms}}
    see: {running: "${{ runs.running('shards') }}"}
    strategy: {uses: straggler, with: {min_seconds: 0.25, min_done: 0.25, max_share: @SHARE@}}
    allow: [hedge_step]
    guard: {max_per_hour: 3600}
"""


def seconds_of(seed, instance, attempt):
    draw = random.Random(f"{seed} {instance} {attempt}")
    return kUsual * (draw.uniform(5, 10) if draw.random() < kShare else draw.uniform(0.9, 1.1))


def pipeline(seed):
    lines = [f"{i}.{a}) exec sleep {seconds_of(seed, i, a):.3f};;" for i in range(kInstances) for a in (1, 2)]
    items = ", ".join(str(i) for i in range(kInstances))
    cases = "\n        ".join(lines)
    return f"""apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {{name: shards}}
steps:
  - name: shard
    max_parallel: {kAtOnce}
    for_each: "${{{{ {{{items}}} }}}}"
    run: |
      case ${{{{ item }}}}.$SCANFLOW_ATTEMPT in
        {cases}
      esac
"""


class Server:
    def __init__(self, build, state):
        self.log = open(state / "server.log", "w+")
        self.process = subprocess.Popen(
            [build / "bin/scanflow", "--state", state / "state", "server", "--listen", "127.0.0.1:0", "-j", str(kAtOnce)],
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"listening on (\S+)", (state / "server.log").read_text())):
            if time.monotonic() > deadline:
                sys.exit("straggler: the server does not listen: " + (state / "server.log").read_text())
            time.sleep(0.05)
        self.url = found.group(1)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def run(self, seed):
        run = self.ask("/api/v1/runs", {"source": pipeline(seed)})["run"]
        deadline = time.monotonic() + kPatience
        while (shown := self.ask(f"/api/v1/runs/{run}"))["status"] in ("queued", "running"):
            if time.monotonic() > deadline:
                sys.exit(f"straggler: run {run} does not end")
            time.sleep(0.1)
        assert shown["status"] == "succeeded", shown
        hedged = [step["hedged"] for step in shown["steps"] if "hedged" in step]
        wasted = sum(each["ended_us"] - each["started_us"] for one in hedged for each in one["attempts"]
                     if each["attempt"] != one["first"]) / 1e6
        return shown["seconds"], len(hedged), wasted

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def measure(build, seeds, share):
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder)
        server = Server(build, state)
        if share:
            (state / "agent.yaml").write_text(kAgent.replace("@SHARE@", str(share)))
            subprocess.run([build / "bin/scanflow", "apply", "-f", state / "agent.yaml", "--server", server.url], check=True,
                           stdout=subprocess.DEVNULL)
        rows = [server.run(seed) for seed in seeds]
        server.end()
        return rows


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seeds = range(1, int(sys.argv[2]) + 1 if len(sys.argv) > 2 else 6)
    os.environ.pop("SCANFLOW_STATE", None)
    columns = {share: measure(build, seeds, share) for share in kShares}
    print("seed" + "".join(f"{f'share {share}' if share else 'without':>34}" for share in kShares))
    for i, seed in enumerate(seeds):
        rows = [columns[share][i] for share in kShares]
        print(f"{seed:>4}" + "".join(f"{row[0]:>12.2f}s {row[1]:>2} second, {row[2]:>5.2f}s wasted" for row in rows))
    print(json.dumps([{"max_share": share,
                       "seconds": statistics.mean(row[0] for row in rows),
                       "second_attempts": statistics.mean(row[1] for row in rows),
                       "wasted_s": statistics.mean(row[2] for row in rows)} for share, rows in columns.items()]))


if __name__ == "__main__":
    main()
