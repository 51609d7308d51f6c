"""What `helm test` asks of a release: pages, readiness and one short answer of each service.

It knows no service: a question is the example that the service publishes in its OpenAPI. Only the
standard library.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

GATEWAY = os.environ["GATEWAY"]
SERVICES = json.loads(os.environ["SERVICES"])
DEADLINE = time.monotonic() + float(os.environ["TIMEOUT"])


def ask(url, body=None, accept="application/json"):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Accept": accept, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=max(1.0, DEADLINE - time.monotonic())) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def check(name, good, seen):
    print(f"{'ok  ' if good else 'FAIL'} {name}: {seen}", flush=True)
    return good


def question(base, service):
    """The example body that the service publishes, without a user: nothing of it is remembered."""
    status, _, text = ask(f"{base}/{service}/openapi.json")
    try:
        body = json.loads(text)["paths"][f"/{service}/Llama"]["post"]["requestBody"]
        example = body["content"]["application/json"]["schema"]["examples"][0]
    except (ValueError, LookupError):
        check(f"{service} publishes an example", False, f"{status} {text[:200]}")
        return None
    return {field: value for field, value in example.items() if field not in ("user_id", "db_id")}


def answers(service, address):
    status, _, text = ask(f"{address}/readyz")
    while status != 200 and time.monotonic() < DEADLINE:
        time.sleep(1)
        status, _, text = ask(f"{address}/readyz")
    if not check(f"{service} is ready", status == 200, f"{status} {text[:200]}"):
        return False
    base = GATEWAY or address
    body = question(base, service)
    if body is None:
        return False
    began = time.monotonic()
    status, headers, text = ask(f"{base}/{service}/Llama", body)
    good = status == 200 and isinstance(json.loads(text), str)
    took = f"{time.monotonic() - began:.1f} s, model {headers.get('X-Model')}"
    return check(f"{service} answers", good, f"{status} in {took}: {text[:120]}")


def pages():
    if not GATEWAY:
        return True
    status, headers, text = ask(f"{GATEWAY}/nowhere")
    found = status == 404 and headers.get_content_type() == "application/json"
    good = check("an unknown path is 404 as JSON", found, f"{status} {headers.get_content_type()}")
    listed = json.loads(text).get("services") if found else None
    good &= check("the 404 lists the services", listed == sorted(SERVICES), listed)
    status, headers, _ = ask(f"{GATEWAY}/nowhere", accept="text/html")
    found = status == 404 and headers.get_content_type() == "text/html"
    good &= check("an unknown path is 404 as a page", found, f"{status} {headers.get_content_type()}")
    status, _, _ = ask(f"{GATEWAY}/metrics")
    return good & check("metrics are not public", status == 404, status)


results = [pages(), *(answers(service, address) for service, address in SERVICES.items())]
sys.exit(0 if all(results) else 1)
