// Opens data: what is packed inside the page, files that were chosen or dropped, and runs beside it on a server.

const byId = (id) => document.getElementById(id);

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// Plotly comes compressed inside the page; its script runs under the hash that the page's policy names.
const plotlyReady = new Promise((resolve) => {
  window.addEventListener("load", () => setTimeout(resolve));
})
  .then(() => unpack("plotly"))
  .then((code) => {
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    return window.Plotly;
  });

const nextFrame = () =>
  new Promise((resolve) => {
    setTimeout(resolve);
  });

function tell(text, problem = false) {
  const place = byId("message");
  place.textContent = text;
  place.className = problem ? "problem" : "";
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
  for (const [index, file] of [...files].slice(0, 2).entries())
    await add(file.name, await file.text(), {}, second || index === 1);
}

// Locust ran by itself: there was no parent that could have left a manifest.
const isUnjudged = (summary) => summary?.verdict?.word === "unjudged";

// A run beside this page on a server: ?run=ID, and &with=ID to compare.
async function openNamed(id, second) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) {
    tell(`${say("cannotOpen")} ${id}`, true);
    return;
  }
  tell(say("loading"));
  const get = async (name) => {
    const response = await fetch(`${id}/${name}`, { cache: "no-store" });
    return response.ok ? response : null;
  };
  try {
    const [csv, summary, manifest] = await Promise.all(
      ["results.csv", "summary.json", "manifest.json"].map(get),
    );
    if (!csv) {
      const known = await get("run.json");
      tell(known ? say("notYet", { id }) : `${say("cannotOpen")} ${id}/results.csv`, true);
      return;
    }
    const told = summary && (await summary.json());
    const extras = { summary: told, manifest: manifest && (await manifest.json()) };
    await add(id, await csv.text(), { ...extras, unfinished: !manifest && !isUnjudged(told) }, second);
  } catch (error) {
    tell(`${say("cannotOpen")} ${error.message}`, true);
  }
}

async function fetchRuns() {
  const response = await fetch("runs.json", { cache: "no-store" });
  return response.ok ? (await response.json()).runs : [];
}

async function listRuns() {
  const runs = await fetchRuns();
  byId("runs").hidden = !runs.length;
  const kind = (run) => (run.finished ? run.verdict : run.supervised === false ? "unjudged" : "invalid");
  const word = (run) => say(run.finished ? run.verdict : run.supervised === false ? "unjudged" : "unfinished");
  byId("run-list").replaceChildren(
    ...runs.map((run) =>
      make(
        "li",
        {},
        make("a", { href: `?run=${encodeURIComponent(run.id)}` }, run.id),
        make("span", { class: `state ${kind(run)}` }, word(run)),
        make("span", {}, [run.service, run.shape, run.users && `× ${run.users}`].filter(Boolean).join(" ")),
        make("span", { class: "quiet" }, run.started ?? ""),
      ),
    ),
  );
}

// On a server: the way back to the list, and a choice of the run to compare with.
async function offerRuns(id, other) {
  const runs = (await fetchRuns()).filter((run) => run.finished && run.id !== id);
  const choice = make(
    "select",
    {},
    make("option", { value: "" }, say("nothingElse")),
    ...runs.map((run) => make("option", { value: run.id, selected: run.id === other }, run.id)),
  );
  choice.addEventListener("change", () => {
    const query = new URLSearchParams({ run: id });
    if (choice.value) query.set("with", choice.value);
    location.search = query;
  });
  byId("beside").replaceChildren(
    make("a", { href: location.pathname }, say("allRuns")),
    ...(runs.length ? [make("label", {}, `${say("compareRun")} `, choice)] : []),
  );
}
