// Charts of load: performance by requests in flight with the knee, users in back-off.

function kneeSentence(run) {
  if (!run.knee) return say("kneeNone");
  if (!run.knee.reached) return say("kneeNot", { level: run.knee.level });
  const values = { level: run.knee.level, rate: run.knee.throughput.toFixed(3) };
  return say(run.knee.lowest ? "kneeBelow" : "kneeAt", values);
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
      yaxis2: { title: { text: say("inSeconds") } },
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
    () => ({
      xaxis: { title: { text: say("elapsed") } },
      yaxis: { title: { text: say("count") } },
      ...stageMarks(run),
    }),
  );
}
