// Charts of load and outcome: what became of questions, concurrency with its knee, users in back-off.

function outcomes(run) {
  const exhausted = run.waiting.exhausted;
  return [
    ["answered", run.answered, ""],
    ["refused", exhausted, "/"],
    ["failed", run.settled - run.answered - exhausted, "x"],
    ["open_", run.waiting.open, "."],
  ];
}

function pieChart(run) {
  const parts = outcomes(run);
  const total = run.questions.length;
  const table = tableOf(
    say("pie"),
    [{ label: say("state") }, { label: say("count"), numeric: true }, { label: say("share"), numeric: true }],
    parts.map(([kind, count]) => [
      say(kind),
      { id: `pie-${kind}`, value: count, text: grouped(count) },
      percent(total ? count / total : null),
    ]),
  );
  const sentence =
    parts
      .filter(([, count]) => count)
      .map(([kind, count]) => `${say(kind)} ${grouped(count)}`)
      .join(", ") || say("none");
  const drawn = parts.filter(([, count]) => count);
  return figure(
    "pie",
    say("pie"),
    sentence,
    table,
    () => [
      {
        type: "pie",
        labels: drawn.map(([kind]) => say(kind)),
        values: drawn.map(([, count]) => count),
        sort: false,
        hole: 0.45,
        textinfo: "label+percent",
        insidetextfont: { color: colour("surface") },
        marker: {
          colors: drawn.map(([kind]) => colour(kind === "open_" ? "line" : kind)),
          line: { color: colour("surface"), width: 2 },
          // Pies take patterns by slice, and their backgrounds only so.
          pattern: {
            shape: drawn.map(([, , shape]) => shape),
            solidity: 0.2,
            size: 7,
            fgcolor: drawn.map(() => colour("surface")),
            bgcolor: drawn.map(([kind]) => colour(kind === "open_" ? "line" : kind)),
          },
        },
      },
    ],
    () => ({ margin: { l: 16, r: 16, t: 16, b: 16 }, showlegend: false }),
  );
}

function kneeSentence(run) {
  if (!run.knee) return say("kneeNone");
  return run.knee.reached
    ? say("kneeAt", { level: run.knee.level, rate: run.knee.throughput.toFixed(3) })
    : say("kneeNot", { level: run.knee.level });
}

function usersChart(run) {
  const { levels } = run.sweep;
  const label = (bin) => (bin.low === bin.high ? String(bin.low) : `${bin.low}–${bin.high}`);
  const table = tableOf(
    say("users"),
    [
      { label: say("level"), numeric: true },
      { label: say("seconds"), numeric: true },
      { label: say("answered"), numeric: true },
      { label: say("perSecond"), numeric: true },
      { label: say("average"), numeric: true },
    ],
    levels.map((bin, i) => [
      label(bin),
      { id: `level-${i}-us`, value: bin.us, text: fixed(us(bin.us), 3) },
      { id: `level-${i}-answers`, value: bin.answers, text: fixed(bin.answers, 1) },
      { id: `level-${i}-throughput`, value: bin.throughput, text: fixed(bin.throughput, 3) },
      { id: `level-${i}-mean`, value: bin.mean, text: fixed(bin.mean, 3) },
    ]),
  );
  const marked = run.knee && run.knee.reached ? levels.findIndex((bin) => bin.high === run.knee.level) : -1;
  return figure(
    "users",
    say("users"),
    kneeSentence(run),
    table,
    () => [
      {
        type: "bar",
        name: say("perSecond"),
        x: levels.map(label),
        y: levels.map((bin) => bin.throughput),
        marker: { color: levels.map((_, i) => colour(i === marked ? "second" : "answered")) },
      },
      {
        type: "scatter",
        mode: "lines+markers",
        name: `${say("average")} (${say("seconds")})`,
        yaxis: "y2",
        x: levels.map(label),
        y: levels.map((bin) => bin.mean),
        connectgaps: true,
        line: { color: colour("line"), width: 2 },
      },
    ],
    () => ({
      xaxis: {
        title: { text: say("level") },
        type: "category",
        tickangle: 0,
        tickmode: "linear",
        dtick: Math.ceil(levels.length / 5),
      },
      yaxis: { title: { text: say("perSecond") } },
      yaxis2: { title: { text: say("seconds") } },
    }),
  );
}

function flightChart(run) {
  const { buckets, widthUs } = run.timeline;
  const x = buckets.map((bucket) => us(bucket.index * widthUs));
  const table = tableOf(
    say("flight"),
    [
      { label: say("bucket"), numeric: true },
      { label: say("inFlight"), numeric: true },
      { label: say("backOff"), numeric: true },
    ],
    buckets.map((bucket, i) => [
      String(x[i]),
      { id: `flight-${i}`, value: bucket.flight, text: fixed(bucket.flight, 2) },
      { id: `waits-${i}`, value: bucket.waits, text: fixed(bucket.waits, 2) },
    ]),
  );
  const line = (name, key, dash) => ({
    type: "scatter",
    mode: "lines",
    name: say(name),
    x: x.map((value) => value + us(widthUs) / 2),
    y: buckets.map((bucket) => bucket[key]),
    line: { width: 2, dash, color: colour(dash === "solid" ? "answered" : "refused") },
  });
  return figure(
    "flight",
    say("flight"),
    `${say("average")} ${fixed(run.sweep.mean, 2)}, ${say("maximum")} ${grouped(run.sweep.peak)}`,
    table,
    () => [line("inFlight", "flight", "solid"), line("backOff", "waits", "dash")],
    () => ({ xaxis: { title: { text: say("elapsed") } }, yaxis: { title: { text: say("count") } } }),
  );
}

function funnelChart(run) {
  const { waiting: waits } = run;
  const steps = [["questions", say("questions"), run.questions.length]];
  for (const [k, count] of waits.after)
    steps.push([`after-${k}`, k === 0 ? say("firstTry") : say("afterRetries", { k }), count]);
  steps.push(
    ["exhausted", say("exhausted"), waits.exhausted],
    ["other", say("otherFailure"), run.settled - run.answered - waits.exhausted],
    ["open", say("open_"), waits.open],
  );
  const table = tableOf(
    say("funnel"),
    [{ label: say("state") }, { label: say("count"), numeric: true }],
    steps.map(([id, label, count]) => [label, { id: `funnel-${id}`, value: count, text: grouped(count) }]),
  );
  return figure(
    "funnel",
    say("funnel"),
    `${say("firstTry")} ${grouped(waits.after.length && waits.after[0][0] === 0 ? waits.after[0][1] : 0)} / ${grouped(run.questions.length)}`,
    table,
    () => [
      {
        type: "bar",
        orientation: "h",
        y: steps.map(([, label]) => label).reverse(),
        x: steps.map(([, , count]) => count).reverse(),
        text: steps.map(([, , count]) => grouped(count)).reverse(),
        textposition: "auto",
        insidetextfont: { color: colour("surface") },
        marker: { color: colour("answered") },
      },
    ],
    () => ({ xaxis: { title: { text: say("questions") } }, margin: { l: 140, r: 16, t: 8, b: 44 } }),
  );
}
