// What all charts share: a figure has a title, a sentence that says what it shows, the drawing, and the data as a
// table.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Kinds differ by pattern as well as by colour.
const patternOf = (shape) => ({
  shape,
  fillmode: "overlay",
  fgcolor: colour("surface"),
  solidity: 0.2,
  size: 7,
});

function layoutOf(extra) {
  const axis = {
    gridcolor: colour("grid"),
    zerolinecolor: colour("grid"),
    linecolor: colour("grid"),
    automargin: true,
  };
  const { xaxis = {}, yaxis = {}, yaxis2, ...rest } = extra;
  return {
    autosize: true,
    height: 320,
    margin: { l: 56, r: yaxis2 ? 56 : 16, t: 8, b: 44 },
    dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("text") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, rangemode: "tozero", ...yaxis },
    ...(yaxis2
      ? {
          yaxis2: {
            ...axis,
            overlaying: "y",
            side: "right",
            showgrid: false,
            rangemode: "tozero",
            tickmode: "auto",
            ...yaxis2,
          },
        }
      : {}),
    ...rest,
  };
}

const drawings = [];

function figure(id, title, sentence, table, traces, layout, control = null) {
  const canvas = make("div", {
    class: "plot",
    role: "img",
    "aria-label": `${say("chartOf")}: ${title}. ${sentence}`,
  });
  drawings.push({ canvas, traces, layout });
  return make(
    "figure",
    { id: `chart-${id}`, "aria-labelledby": `chart-${id}-title` },
    make(
      "figcaption",
      {},
      make("h3", { id: `chart-${id}-title` }, title),
      make("p", { "data-testid": `${id}-sentence` }, sentence),
    ),
    control,
    canvas,
    make("details", {}, make("summary", {}, say("asTable")), table),
  );
}

// Drawing is put off until the numbers stand on the page and Plotly has been unpacked.
async function drawAll() {
  const plotly = await plotlyReady;
  for (const { canvas, traces, layout } of drawings.splice(0)) {
    if (canvas.isConnected)
      await plotly.newPlot(canvas, traces(), layoutOf(layout()), { responsive: true, displayModeBar: false });
  }
}

const us = (micro) => micro / 1e6;

// Where the stages of a shaped run began, as lines across a chart over time; none where there was one stage only.
function stageMarks(run) {
  const phases = run.summary?.phases ?? [];
  if (phases.length < 2) return {};
  const at = (phase) => us(phase.start_us - run.timeline.beginUs);
  return {
    shapes: phases.slice(1).map((phase) => ({
      type: "line",
      x0: at(phase),
      x1: at(phase),
      y0: 0,
      y1: 1,
      yref: "paper",
      line: { color: colour("quiet"), width: 1, dash: "dot" },
    })),
    annotations: phases.map((phase) => ({
      x: Math.max(0, at(phase)),
      y: 1,
      yref: "paper",
      xanchor: "left",
      yanchor: "top",
      showarrow: false,
      text: phase.name,
      font: { size: 11, color: colour("quiet") },
    })),
  };
}
const span = (bin) => `${us(bin.low)}–${us(bin.high)}`;
