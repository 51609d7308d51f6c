// Charts of response times: histogram, cumulative distribution, attempts over time.

function histogramChart(run, log, onToggle) {
  const bins = histogram(run.times.perceived.ordered, log);
  const busiest = bins.reduce((best, bin) => (best === null || bin.count > best.count ? bin : best), null);
  const sentence =
    busiest === null
      ? say("none")
      : `${span(busiest)} ${say("seconds")}: ${grouped(busiest.count)} / ${grouped(run.times.perceived.n)}`;
  const table = tableOf(
    say("histogram"),
    [
      { label: say("from"), numeric: true },
      { label: say("to"), numeric: true },
      { label: say("count"), numeric: true },
    ],
    bins.map((bin, i) => [
      { id: `histogram-${i}-low`, value: bin.low, text: String(us(bin.low)) },
      String(us(bin.high)),
      { id: `histogram-${i}-count`, value: bin.count, text: grouped(bin.count) },
    ]),
  );
  const box = make("input", { type: "checkbox", "data-testid": "log-scale" });
  box.checked = log;
  box.addEventListener("change", () => onToggle(box.checked));
  return figure(
    "histogram",
    say("histogram"),
    sentence,
    table,
    () => [
      {
        type: "bar",
        x: log ? bins.map(span) : bins.map((bin) => us(bin.low + bin.high) / 2),
        y: bins.map((bin) => bin.count),
        width: log ? undefined : bins.map((bin) => us(bin.high - bin.low) * 0.96),
        marker: { color: colour("answered") },
        customdata: bins.map(span),
        hovertemplate: `%{customdata} ${say("seconds")}: %{y}<extra></extra>`,
      },
    ],
    () => ({
      xaxis: { title: { text: say("inSeconds") }, type: log ? "category" : "linear" },
      yaxis: { title: { text: say("questions") } },
    }),
    make("label", { class: "control" }, box, say("logScale")),
  );
}

const PERCENTS = [1, 5, 10, 25, 50, 75, 90, 95, 99, 100];

// At most 400 points of the curve, the ends among them.
function curve(ordered) {
  const n = ordered.length;
  const step = Math.max(1, Math.floor(n / 400));
  const x = [];
  const y = [];
  for (let i = 0; i < n; i += step) {
    x.push(us(ordered[i]));
    y.push((i + 1) / n);
  }
  if (n && y[y.length - 1] !== 1) {
    x.push(us(ordered[n - 1]));
    y.push(1);
  }
  return { x, y };
}

function ecdfChart(run, other, names) {
  const sides = other ? [run, other] : [run];
  const table = tableOf(
    say("ecdf"),
    [
      { label: say("percentile"), numeric: true },
      ...sides.map((_, i) => ({ label: names[i], numeric: true })),
    ],
    PERCENTS.map((p) => [
      `p${p}`,
      ...sides.map((side, i) => {
        const { ordered } = side.times.perceived;
        const value = ordered.length ? us(rank(ordered, p)) : null;
        return { id: `ecdf-${i}-p${p}`, value, text: fixed(value, 3) };
      }),
    ]),
  );
  const middle = run.times.perceived.ordered.length ? us(rank(run.times.perceived.ordered, 50)) : null;
  return figure(
    "ecdf",
    say("ecdf"),
    `p50 ${fixed(middle, 3)} ${say("seconds")} (n = ${grouped(run.times.perceived.n)})`,
    table,
    () =>
      sides.map((side, i) => ({
        type: "scatter",
        mode: "lines",
        name: names[i],
        ...curve(side.times.perceived.ordered),
        line: { shape: "hv", width: 2, color: colour(i ? "second" : "answered"), dash: i ? "dash" : "solid" },
      })),
    () => ({
      xaxis: { title: { text: say("inSeconds") }, rangemode: "tozero" },
      yaxis: { title: { text: say("share") }, range: [0, 1.02] },
      showlegend: Boolean(other),
    }),
  );
}

// How a chart over time is cut, and when it begins.
function spanOf(run) {
  const { buckets, widthUs, beginUs } = run.timeline;
  if (!buckets.length) return say("none");
  const begin = `${new Date(beginUs / 1000).toISOString().slice(0, 19)}Z`;
  return `${grouped(buckets.length)} × ${us(widthUs)} ${say("seconds")}, ${say("since", { begin })}`;
}

function timelineChart(run) {
  const { buckets, widthUs } = run.timeline;
  const x = buckets.map((bucket) => us(bucket.index * widthUs));
  const kinds = [
    ["answered", ""],
    ["refused", "/"],
    ["failed", "x"],
  ];
  const table = tableOf(
    say("timeline"),
    [
      { label: say("bucket"), numeric: true },
      ...kinds.map(([kind]) => ({ label: say(kind), numeric: true })),
      { label: say("medianTime"), numeric: true },
    ],
    buckets.map((bucket, i) => [
      String(x[i]),
      ...kinds.map(([kind]) => ({
        id: `timeline-${i}-${kind}`,
        value: bucket[kind],
        text: grouped(bucket[kind]),
      })),
      { id: `timeline-${i}-median`, value: bucket.median, text: fixed(bucket.median, 3) },
    ]),
  );
  return figure(
    "timeline",
    say("timeline"),
    spanOf(run),
    table,
    () => [
      ...kinds.map(([kind, shape]) => ({
        type: "bar",
        name: say(kind),
        x: x.map((value) => value + us(widthUs) / 2),
        y: buckets.map((bucket) => bucket[kind]),
        marker: { color: colour(kind), pattern: patternOf(shape) },
      })),
      {
        type: "scatter",
        mode: "lines+markers",
        name: `${say("medianTime")} (${say("seconds")})`,
        yaxis: "y2",
        x: x.map((value) => value + us(widthUs) / 2),
        y: buckets.map((bucket) => bucket.median),
        line: { color: colour("line"), width: 2 },
        marker: { size: 5 },
        connectgaps: true,
      },
    ],
    () => ({
      barmode: "stack",
      xaxis: { title: { text: say("elapsed") } },
      yaxis: { title: { text: say("attempts") } },
      yaxis2: { title: { text: say("inSeconds") } },
      ...stageMarks(run),
    }),
  );
}
