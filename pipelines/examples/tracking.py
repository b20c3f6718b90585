#!/usr/bin/env python3
"""Tracks three runs of an experiment with nothing but Python's own library, and asks for the best of them.

    scanflow server &
    python3 tracking.py [http://127.0.0.1:8420]

Where MLflow is installed, mlflow.set_tracking_uri("http://127.0.0.1:8420") does the same: the server speaks its REST API.
"""
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

server = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8420"


def ask(method, path, **fields):
    """The answer's document; a problem ends the program with what the server says of it."""
    url = f"{server}/api/2.0/mlflow/{path}"
    body = None
    if method == "GET":
        url += "?" + urllib.parse.urlencode(fields)
    else:
        body = json.dumps(fields).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        sys.exit(f"{problem['error_code']}: {problem['message']}")
    except urllib.error.URLError as error:
        sys.exit(f"{server} cannot be reached ({error.reason}): start it with 'scanflow server'")


def experiment(name):
    found = ask("POST", "experiments/search", filter=f"name = '{name}'", max_results=1)["experiments"]
    return found[0]["experiment_id"] if found else ask("POST", "experiments/create", name=name)["experiment_id"]


def now_ms():
    return int(time.time() * 1000)


id = experiment("parabola")
for rate in (0.1, 0.4, 1.1):
    run = ask("POST", "runs/create", experiment_id=id, run_name=f"rate-{rate}", start_time=now_ms())["run"]["info"]["run_id"]
    ask("POST", "runs/log-parameter", run_id=run, key="rate", value=str(rate))
    x, points = 3.0, []
    for step in range(50):  # downhill on x squared
        points.append({"key": "loss", "value": x * x, "timestamp": now_ms(), "step": step})
        x -= rate * 2 * x
    ask("POST", "runs/log-batch", run_id=run, metrics=points)
    ask("POST", "runs/update", run_id=run, status="FINISHED", end_time=now_ms())

best = ask("POST", "runs/search", experiment_ids=[id], filter="metrics.loss < 1 AND params.rate != '0'",
           order_by=["metrics.loss ASC"], max_results=1)["runs"][0]
history = ask("GET", "metrics/get-history", run_id=best["info"]["run_id"], metric_key="loss")["metrics"]
print(f"best: {best['info']['run_name']}, loss {history[0]['value']:g} -> {best['data']['metrics'][0]['value']:g}")
