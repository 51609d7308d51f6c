"""Generated load-test CSVs: empty, one row, all failed, quotes, newlines, markup, refusals in chains."""

import csv
import io
import random
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

HEADER = (
    "user_id,test_type,endpoint,character_name,status_code,response_time,success,failure_reason,retry_count,"
    "retry_after_seconds,timestamp,response_size,is_retry_record,is_final_failure,is_final_success,error,process_time"
)
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NASTY = [
    '<img src=x onerror="alert(1)">',
    '"',
    "line\r\nbreak",
    "line\nbreak",
    "a,b",
    "=1+1",
    "</script>",
    "가나다",
    "",
]

texts = st.lists(
    st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=9),
    min_size=1,
    max_size=5,
)


def _row(dice: random.Random, words: list[str], code: int, *, steady: bool) -> list[str]:
    """One row; `steady`: of a run in which a few are always in flight, as real ones are."""
    ok = code == 200 and dice.random() < 0.95
    again = code == 429 and dice.random() < 0.6
    after_ms = [dice.randint(0, 300_000), dice.randint(0, 3000)]
    micro = [
        dice.randint(0, 60_000_000),
        dice.randint(0, 2_000_000),
        dice.choice([0, 1, 999_999, 600_000_000]),
    ]
    if steady:
        after_ms, micro = [dice.randint(0, 40_000)], [dice.randint(0, 3_000_000)]
    moment = START + timedelta(milliseconds=dice.choice(after_ms))
    after = str(dice.randint(0, 30)) if code == 429 and dice.random() < 0.9 else ""
    server = f"{dice.choice(micro) / 1e6:.6f}" if ok and dice.random() < 0.6 else ""
    return [
        dice.choice(["u1", "u2", "u3", "u4", "유저"]),
        "character",
        dice.choice(["/character/Llama", "/office/Llama"]),
        dice.choice(words),
        str(code),
        f"{dice.choice(micro) / 1e6:.6f}",
        str(ok),
        "" if ok else dice.choice(["refused_429", "gave_up", "http_500", "timeout"]),
        "0",
        after,
        f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        str(dice.randint(0, 9999)),
        str(again),
        str(not ok and not again),
        str(ok),
        "" if ok else dice.choice(words),
        server,
    ]


@st.composite
def csv_texts(draw: st.DrawFn, most: int = 120) -> str:
    """A whole file as csv.writer would write it. Rows come from a seed, which is far quicker than drawing
    cells.
    """
    dice = random.Random(draw(st.integers(0, 2**32)))
    words = draw(texts)
    codes = draw(st.sampled_from([(200,), (500,), (429,), (200, 200, 200, 429, 429, 500, 503, 0)]))
    steady = draw(st.booleans())
    codes = (200, 200, 200, 200, 200, 429, 500) if steady else codes
    count = most if steady else draw(st.integers(0, most))
    found = [_row(dice, words, dice.choice(codes), steady=steady) for _ in range(count)]
    out = io.StringIO()
    if draw(st.booleans()):
        csv.writer(out).writerows([HEADER.split(","), *found])
    else:
        csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([HEADER.split(","), *found])
    return out.getvalue()


def huge(rows: int) -> str:
    """A long run of fifty users with refusals, retries and errors, as fast as it can be written."""
    dice = random.Random(1)
    lines, free = [HEADER], [0] * 50
    while len(lines) <= rows:
        user = len(lines) % 50
        code = dice.choices((200, 429, 500), (90, 8, 2))[0]
        ms = dice.randint(3, 9) if code == 429 else dice.randint(200, 9000)
        moment = START + timedelta(milliseconds=free[user])
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        ok, again = code == 200, code == 429
        wait = dice.randint(1, 20) if again else 0
        free[user] += ms + 1000 * wait + dice.randint(1000, 3000)
        reason = "" if ok else "refused_429" if again else "http_500"
        cells = [f"u{user}", "office", "/office/Llama", "", code, f"{ms / 1000:.6f}", ok, reason, 0]
        cells += [
            wait or "",
            stamp,
            700,
            again,
            not ok and not again,
            ok,
            reason,
            f"{ms / 1001:.6f}" if ok else "",
        ]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"
