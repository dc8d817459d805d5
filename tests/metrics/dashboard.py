"""Prints the expressions of a Grafana dashboard as rules that promtool can check.

usage: dashboard.py DASHBOARD
"""

import json
import sys

# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$job": "holdfast", "$instance": "127.0.0.1:7441"}


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        dashboard = json.load(file)
    rules = []
    for number, expression in enumerate(expressions(dashboard)):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        rules.append({"record": f"expression:{number}", "expr": expression})
    # JSON is YAML.
    print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))


main()
