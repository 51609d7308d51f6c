// Charts of outcome: how questions ended, what became of them, which status codes were told.

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
        textinfo: "percent",
        // Beside the ring: no text can be read on a pattern.
        textposition: "outside",
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
    () => ({ margin: { l: 48, r: 48, t: 24, b: 24 }, showlegend: true }),
  );
}

function funnelChart(run) {
  const { waiting: waits } = run;
  const steps = [["questions", say("questions"), run.questions.length]];
  for (const [k, count] of waits.after)
    steps.push([`after-${k}`, k === 0 ? say("firstTry") : say("afterRetries", { k }), count]);
  steps.push(
    ["exhausted", say("exhausted"), waits.exhausted - waits.left],
    ["left", say("left"), waits.left],
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

// The colour of a status code: by its class, so that no code is without one.
function codeColour(code) {
  if (code === 429) return colour("refused");
  if (code === 0) return colour("line");
  if (code < 300) return colour("answered");
  return colour(code >= 500 ? "failed" : "second");
}

function codesChart(run) {
  const { buckets, widthUs } = run.timeline;
  const codes = [...new Set(run.rows.map((row) => row.status))].sort((a, b) => a - b);
  const label = (code) => (code === 0 ? say("noAnswer") : String(code));
  const count = (bucket, code) => bucket.codes.get(code) ?? 0;
  const table = tableOf(
    say("codes"),
    [{ label: say("bucket"), numeric: true }, ...codes.map((code) => ({ label: label(code), numeric: true }))],
    buckets.map((bucket, i) => [
      String(us(bucket.index * widthUs)),
      ...codes.map((code) => ({
        id: `codes-${i}-${code}`,
        value: count(bucket, code),
        text: grouped(count(bucket, code)),
      })),
    ]),
  );
  const patterns = ["", "/", "x", ".", "\\", "-", "|", "+"];
  return figure(
    "codes",
    say("codes"),
    codes.map((code) => `${label(code)}: ${grouped(run.rows.filter((row) => row.status === code).length)}`).join(", ") ||
      say("none"),
    table,
    () =>
      codes.map((code, i) => ({
        type: "bar",
        name: label(code),
        x: buckets.map((bucket) => us((bucket.index + 0.5) * widthUs)),
        y: buckets.map((bucket) => count(bucket, code)),
        marker: { color: codeColour(code), pattern: patternOf(patterns[i % patterns.length]) },
      })),
    () => ({
      barmode: "stack",
      xaxis: { title: { text: say("elapsed") } },
      yaxis: { title: { text: say("attempts") } },
      ...stageMarks(run),
    }),
  );
}
