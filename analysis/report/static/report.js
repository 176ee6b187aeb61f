"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const views = new Map(); // by the place on the page
let experiment = 0;

// Okabe and Ito's colours, those that show on the ground they are on.
const PALETTES = {
  light: ["#0072B2", "#D55E00", "#007A5E", "#A3477F", "#000000", "#8A6D00", "#56707F"],
  dark: ["#56B4E9", "#E69F00", "#2FC79A", "#E391C0", "#F0F0F0", "#F0E442", "#9DB4C0"],
};

function theme() {
  const style = getComputedStyle(document.documentElement);
  const [text, line] = ["--text", "--line"].map((name) => style.getPropertyValue(name).trim());
  const size = Number(style.getPropertyValue("--chart-text"));
  const sizes = size ? { labelFontSize: size, titleFontSize: size } : {}; // in px; Vega's own where none is set
  const words = { labelColor: text, titleColor: text, titleFontWeight: "normal", ...sizes };
  return {
    background: "transparent",
    view: { stroke: "transparent" },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line },
    legend: words,
    rule: { color: text },
    range: { category: PALETTES[dark.matches ? "dark" : "light"] },
  };
}

function records(columns) {
  if (!columns.loss) return [];
  const names = Object.keys(columns);
  const row = (at) => ({ epoch: at + 1, ...Object.fromEntries(names.map((name) => [name, columns[name][at]])) });
  return columns.loss.map((_, at) => row(at));
}

async function unpack() {
  const packed = Uint8Array.from(atob(VEGA), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) await embed(place);
  document.documentElement.dataset.drawn = "yes";
}

async function embed(place) {
  const options = {
    actions: false,
    renderer: "svg",
    logLevel: 1, // errors: an experiment that was never published has an empty line, which is worth no warning
    config: theme(),
    tooltip: { theme: dark.matches ? "dark" : "light" },
  };
  views.get(place)?.finalize();
  const { view } = await vegaEmbed(place, { ...specification(place), datasets: datasets(place) }, options);
  views.set(place, view);
  await update(view);
  reachable(place);
}

function datasets(place) {
  return DATA.charts ?? { history: records(DATA.history), curve: DATA.curves[place.dataset.curve] ?? [] };
}

// The chart with what the page puts in it: the metric that is chosen, or what a curve says of itself.
function specification(place) {
  const select = document.querySelector(`[data-metric="${place.dataset.chart}"]`);
  const chosen = select?.selectedOptions[0];
  const about = chosen ? chosen.textContent : place.dataset.about;
  const unit = chosen?.dataset.unit ?? "%";
  const put = {
    '"__about__"': JSON.stringify(lines(unit ? `${about ?? ""} (${unit})` : about)),
    '"__over__"': JSON.stringify(place.dataset.over ?? ""),
    __metric__: select?.value ?? "", // letters, digits and underscores
  };
  let text = JSON.stringify(CHARTS[place.dataset.chart]);
  for (const [mark, value] of Object.entries(put)) text = text.replaceAll(mark, () => value);
  return JSON.parse(text);
}

// A title that is no longer than its axis.
function lines(text) {
  const found = [""];
  for (const word of text.split(" ")) {
    const longer = `${found.at(-1)} ${word}`.trim();
    if (longer.length > 34 && found.at(-1)) found.push(word);
    else found[found.length - 1] = longer;
  }
  return found;
}

async function update(view) {
  if (!DATA.charts) return;
  await view.signal("experiment", experiment).runAsync();
  placeLabels(view.container());
  resized.observe(view.container());
}

// With the window a chart is drawn in another size, once what listens to that has had its turn.
const resized = new ResizeObserver((changes) => {
  setTimeout(() => changes.forEach(({ target }) => placeLabels(target)));
});

// Points can be reached with the tab key: focus shows what hovering shows, Enter does what a click does.
function reachable(place) {
  for (const point of place.querySelectorAll(".mark-symbol.role-mark path[aria-label]")) {
    point.tabIndex = 0;
    const send = (name) => {
      const { x, y, width, height } = point.getBoundingClientRect();
      const where = { bubbles: true, clientX: x + width / 2, clientY: y + height / 2 };
      point.dispatchEvent(new PointerEvent(name, where));
    };
    point.onfocus = () => ["pointerover", "pointermove", "mouseover", "mousemove"].forEach(send);
    point.onblur = () => ["pointerout", "mouseout"].forEach(send);
    point.onkeydown = (event) => {
      if (event.key === "Enter") send("click");
    };
  }
}

// What is chosen last stands; of the experiments that have it, the one that keeps most of the other choices is shown.
function choose(changed) {
  const selects = [...document.querySelectorAll(".choices select")];
  const kept = (choices) => selects.filter(({ name, value }) => choices[name] === value).length;
  const possible = DATA.experiments
    .map((choices, index) => ({ index, fits: kept(choices) }))
    .filter(({ index }) => DATA.experiments[index][changed.name] === changed.value);
  show(possible.reduce((best, each) => (each.fits > best.fits ? each : best)).index);
}

function show(index) {
  experiment = index;
  for (const select of document.querySelectorAll(".choices select")) {
    select.value = DATA.experiments[index][select.name];
  }
  for (const part of document.querySelectorAll("[data-experiment]")) {
    part.hidden = Number(part.dataset.experiment) !== experiment;
  }
  document.getElementById("chosen").textContent = document.querySelector(
    `[data-experiment="${experiment}"] caption`,
  ).textContent;
}

function sortable(table) {
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.onclick = () => {
      const up = heading.ariaSort !== "ascending";
      for (const other of table.querySelectorAll("thead th")) other.ariaSort = null;
      heading.ariaSort = up ? "ascending" : "descending";
      const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: key(row.cells[column]) }));
      rows.sort((a, b) => compare(a.key, b.key, up ? 1 : -1));
      table.tBodies[0].append(...rows.map(({ row }) => row));
    };
  });
}

function key(cell) {
  const text = (cell.dataset.value ?? cell.textContent).trim();
  const number = Number.parseFloat(text);
  return text === "" || text === "—" ? null : Number.isNaN(number) || cell.querySelector("a") ? text : number;
}

// What is empty comes last either way.
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
}

document.querySelectorAll("table.sortable").forEach(sortable);
if (document.querySelector(".choices")) {
  show(DATA.first);
  document.querySelector(".choices").onchange = async ({ target }) => {
    choose(target);
    for (const view of views.values()) await update(view);
    document.querySelectorAll("[data-chart]").forEach(reachable);
  };
}
for (const select of document.querySelectorAll("[data-metric]")) {
  select.onchange = () => embed(document.getElementById(select.dataset.metric));
}
for (const table of document.querySelectorAll("[data-common]")) {
  for (const pair of COMMON[table.dataset.common]) {
    const row = table.insertRow();
    row.append(document.createElement("th"));
    row.insertCell();
    pair.forEach((text, column) => (row.cells[column].textContent = text));
  }
}
unpack().then(draw);
dark.addEventListener("change", draw);
