"""Steps in Pods, kept ones and cold ones: python3 pods.py BUILD. Prints JSON: seconds from the end of a step to the end of the
next one, which does nothing; so more than from end to start. The same steps as processes beside it. Without a podman that can
run Pods: {}."""

import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
scanflow = build / "bin/scanflow"
images = "localhost/scanflow-bench"
environment = dict(
    os.environ, SCANFLOW_SIDECAR_IMAGE=f"{images}-sidecar:latest", SCANFLOW_COMMAND_IMAGE=f"{images}-python:latest"
)


def chain(steps, backend, reuse):
    with tempfile.TemporaryDirectory(prefix="scanflow-bench-") as place:
        text = ["apiVersion: scanflow.dev/v1", "kind: Pipeline", "metadata: {name: bench}", "steps:"]
        for i in range(steps):
            needs = f", needs: [s{i - 1}]" if i else ""
            text.append(f"  - {{name: s{i}, command: ['true']{needs}, reuse: {str(reuse).lower()}}}")
        pipeline = pathlib.Path(place, "p.yaml")
        pipeline.write_text("\n".join(text) + "\n")
        state = pathlib.Path(place, "state")
        subprocess.run(
            [scanflow, "--state", state, "run", pipeline, "--backend", backend, "-q"], env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )
        rows = sqlite3.connect(state / "scanflow.db").execute("select ended_us from steps order by ended_us").fetchall()
        ends = [row[0] / 1e6 for row in rows]
        gaps = sorted(after - before for before, after in zip(ends, ends[1:]))
        return {"p50": statistics.median(gaps), "p99": gaps[int(len(gaps) * 0.99)], "steps": steps}


if subprocess.run([scanflow, "podman", "check", "--quick"], capture_output=True).returncode != 0:
    print("{}")
    sys.exit()
source = pathlib.Path(__file__).resolve().parents[2]
subprocess.run(
    ["bash", source / "deploy/docker/build", "--from", build, "--name", images, "sidecar", "python"], check=True,
    stdout=subprocess.DEVNULL,
)
result = {"kept": chain(200, "podman", True), "cold": chain(6, "podman", False), "process": chain(200, "local", False)}
for image in ("sidecar", "python"):
    subprocess.run(["podman", "rmi", f"{images}-{image}:latest"], stdout=subprocess.DEVNULL)
print(json.dumps(result))
