// What the charts draw: histogram and time buckets; and a file analysed from all sides.

const MOST_BINS = 40;
const BUCKET_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
const MOST_BUCKETS = 120;

// Equal bins of 1, 2 or 5 times a power of ten, at most 40; or, for times over several decades, 1-2-5 edges from 1 ms.
function histogram(ordered, log) {
  if (!ordered.length) return [];
  const max = ordered[ordered.length - 1];
  const edges = [0];
  if (log) {
    for (let unit = 1000; edges[edges.length - 1] <= max; unit *= 10) edges.push(unit, 2 * unit, 5 * unit);
    while (edges.length > 2 && edges[edges.length - 2] > max) edges.pop();
  } else {
    let width = 1;
    for (let unit = 1; Math.floor(max / width) >= MOST_BINS; unit *= 10) {
      for (const step of [1, 2, 5]) {
        width = step * unit;
        if (Math.floor(max / width) < MOST_BINS) break;
      }
    }
    for (let edge = width; edges[edges.length - 1] <= max; edge += width) edges.push(edge);
  }
  const bins = edges.slice(0, -1).map((low, index) => ({ low, high: edges[index + 1], count: 0 }));
  let bin = 0;
  for (const value of ordered) {
    while (value >= bins[bin].high) bin += 1;
    bins[bin].count += 1;
  }
  return bins;
}

// Time buckets from the first start: what began in each, and how many attempts and waits there were on average.
function timeline(rows, questions, spanUs) {
  if (!rows.length) return { widthUs: 0, beginUs: 0, buckets: [] };
  const beginUs = rows.reduce((least, row) => Math.min(least, row.startUs), Infinity);
  let seconds = BUCKET_SECONDS.find((width) => spanUs / (width * 1e6) < MOST_BUCKETS);
  for (seconds ??= 86400; spanUs / (seconds * 1e6) >= MOST_BUCKETS;) seconds *= 2;
  const widthUs = seconds * 1e6;
  const count = Math.floor(Math.max(0, spanUs - 1) / widthUs) + 1;
  const buckets = Array.from({ length: count }, (_, index) => ({
    index,
    answered: 0,
    refused: 0,
    failed: 0,
    codes: new Map(),
    good: [],
    flightUs: 0,
    waitUs: 0,
  }));
  const spread = (from, to, name) => {
    if (to <= from) return;
    for (let k = Math.floor((from - beginUs) / widthUs); k < count && beginUs + k * widthUs < to; k += 1) {
      const low = beginUs + k * widthUs;
      buckets[k][name] += Math.min(to, low + widthUs) - Math.max(from, low);
    }
  };
  for (const row of rows) {
    const bucket = buckets[Math.min(count - 1, Math.floor((row.startUs - beginUs) / widthUs))];
    bucket.codes.set(row.status, (bucket.codes.get(row.status) ?? 0) + 1);
    if (row.success) {
      bucket.answered += 1;
      bucket.good.push(row.us);
    } else if (row.status === 429) bucket.refused += 1;
    else bucket.failed += 1;
    spread(row.startUs, row.startUs + Math.max(1, row.us), "flightUs");
  }
  for (const { attempts } of questions) {
    for (let i = 0; i + 1 < attempts.length; i += 1) {
      spread(attempts[i].startUs + attempts[i].us, attempts[i + 1].startUs, "waitUs");
    }
  }
  for (const bucket of buckets) {
    bucket.good.sort((a, b) => a - b);
    bucket.median = bucket.good.length ? rank(bucket.good, 50) / 1e6 : null;
    bucket.flight = bucket.flightUs / widthUs;
    bucket.waits = bucket.waitUs / widthUs;
  }
  return { widthUs, beginUs, buckets };
}

function analyse(table) {
  const { rows } = table;
  const questions = gather(rows);
  const good = rows.filter((row) => row.success);
  const told = good.filter((row) => row.processUs !== null);
  const swept = sweep(rows);
  const settled = questions.filter((question) => !question.open);
  return {
    ...table,
    questions,
    settled: settled.length,
    answered: settled.filter((question) => question.answered).length,
    refused: rows.filter((row) => row.status === 429).length,
    answers: good.length,
    anHour: swept.spanUs ? (good.length * 3.6e9) / swept.spanUs : null,
    sweep: swept,
    knee: kneeOf(swept.levels, swept.spanUs),
    waiting: waiting(questions),
    timeline: timeline(rows, questions, swept.spanUs),
    times: {
      attempt: describe(good.map((row) => row.us)),
      perceived: describe(
        questions.filter((question) => question.answered).map((question) => question.perceivedUs),
      ),
      server: describe(told.map((row) => row.processUs)),
      overhead: describe(told.map((row) => Math.max(0, row.us - row.processUs))),
      refusal: describe(rows.filter((row) => row.status === 429).map((row) => row.us)),
    },
  };
}
