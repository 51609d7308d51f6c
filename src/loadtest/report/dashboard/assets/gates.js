// What the parent process found: verdict, goals, validity checks, stages and identity, out of summary.json.

const whyOf = (verdict) => sentencesOf(verdict?.coded, verdict?.reasons ?? []);

function banner(run) {
  const { summary, manifest } = run;
  const lines = [];
  let kind = "none";
  let word = say("noVerdict");
  if (run.unfinished) {
    kind = "invalid";
    word = say("unfinished");
    lines.push(...whyOf(summary?.verdict));
  } else if (summary?.verdict) {
    kind = summary.verdict.word;
    word = say(kind);
    lines.push(...whyOf(summary.verdict));
  }
  if (manifest && manifest.rows !== run.rows.length) {
    kind = "invalid";
    lines.push(`${say("disagree")}: ${run.rows.length} ≠ ${manifest.rows}`);
  }
  if (run.bad) lines.push(`${say("badRows")}: ${grouped(run.bad)}`);
  if (run.shape !== "suite") lines.push(say(`shape_${run.shape}`));
  if (run.missing.length) lines.push(`${say("missingColumns")}: ${run.missing.join(", ")}`);
  return make(
    "div",
    { class: `banner ${kind}`, role: "status", "data-testid": "banner", "data-value": kind },
    make("strong", {}, word),
    make("span", { class: "name" }, run.name),
    lines.length
      ? make(
          "ul",
          {},
          lines.map((line) => make("li", {}, line)),
        )
      : null,
    shown("span", "bad-rows", run.bad, "", { hidden: true }),
  );
}

function gates(run) {
  const { summary } = run;
  if (!summary) return null;
  const goals = (summary.goals ?? []).map((goal, i) => [
    { id: `goal-${i}`, value: goal.goal, text: goal.goal },
    { id: `goal-${i}-state`, value: goal.state, text: say(goal.state), class: `state ${goal.state}` },
    fixed(goal.value, 3),
    String(goal.n),
    goal.low === null ? "–" : `${goal.low.toFixed(2)} – ${goal.high.toFixed(2)}`,
    sentenceOf(goal.coded) || goal.why || (goal.low === null ? "–" : say(goal.proven ? "proven" : "notProven")),
  ]);
  const checks = (summary.checks ?? []).map((check, i) => [
    sayOr(`check_${check.name}`, check.name),
    { id: `check-${i}-state`, value: check.state, text: say(check.state), class: `state ${check.state}` },
    sentencesOf(check.coded, [check.detail]).join("; "),
  ]);
  const good = summary.goodput;
  return section(
    "gates",
    say("goals"),
    good && good.n
      ? make(
          "p",
          {},
          `${say("good", { s: good.within_seconds })}: ${percent(good.share)} (${say("interval")} ${percent(good.low)} – ${percent(good.high)}, n = ${grouped(good.n)})`,
        )
      : null,
    goals.length
      ? tableOf(
          say("goals"),
          [say("goal"), say("state"), say("value"), "n", say("interval"), say("detail")].map((label, i) => ({
            label,
            numeric: i > 1 && i < 5,
          })),
          goals,
        )
      : null,
    checks.length
      ? tableOf(
          say("checks"),
          [say("check"), say("state"), say("detail")].map((label) => ({ label })),
          checks,
        )
      : null,
  );
}

function stages(run) {
  const found = run.summary?.phases ?? [];
  if (found.length < 2) return null;
  const { knee } = run.summary.concurrency ?? {};
  const told = run.summary.stages ?? {};
  const sentences = [];
  if (knee?.of === "users") {
    const values = { level: knee.level, rate: knee.throughput.toFixed(3) };
    sentences.push(say(knee.reached ? "stageKnee" : "stageNoKnee", values));
  }
  if ((told.overload_kept_percent ?? null) !== null)
    sentences.push(say("overloadKept", { percent: told.overload_kept_percent.toFixed(0) }));
  if ((told.recovery_seconds ?? null) !== null)
    sentences.push(say("recovered", { s: told.recovery_seconds.toFixed(1) }));
  if ((told.drift_percent ?? null) !== null)
    sentences.push(say("drifted", { percent: told.drift_percent.toFixed(1) }));
  const columns = [
    "phase",
    "load",
    "lasted",
    "attempts",
    "answered",
    "perSecond",
    "refused",
    "serverErrors",
    "medianTime",
  ].map((key, i) => ({ label: say(key), numeric: i > 0 }));
  return section(
    "stages",
    say("phases"),
    sentences.length ? make("p", { "data-testid": "stages-sentence" }, sentences.join(" ")) : null,
    tableOf(
      say("phases"),
      columns,
      found.map((phase) => [
        phase.whole === false ? `${phase.name} (${say("cutShort")})` : phase.name,
        String(phase.level),
        fixed(phase.seconds, 1),
        grouped(phase.attempts),
        grouped(phase.answers),
        fixed(phase.throughput, 3),
        grouped(phase.refused),
        grouped(phase.server_errors),
        fixed(phase.median, 3),
      ]),
    ),
  );
}

function identity(run) {
  const facts = run.summary?.run;
  if (!facts) return null;
  const flat = Object.entries(facts).flatMap(([key, value]) => {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value))
      return value.length
        ? [
            [
              key,
              value
                .map((item) =>
                  typeof item === "object"
                    ? `${item.name} (${item.level} × ${item.seconds} s)`
                    : String(item),
                )
                .join(", "),
            ],
          ]
        : [];
    if (typeof value === "object")
      return Object.entries(value).map(([name, inner]) => [`${key} ${name}`, String(inner)]);
    return [[key, String(value)]];
  });
  return section(
    "identity",
    say("identity"),
    make(
      "dl",
      { class: "facts" },
      flat.map(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]).flat(),
    ),
  );
}
