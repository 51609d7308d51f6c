"""Runs in a pod, beside a gateway that is replaced: asks and streams for a time, and says what it saw.

``visitor.py ADDRESS SECONDS [PAIRS]``; standard library only. A line of JSON for each answer: status, whether
it told to come back, the last event of a stream, and when it began and ended.
"""

import json
import sys
import threading
import time
import urllib.error
import urllib.request

LOCK = threading.Lock()


def ask(address: str, question: str, accept: str, affinity: str) -> None:
    """One answer, read to its end."""
    began = time.time()
    body = json.dumps({"input_data": question}).encode()
    headers = {"Content-Type": "application/json", "Accept": accept, "X-Affinity": affinity}
    request = urllib.request.Request(f"{address}/office/Llama", body, headers)  # noqa: S310 (http of the tests)
    seen: dict[str, object] = {"began": began}
    try:
        with urllib.request.urlopen(request, timeout=240) as answer:  # noqa: S310
            text = answer.read().decode()
            seen |= {"status": answer.status, "last": last_event(text)}
    except urllib.error.HTTPError as error:
        seen |= {"status": error.code, "retry_after": error.headers.get("Retry-After")}
    except OSError as error:
        seen |= {"status": 0, "error": repr(error)}
    with LOCK:
        sys.stdout.write(json.dumps({**seen, "ended": time.time()}) + "\n")
        sys.stdout.flush()


def last_event(text: str) -> str:
    """Name of the last event of a stream; "" of a whole answer."""
    names = [line.removeprefix("event:").strip() for line in text.splitlines() if line.startswith("event:")]
    return names[-1] if names else ""


def visit(address: str, end: float, question: str, accept: str, affinity: str) -> None:
    """Ask again and again until the time is over."""
    while time.monotonic() < end:
        ask(address, question, accept, affinity)
        time.sleep(0.2)


def main(address: str, seconds: float, pairs: int) -> None:
    """Pairs of visitors at once: of each pair one reads whole answers, one reads streams."""
    kinds = [
        ("Hello! Who are you?", "application/json"),
        ("Write a long story about a lighthouse.", "text/event-stream"),
    ]
    end = time.monotonic() + seconds
    visitors = [
        threading.Thread(target=visit, args=(address, end, *kind, f"pair {pair}"))
        for kind in kinds
        for pair in range(pairs)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
