/** The page: which runs are shown, how, and what is new of them. */

import { Charts } from "./charts.js";
import { ago, count, duration, number, ORDER } from "./text.js";

const COLORS = [
  "#c97a12",
  "#2f78b7",
  "#2f9e6e",
  "#b4478f",
  "#7a63c9",
  "#c2503f",
  "#4d8f9c",
  "#8a7d2f",
];
const $ = (id) => document.getElementById(id);

/** Runs by their names: colour, whether shown, and once shown all that is known. */
const known = new Map();
let list = [];
let events;
const view = { smoothing: 0.95, logX: false, logY: false, range: undefined };
const charts = new Charts($("charts"), ORDER, (range) => {
  view.range = range;
  draw();
});

/** What a person chose stays for the next time. */
function remember() {
  const shown = [...known].filter(([, { shown }]) => shown).map(([id]) => id);
  try {
    localStorage.setItem(
      "kohaku",
      JSON.stringify({
        ...view,
        range: undefined,
        shown,
        theme: document.documentElement.dataset.theme,
      }),
    );
  } catch { /* private windows keep nothing */ }
}

function recall() {
  try {
    return JSON.parse(localStorage.getItem("kohaku") ?? "{}") ?? {};
  } catch {
    return {};
  }
}

const before = recall();
for (const key of ["smoothing", "logX", "logY"]) {
  if (typeof before[key] === typeof view[key]) view[key] = before[key];
}
document.documentElement.dataset.theme = before.theme ??
  (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

function setRuns(runs) {
  list = runs;
  $("no-runs").hidden = runs.length > 0;
  const first = known.size === 0;
  runs.forEach(({ id }) => {
    if (known.has(id)) return;
    const color = COLORS[known.size % COLORS.length];
    known.set(id, { color, shown: before.shown?.includes(id) ?? false, details: undefined });
  });
  for (const id of known.keys()) if (!runs.some((run) => run.id === id)) known.delete(id);
  if (first && runs.length > 0 && ![...known.values()].some(({ shown }) => shown)) {
    known.get(runs[0].id).shown = true;
  }
  drawList();
}

function drawList() {
  const focused = document.activeElement?.dataset?.run;
  $("runs").replaceChildren(...list.map((run, i) => {
    const { color, shown } = known.get(run.id);
    const item = document.createElement("li");
    const label = document.createElement("label");
    label.style.setProperty("--run", color);
    const box = Object.assign(document.createElement("input"), {
      type: "checkbox",
      checked: shown,
    });
    box.dataset.run = run.id;
    box.addEventListener("change", () => toggle(run.id));
    const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
    const name = Object.assign(document.createElement("span"), { className: "name" });
    const when = document.createElement("small");
    when.textContent = run.live ? "" : ago(run.updated);
    when.className = run.live ? "live" : "";
    name.append(run.id, when);
    label.title = i < 9 ? `key ${i + 1}` : "";
    label.append(box, swatch, name);
    item.append(label);
    return item;
  }));
  if (focused) document.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
}

async function toggle(id) {
  const run = known.get(id);
  if (!run) return;
  run.shown = !run.shown;
  remember();
  drawList();
  await load();
}

/** Fetches shown runs that are not known yet, then follows them all. */
async function load() {
  await Promise.all([...known].map(async ([id, run]) => {
    if (!run.shown || run.details) return;
    const response = await fetch(`/api/run?id=${encodeURIComponent(id)}`);
    if (response.ok) run.details = await response.json();
  }));
  follow();
  draw();
}

function shownRuns() {
  return list.flatMap(({ id }) => {
    const { shown, details, color } = known.get(id) ?? {};
    return shown && details ? [{ ...details, color }] : [];
  });
}

/** Listens to the server; a lost connection comes back by itself. */
function follow() {
  events?.close();
  const query = new URLSearchParams();
  for (const { id, offset } of shownRuns()) {
    query.append("id", id);
    query.append("from", String(offset));
  }
  events = new EventSource(`/api/events?${query}`);
  events.addEventListener("open", () => say("connected", false));
  events.addEventListener("error", () => {
    say("the monitor does not answer; trying again…", true);
    // What came meanwhile is fetched whole.
    for (const run of known.values()) run.stale = true;
  });
  events.addEventListener("runs", async ({ data }) => {
    setRuns(JSON.parse(data));
    const stale = [...known.values()].filter((run) => run.stale);
    for (const run of stale) [run.stale, run.details] = [false, undefined];
    if ([...known.values()].some((run) => run.shown && !run.details)) await load();
    else draw();
  });
  events.addEventListener("points", ({ data }) => {
    const { id, reset, train, held, damaged } = JSON.parse(data);
    const details = known.get(id)?.details;
    if (!details) return;
    if (reset) [details.train, details.held, details.damaged] = [emptyTable(), emptyTable(), 0];
    append(details.train, train);
    append(details.held, held);
    details.damaged += damaged;
    say(`updated ${new Date().toLocaleTimeString()}`, false);
    draw();
  });
  events.addEventListener("samples", ({ data }) => {
    const { id, samples } = JSON.parse(data);
    const details = known.get(id)?.details;
    if (details) details.samples = samples;
    drawSamples();
  });
  events.addEventListener("trouble", ({ data }) => say(JSON.parse(data), true));
}

function emptyTable() {
  return { step: [], values: {} };
}

function append(table, more) {
  const rows = table.step.length;
  table.step.push(...more.step);
  for (const name of new Set([...Object.keys(table.values), ...Object.keys(more.values)])) {
    const series = table.values[name] ??= new Array(rows).fill(null);
    series.push(...(more.values[name] ?? new Array(more.step.length).fill(null)));
  }
}

function say(text, lost) {
  $("connection").textContent = text;
  $("connection").classList.toggle("lost", lost);
}

function draw() {
  const runs = shownRuns();
  $("smoothing").value = String(view.smoothing);
  $("smoothing-value").textContent = view.smoothing.toFixed(2);
  $("log-x").setAttribute("aria-pressed", String(view.logX));
  $("log-y").setAttribute("aria-pressed", String(view.logY));
  charts.draw(runs, view);
  drawFigures(runs[0]);
  drawSamples();
  drawSettings(runs);
}

function last(table, name) {
  return table.values[name]?.findLast((value) => value !== null);
}

function timeLeft(step, total, rate, live) {
  if (total && step >= total) return "done";
  return total && live && rate > 0 ? duration((total - step) / rate) : "–";
}

/** The figures of the run that was written last. */
function drawFigures(run) {
  if (!run) {
    $("device").textContent = "";
    $("figures").replaceChildren();
    return;
  }
  const { train, held, config } = run;
  const step = train.step.at(-1) ?? 0, total = config?.hparams?.num_train_steps;
  const rate = last(train, "steps_per_second");
  const live = list.find(({ id }) => id === run.id)?.live;
  const figures = [
    ["Step", count(step), total ? `of ${count(total)}` : "", total ? step / total : undefined],
    ["Time left", timeLeft(step, total, rate, live), rate ? `${number(rate)} steps/s` : ""],
    ["Throughput", number(last(train, "tokens_per_second")), "tokens/s"],
    ["Total loss", number(last(train, "loss")), "nats, training"],
    ["Discriminator AUC", number(last(held, "disc_auc")), "held out"],
    ["Masked-LM accuracy", number(last(held, "masked_lm_accuracy")), "held out"],
  ].filter(([, value]) => value !== "–");
  if (run.damaged > 0) figures.push(["Damaged lines", count(run.damaged), "left out"]);
  const skipped = last(train, "skipped_steps");
  if (skipped > 0) figures.push(["Skipped steps", count(skipped), "gradients not finite"]);
  const device = config?.device?.description ?? config?.device;
  $("device").textContent = device ? `on ${device}, ${config?.precision ?? "f32"}` : "";
  $("figures").replaceChildren(...figures.map(([name, value, note, share]) => {
    const figure = Object.assign(document.createElement("dl"), { className: "figure" });
    const title = Object.assign(document.createElement("dt"), { textContent: name });
    const content = document.createElement("dd");
    content.append(value);
    if (share !== undefined) {
      content.append(Object.assign(document.createElement("progress"), { value: share, max: 1 }));
    }
    content.append(Object.assign(document.createElement("small"), { textContent: note }));
    figure.append(title, content);
    return figure;
  }));
}

/** Corrupted sentences with what the model flags. */
function drawSamples() {
  const shown = shownRuns();
  const run = shown.find(({ samples }) => samples?.sentences?.length > 0);
  $("samples").hidden = !run;
  if (!run) return;
  const { samples, id } = run;
  $("samples-title").textContent = `What the model sees at step ${count(samples.step)}` +
    (shown.length > 1 ? `: ${id}` : "");
  const threshold = samples.threshold ?? 0.5;
  $("sentences").replaceChildren(...samples.sentences.map((tokens) => {
    const line = Object.assign(document.createElement("p"), { className: "sentence", lang: "ja" });
    for (const { text, original, probability } of tokens) {
      const replaced = original !== undefined, flagged = probability >= threshold;
      if (!replaced && !flagged) {
        line.append(text);
        continue;
      }
      const mark = document.createElement("mark");
      mark.className = replaced ? (flagged ? "hit" : "miss") : "false";
      mark.style.setProperty("--sure", String(0.15 + 0.5 * probability));
      mark.title = (replaced ? `replaced “${original}”; ` : "") +
        `replaced by chance of ${Math.round(100 * probability)}%, says the model`;
      if (replaced) {
        const ruby = document.createElement("ruby");
        ruby.append(text, Object.assign(document.createElement("rt"), { textContent: original }));
        mark.append(ruby);
      } else mark.append(text);
      line.append(mark);
    }
    return line;
  }));
}

/** Hyperparameters of all shown runs side by side. */
function drawSettings(runs) {
  const configs = runs.map(({ config }) => ({
    ...config?.hparams,
    seed: config?.seed,
    precision: config?.precision,
  }));
  $("settings").hidden = !configs.some((config) =>
    Object.values(config).some((value) => value !== undefined)
  );
  const names = [...new Set(configs.flatMap(Object.keys))].filter((name) =>
    configs.some((config) => config[name] !== undefined)
  );
  const show = (
    value,
  ) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  const rows = names.map((name) => {
    const values = configs.map((config) => show(config[name]));
    return { name, values, differs: values.some((value) => value !== values[0]) };
  }).filter(({ differs }) => differs || !$("only-differences").checked);
  const cell = (tag, text, scope) => {
    const made = Object.assign(document.createElement(tag), { textContent: text });
    if (scope) made.scope = scope;
    return made;
  };
  const head = document.createElement("tr");
  head.append(
    cell("th", "", "col"),
    ...runs.map(({ id, color }) => {
      const made = cell("th", id, "col");
      made.style.color = color;
      return made;
    }),
  );
  $("hparams").replaceChildren(
    head,
    ...rows.map(({ name, values, differs }) => {
      const row = Object.assign(document.createElement("tr"), {
        className: differs ? "differs" : "",
      });
      row.append(cell("th", name, "row"), ...values.map((value) => cell("td", value)));
      return row;
    }),
  );
}

function change(key, value) {
  view[key] = value;
  remember();
  draw();
}

function switchTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  remember();
  draw();
}

$("smoothing").addEventListener("input", () => change("smoothing", Number($("smoothing").value)));
$("log-x").addEventListener("click", () => change("logX", !view.logX));
$("log-y").addEventListener("click", () => change("logY", !view.logY));
$("theme").addEventListener("click", switchTheme);
$("help-button").addEventListener("click", () => $("help").showModal());
$("only-differences").addEventListener("change", draw);
$("charts").addEventListener("dblclick", () => change("range", undefined));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.target instanceof HTMLInputElement && event.target.type === "text") return;
  const { key } = event;
  if (/^[1-9]$/.test(key) && list[key - 1]) toggle(list[key - 1].id);
  else if (key === "x") change("logX", !view.logX);
  else if (key === "y") change("logY", !view.logY);
  else if (key === "r") change("range", undefined);
  else if (key === "d") switchTheme();
  else if (key === "+" || key === "-") {
    change(
      "smoothing",
      Math.min(
        0.99,
        Math.max(0, Number((view.smoothing + (key === "+" ? 0.05 : -0.05)).toFixed(2))),
      ),
    );
  } else if (key === "?") $("help").showModal();
});
let resizing;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(draw, 120);
});

const response = await fetch("/api/runs");
setRuns(await response.json());
await load();
