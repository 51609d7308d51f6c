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
    if (!csv) throw new Error(`${id}/results.csv`);
    const extras = {
      summary: summary && (await summary.json()),
      manifest: manifest && (await manifest.json()),
      unfinished: !manifest,
    };
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
  byId("run-list").replaceChildren(
    ...runs.map((run) =>
      make(
        "li",
        {},
        make("a", { href: `?run=${encodeURIComponent(run.id)}` }, run.id),
        make(
          "span",
          { class: `state ${run.finished ? run.verdict : "invalid"}` },
          run.finished ? say(run.verdict) : say("unfinished"),
        ),
        make("span", {}, [run.service, run.shape, run.users && `× ${run.users}`].filter(Boolean).join(" ")),
      ),
    ),
  );
}
