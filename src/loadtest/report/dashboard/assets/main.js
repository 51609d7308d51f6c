// The page as a whole: what it shows, and what its buttons do.

// `beside`: fills in what only a server with other runs can offer, again when the language changes.
const state = { runs: [], log: false, beside: async () => {} };

function show() {
  const [run, other] = state.runs;
  document.documentElement.lang = language;
  document.title = run ? `${run.name} – ${say("title")}` : say("title");
  for (const element of document.querySelectorAll("[data-say]"))
    element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-label]"))
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
  byId("compare-open").hidden = !run;
  byId("welcome").hidden = Boolean(run);
  const content = byId("content");
  drawings.length = 0;
  // Plotly listens for changes of size until it is told that a drawing has gone.
  for (const old of content.querySelectorAll(".js-plotly-plot")) window.Plotly.purge(old);
  if (!run) {
    content.replaceChildren();
    return;
  }
  const names = state.runs.map((item) => item.name);
  const parts = [
    banner(run),
    tiles(run),
    other
      ? section("compare", say("compare"), make("p", {}, `${names[0]} → ${names[1]}`), comparison(run, other))
      : null,
    gates(run),
    section("times", say("times"), timesTable(run, run.summary)),
    make(
      "div",
      { class: "charts" },
      histogramChart(run, state.log, (log) => {
        state.log = log;
        show();
      }),
      ecdfChart(run, other, names),
      pieChart(run),
      funnelChart(run),
      timelineChart(run),
      codesChart(run),
      usersChart(run),
      flightChart(run),
    ),
    stages(run),
    make(
      "div",
      { class: "trio" },
      section("waits", say("promises"), promisesTable(run)),
      section(
        "reasons",
        say("reasons"),
        countTable(
          "reason",
          say("reasons"),
          say("reason"),
          countBy(
            run.rows.filter((row) => row.reason),
            (row) => row.reason,
          ),
        ),
      ),
      section(
        "statuses",
        say("statuses"),
        countTable(
          "status",
          say("statuses"),
          say("status"),
          countBy(run.rows, (row) => row.status),
        ),
      ),
    ),
    section(
      "endpoints",
      say("endpoints"),
      groupTable(
        "endpoint",
        say("endpoints"),
        say("endpoint"),
        groups(run.rows, (row) => row.endpoint),
      ),
    ),
    section(
      "characters",
      say("characters"),
      groupTable(
        "character",
        say("characters"),
        say("character"),
        groups(run.rows, (row) => row.character),
      ),
    ),
    section("failures", say("failures"), failuresTable(run)),
    identity(run),
  ];
  content.replaceChildren(...parts.filter(Boolean));
  document.body.dataset.shown = String(Number(document.body.dataset.shown ?? 0) + 1);
  drawAll().then(() => {
    document.body.dataset.drawn = document.body.dataset.shown;
  });
}

function wire() {
  const pick = (button, second) => {
    const input = byId(`${button}-file`);
    byId(button).addEventListener("click", () => input.click());
    input.addEventListener("change", async () => {
      await openFiles(input.files, second);
      input.value = "";
    });
  };
  pick("open", false);
  pick("compare-open", true);
  byId("language").addEventListener("click", () => {
    language = language === "ko" ? "en" : "ko";
    show();
    state.beside();
  });
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    openFiles(event.dataTransfer.files, false);
  });
}

async function start() {
  wire();
  show();
  const query = new URLSearchParams(location.search);
  if (byId("embedded")) {
    const { csv, summary, manifest } = JSON.parse(await unpack("embedded"));
    await add(
      summary?.run?.id ?? "results.csv",
      csv,
      { summary, manifest, unfinished: Boolean(summary) && !manifest && !isUnjudged(summary) },
      false,
    );
  } else if (query.has("run")) {
    state.beside = () => offerRuns(query.get("run"), query.get("with"));
    await openNamed(query.get("run"), false);
    if (query.has("with")) await openNamed(query.get("with"), true);
    await state.beside();
  } else if (location.protocol.startsWith("http")) {
    state.beside = listRuns;
    await listRuns();
  }
}

start();
