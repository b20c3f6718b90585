#!/usr/bin/env python3
"""Asks for one more replica where the queue grew three looks in a row."""
import json
import sys

asked = json.load(sys.stdin)
seen, before = asked["see"], json.loads(asked["state"] or '{"queue": 0, "grew": 0}')
grew = before["grew"] + 1 if seen["queue"] > before["queue"] else 0
more = [{"primitive": "scale", "args": {"replicas": seen["replicas"] + 1}}] if grew == 3 else []
state = {"queue": seen["queue"], "grew": 0 if more else grew}
json.dump({"actions": more, "state": json.dumps(state)}, sys.stdout)
