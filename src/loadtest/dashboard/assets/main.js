// Opens data (embedded, chosen, dropped or named by ?run=) and shows it.

const state = { runs: [], log: false };
const byId = (id) => document.getElementById(id);

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// Plotly comes compressed inside the page; its script runs under the hash that the page's policy names.
const plotlyReady = new Promise((resolve) => { window.addEventListener("load", () => setTimeout(resolve)); })
  .then(() => unpack("plotly"))
  .then((code) => {
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    return window.Plotly;
  });

const nextFrame = () => new Promise((resolve) => { setTimeout(resolve); });

function tell(text, problem = false) {
  const place = byId("message");
  place.textContent = text;
  place.className = problem ? "problem" : "";
}

function show() {
  const [run, other] = state.runs;
  document.documentElement.lang = language;
  document.title = run ? `${run.name} – ${say("title")}` : say("title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  byId("compare-open").hidden = !run;
  byId("welcome").hidden = Boolean(run);
  const content = byId("content");
  drawings.length = 0;
  if (!run) { content.replaceChildren(); return; }
  const names = state.runs.map((item) => item.name);
  const parts = [
    banner(run), tiles(run),
    other ? section("compare", say("compare"), make("p", {}, `${names[0]} → ${names[1]}`), comparison(run, other)) : null,
    gates(run), section("times", say("times"), timesTable(run, run.summary)),
    make("div", { class: "charts" }, histogramChart(run, state.log, (log) => { state.log = log; show(); }), ecdfChart(run, other, names), timelineChart(run), usersChart(run), flightChart(run), pieChart(run), funnelChart(run), section("waits", say("promises"), promisesTable(run))),
    stages(run),
    make("div", { class: "pair" },
      section("reasons", say("reasons"), countTable("reason", say("reasons"), say("reason"), countBy(run.rows.filter((row) => row.reason), (row) => row.reason))),
      section("statuses", say("statuses"), countTable("status", say("statuses"), say("status"), countBy(run.rows, (row) => row.status)))),
    section("endpoints", say("endpoints"), groupTable("endpoint", say("endpoints"), say("endpoint"), groups(run.rows, (row) => row.endpoint))),
    section("characters", say("characters"), groupTable("character", say("characters"), say("character"), groups(run.rows, (row) => row.character))),
    section("failures", say("failures"), failuresTable(run)), identity(run),
  ];
  content.replaceChildren(...parts.filter(Boolean));
  document.body.dataset.shown = String(Number(document.body.dataset.shown ?? 0) + 1);
  drawAll().then(() => { document.body.dataset.drawn = document.body.dataset.shown; });
}

async function add(name, text, extras, second) {
  tell(say("loading"));
  await nextFrame();
  try {
    const run = { name, ...analyse(parseTable(text)), ...extras };
    state.runs = second && state.runs.length ? [state.runs[0], run] : [run];
    tell("");
  } catch (error) {
    tell(`${name}: ${say("notCsv")} ${error.message}`, true);
  }
  show();
}

async function openFiles(files, second) {
  for (const [index, file] of [...files].slice(0, 2).entries()) await add(file.name, await file.text(), {}, second || index === 1);
}

// A run beside this page on a server: ?run=ID, and &with=ID to compare.
async function openNamed(id, second) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) { tell(`${say("cannotOpen")} ${id}`, true); return; }
  tell(say("loading"));
  const get = async (name) => {
    const response = await fetch(`${id}/${name}`, { cache: "no-store" });
    return response.ok ? response : null;
  };
  try {
    const [csv, summary, manifest] = await Promise.all(["results.csv", "summary.json", "manifest.json"].map(get));
    if (!csv) throw new Error(`${id}/results.csv`);
    const extras = { summary: summary && (await summary.json()), manifest: manifest && (await manifest.json()), unfinished: !manifest };
    await add(id, await csv.text(), extras, second);
  } catch (error) {
    tell(`${say("cannotOpen")} ${error.message}`, true);
  }
}

async function listRuns() {
  const response = await fetch("runs.json", { cache: "no-store" });
  if (!response.ok) return;
  const { runs } = await response.json();
  byId("runs").hidden = !runs.length;
  byId("run-list").replaceChildren(...runs.map((run) => make("li", {},
    make("a", { href: `?run=${encodeURIComponent(run.id)}` }, run.id),
    make("span", { class: `state ${run.finished ? run.verdict : "invalid"}` }, run.finished ? say(run.verdict) : say("unfinished")),
    make("span", {}, [run.service, run.shape, run.users && `× ${run.users}`].filter(Boolean).join(" ")))));
}

function wire() {
  const pick = (button, second) => {
    const input = byId(`${button}-file`);
    byId(button).addEventListener("click", () => input.click());
    input.addEventListener("change", async () => { await openFiles(input.files, second); input.value = ""; });
  };
  pick("open", false);
  pick("compare-open", true);
  byId("language").addEventListener("click", () => { language = language === "ko" ? "en" : "ko"; show(); });
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
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
    await add(summary?.run?.id ?? "results.csv", csv, { summary, manifest, unfinished: Boolean(summary?.run) && !manifest }, false);
  } else if (query.has("run")) {
    await openNamed(query.get("run"), false);
    if (query.has("with")) await openNamed(query.get("with"), true);
  } else if (location.protocol.startsWith("http")) await listRuns();
}

start();
