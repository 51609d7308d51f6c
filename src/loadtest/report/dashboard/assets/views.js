// The parts of the page that are numbers and words.

const REFUSALS = ["promised", "honoured", "kept"];

function tiles(run) {
  const [low, high] = wilson(run.answered, run.settled);
  const { perceived } = run.times;
  const interval = run.settled
    ? `${say("interval")} ${percent(low)} – ${percent(high)}, n = ${grouped(run.settled)}`
    : "";
  return make(
    "dl",
    { class: "tiles" },
    tile("questions", say("questions"), run.questions.length, grouped(run.questions.length)),
    tile("attempts", say("attempts"), run.rows.length, grouped(run.rows.length)),
    tile(
      "success",
      say("successRate"),
      run.settled ? run.answered / run.settled : null,
      percent(run.settled ? run.answered / run.settled : null),
      interval,
    ),
    tile("mean", say("mean"), perceived.mean, seconds(perceived.mean), say("time_perceived")),
    tile("p95", "p95", perceived.p95, percentileText(perceived, 95, "seconds"), say("time_perceived")),
    tile("longest", say("longest"), perceived.max, seconds(perceived.max), say("time_perceived")),
    tile(
      "throughput",
      say("throughput"),
      run.anHour,
      fixed(run.anHour, 1),
    ),
    tile(
      "refused",
      say("refusedAttempts"),
      run.refused,
      grouped(run.refused),
      percent(run.rows.length ? run.refused / run.rows.length : null),
    ),
    tile(
      "peak",
      say("peak"),
      run.sweep.peak,
      grouped(run.sweep.peak),
      `${say("average")} ${fixed(run.sweep.mean, 2)}`,
    ),
  );
}

// A percentile, or how many values it would need.
function percentileText(times, p, unit = null) {
  if (times[`p${p}`] === null && times.n) return `n < ${ENOUGH[p]}`;
  return unit ? seconds(times[`p${p}`]) : fixed(times[`p${p}`], 3);
}

function timesTable(run, summary) {
  const names = [...Object.keys(run.times), "first_token", "intended", "lateness"];
  const rows = [];
  for (const name of names) {
    const times = run.times[name] ?? summary?.latency?.[name];
    if (!times || (!run.times[name] && !times.n)) continue;
    const percentile = (p) => {
      const value = times[`p${p}`];
      const few = value === null && times.n > 0;
      return { id: `time-${name}-p${p}`, value, text: percentileText(times, p), class: few ? "few" : null };
    };
    rows.push([
      say(`time_${name}`),
      { id: `time-${name}-n`, value: times.n, text: grouped(times.n) },
      { id: `time-${name}-mean`, value: times.mean, text: fixed(times.mean, 3) },
      percentile(50),
      percentile(90),
      percentile(95),
      percentile(99),
      { id: `time-${name}-max`, value: times.max, text: fixed(times.max, 3) },
    ]);
  }
  const columns = [say("measure"), "n", say("average"), "p50", "p90", "p95", "p99", say("maximum")].map(
    (label, i) => ({ label, numeric: i > 0 }),
  );
  return make(
    "div",
    {},
    tableOf(`${say("times")} (${say("seconds")})`, columns, rows),
    make("p", { class: "quiet" }, say("tooFew")),
  );
}

function promisesTable(run) {
  const { waiting: waits } = run;
  const values = { promised: waits.promises, honoured: waits.honoured, kept: waits.kept };
  const rows = REFUSALS.map((name) => [
    say(name),
    { id: `promises-${name}`, value: values[name], text: grouped(values[name]) },
    percent(waits.promises ? values[name] / waits.promises : null),
  ]);
  rows.push([
    say("promiseError"),
    { id: "promises-error", value: waits.error, text: percent(waits.error) },
    null,
  ]);
  return tableOf(
    say("promises"),
    [
      { label: say("measure") },
      { label: say("value"), numeric: true },
      { label: say("share"), numeric: true },
    ],
    rows,
  );
}

function countTable(id, title, label, counts) {
  if (!counts.length) return make("p", {}, say("none"));
  return tableOf(
    title,
    [{ label }, { label: say("count"), numeric: true }],
    counts.map(([name, count], i) => [
      { id: `${id}-${i}-name`, value: name, text: String(name) },
      { id: `${id}-${i}`, value: count, text: grouped(count) },
    ]),
  );
}

function countBy(rows, key) {
  const counts = new Map();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function groupTable(id, title, label, found) {
  return tableOf(
    title,
    [
      { label },
      ...["attempts", "answered", "average", "", "", "maximum"].map((key, i) => ({
        label: ["p50", "p95"][i - 3] ?? say(key),
        numeric: true,
      })),
    ],
    found.map((group, i) => [
      { id: `${id}-${i}-name`, value: group.name, text: group.name || "–" },
      { id: `${id}-${i}-attempts`, value: group.attempts, text: grouped(group.attempts) },
      { id: `${id}-${i}-answered`, value: group.answered, text: grouped(group.answered) },
      { id: `${id}-${i}-mean`, value: group.times.mean, text: fixed(group.times.mean, 3) },
      { id: `${id}-${i}-p50`, value: group.times.p50, text: percentileText(group.times, 50) },
      { id: `${id}-${i}-p95`, value: group.times.p95, text: percentileText(group.times, 95) },
      { id: `${id}-${i}-max`, value: group.times.max, text: fixed(group.times.max, 3) },
    ]),
  );
}

function failuresTable(run) {
  const failed = run.rows.filter((row) => !row.success && row.status !== 429).slice(0, 100);
  if (!failed.length) return make("p", {}, say("none"));
  const rows = failed.map((row, i) => [
    new Date(row.startUs / 1000).toISOString(),
    row.user,
    row.endpoint,
    String(row.status),
    row.reason,
    { id: `failure-${i}-error`, value: row.error, text: row.error },
  ]);
  return tableOf(
    say("failures"),
    [say("when"), say("user"), say("endpoint"), say("status"), say("reason"), say("error")].map((label) => ({
      label,
    })),
    rows,
  );
}

function comparison(run, other) {
  const rows = compareRuns(run, other).map((line) => {
    const digits = { success: 2, refused: 2, throughput: 1 }[line.name] ?? 3;
    let word = say("noInterval");
    if (line.low !== null) word = line.low <= 0 && line.high >= 0 ? say("same") : say("changed");
    const value = (key) => ({
      id: `compare-${line.name}-${key}`,
      value: line[key],
      text: fixed(line[key], digits),
    });
    const interval = ["low", "high"].map((key) =>
      shown("span", `compare-${line.name}-${key}`, line[key], fixed(line[key], digits)),
    );
    return [
      say(`compare_${line.name}`),
      value("earlier"),
      value("later"),
      value("change"),
      make("span", {}, interval[0], " … ", interval[1]),
      {
        id: `compare-${line.name}-word`,
        value: line.low === null ? "none" : line.low <= 0 && line.high >= 0 ? "same" : "changed",
        text: word,
      },
    ];
  });
  const columns = ["measure", "earlier", "later", "change", "interval", "state"].map((key, i) => ({
    label: say(key),
    numeric: i > 0 && i < 5,
  }));
  return tableOf(say("compare"), columns, rows);
}
