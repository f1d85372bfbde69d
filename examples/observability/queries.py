"""queries.py DASHBOARD PROMETHEUS: asks a Prometheus each query of the dashboard; fails where it finds a fault, or where none has an answer."""
import json
import sys
import urllib.parse
import urllib.request

dashboard, prometheus = sys.argv[1:]
answered = asked = 0
for panel in json.load(open(dashboard))["panels"]:
    for target in panel["targets"]:
        query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "10s")
        url = prometheus + "/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as problem:
            sys.exit(f"{panel['title']}: {query}: {problem.read().decode()}")
        asked += 1
        answered += bool(found)
        if not found:
            print(f"  nothing yet: {panel['title']}: {target['legendFormat']}")
print(f"  {answered} of the dashboard's {asked} queries have an answer")
sys.exit(answered * 4 < asked * 3)
