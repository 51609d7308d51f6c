"""The numbers that somebody chose, each with its unit and its reason; what is measured is in ``rates``."""

# Fair order (fair_order.py)

PROMPT_WEIGHT = 1.0
"""Weighted tokens of a prompt token: it rides along in a batch of hundreds."""

OUTPUT_WEIGHT = 4.0
"""Weighted tokens of a generated token, which costs its share of a whole step."""

AGEING = 20.0
"""Weighted tokens that a second of waiting is worth: a minute makes up for an answer of 300 tokens."""

REMEMBERED_CALLERS = 256
"""Absent callers whose debt is kept; beyond that those without debt are forgotten."""

# Who starts (scheduler.py)

MOST_OVERTAKES = 8
"""Requests that may start before one that waits for KV cells; then all wait for it."""

MOST_JUDGED = 16
"""Waiting requests that are judged for one free sequence: judging compares their tokens with the cache's."""

# Who is let in, and what a refused client is told (admission.py, promises.py)

LEAST_MARGIN = 1.2
"""Least factor on a predicted end: the engine may become slower while somebody waits on what it promised."""

MOST_MARGIN = 1.6
"""Largest factor on a predicted end: one bad minute must not close the queue."""

MARGIN_SHARE = 0.9
"""Share of ends that the factor has to cover."""

NEWCOMERS_SHARE = 0.85
"""Share of a bound that newcomers may fill and promises are made to: whoever comes back when told has the
rest, so he finds a place although nothing runs quite as predicted."""

PROMISE_GRACE = 10
"""Seconds after its moment that a promise is kept."""

PROMISE_EARLY = 0.75
"""Seconds that a client may be early: its clock and ours, and what the network takes."""

MOST_PROMISES = 16_384
"""Open promises, so that the book cannot grow without end; beyond that one is told ``LONGEST_RETRY``."""

RETURN_LEARNING = 0.01
"""Weight of one called client, who came back or did not, in the share of those who do."""

# What predictions learn from (calibration.py, forecast.py, rates.py)

CALIBRATION_CASES = 64
"""Last cases that a factor is taken from."""

LEAST_CALIBRATED = 0.5
"""Seconds: a shorter wait is all jitter and would teach nothing about queues."""

FORECAST_SECONDS = 0.5
"""Age at which a forecast is made anew even if no request came or went."""

STEP_DECAY = 0.95
"""Of a step's weight with each later one. Twenty steps are four seconds of a busy CPU and less than one of a
card: where a neighbour takes half of the machine, those admitted meanwhile by the old speed come too late."""

STEP_PRIOR_WEIGHT = 4.0
"""Squared sequences by which the last slope counts in a fit: seen at one batch size, it stays."""

STALL_FACTOR = 5.0
"""Usual steps that one step counts as at most: a stopped container is no news about the speed."""

PREFILL_FIRST_WEIGHT = 64.0
"""Tokens by which the warm-up's rate counts."""

PREFILL_MOST_WEIGHT = 2048.0
"""Tokens by which all that was seen counts at most, so that the rate follows the machine."""

PREFILL_CALL_WEIGHT = 512
"""Tokens by which one call counts at most."""

LENGTHS_SEEN = 128
"""Last answers of a service whose lengths are kept."""

FIRST_LENGTH = 128
"""Tokens of an answer before any was seen: two or three paragraphs."""

NEARLY_ALL = 0.98
"""Share of answers whose length a deadline allows for. Under lasting overload everybody is admitted at the
edge, so the rest of the answers come too late; judging by longer answers makes the queue shorter in seconds
and costs no throughput."""

TAIL_SHARE = 0.25
"""Share of its length so far by which an answer longer than all of late is expected to go on."""

RATIO_DECAY = 0.98
"""Of an observation's weight with each later one, in a proportion."""

# How much of the prompts a step reads (slices.py)

LEAST_SLICE = 64
"""Prompt tokens: fewer would not pay for a pass over the weights."""

LEAST_ERRAND_SLICE = 8
"""Prompt tokens of a call for which nobody waits: so few cost hardly more than one, for the weights are read
once in any case."""

LONGEST_SLICE = 4.0
"""Usual slices that a step holds at most, where many wait for their first token and few stream."""

# How many drafted tokens a call computes (draft_rows.py, row_times.py)

LEAST_GAIN = 0.02
"""By how much drafts must make every stream faster, as a logarithm; less may be an error of measurement."""

PACE_WEIGHT = 0.3
"""Weight of one call in how fast the machine is at present."""

ROWS_MOST_OFF = 0.25
"""Share by which one call counts as off at most in what its rows cost, while the pace catches up."""

ROWS_WEIGHT = 0.03
"""Weight of one call in what its number of rows costs beside others: less than the pace's, so that a busy
neighbour is taken for what it is."""

# Whose masks others wait for (mask_budget.py)

DEAR_MASK = 0.00025
"""Seconds of a processor: usual masks of forms take less than a fifth of this."""

UNKNOWN_MASK = 2 * DEAR_MASK
"""Seconds that a mask of a new form is taken for, until its first answer has told: for a dear one."""

MASKS_SHARE = 0.02
"""Share of the time that dear masks may take while somebody else is in the batch."""

MASKS_CREDIT = 0.05
"""Seconds that may be saved up: the first masks of a form are dear, its states being new."""
