"use strict";
// Every text of the run reaches the page through textContent or setAttribute, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const PER_PAGE = 20;
const STATUSES = { scored: "Scored", invalid: "Invalid", failed: "Failed" };
const SORTS = {
  low: ["Lowest score first", (a, b) => a.index - b.index],
  high: ["Highest score first", (a, b) => (b.score ?? -1) - (a.score ?? -1) || a.index - b.index],
  uncertain: ["Least certain first", (a, b) => (a.sure ?? 2) - (b.sure ?? 2) || a.index - b.index],
  unscored: ["Unscored first", (a, b) => (a.status === "scored") - (b.status === "scored") || a.index - b.index],
  prompt: ["By prompt", (a, b) => compare(a.prompt.id, b.prompt.id) || compare(a.model, b.model) || a.seed - b.seed],
};
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const byId = (id) => document.getElementById(id);
const percent = (v) => (v == null ? "–" : (100 * v).toFixed(1) + " %");
const decimal = (v, places = 3) => (v == null ? "–" : v.toFixed(places).replace("-", "−"));

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const rows = data.rows.map((values, index) => {
  const row = Object.fromEntries(values.map((value, i) => [data.columns[i], value]));
  row.index = index;
  row.prompt = data.prompts[row.prompt];
  row.model = data.models[row.model];
  row.sure = row.certainty && (row.passes ? row.certainty[0] : 1 - row.certainty[0]);
  row.outcome = row.diagnosis ?? row.status;
  row.text = [row.prompt.id, row.prompt.text, row.model, row.file].join("\n").toLowerCase();
  return row;
});
if (!rows.some((row) => row.certainty)) delete SORTS.uncertain;
const outcomeTitle = (key) => data.titles[key] ?? STATUSES[key];

// ---- details of samples, loaded from data/NNN.js when a card comes into view
const shards = new Map();
window.dsrbenchShard = (number, details) => shards.get(number)?.resolve(details);
function loadShard(number) {
  if (!shards.has(number)) {
    const entry = {};
    entry.promise = new Promise((resolve, reject) => { Object.assign(entry, { resolve, reject }); });
    shards.set(number, entry);
    const name = "data/" + String(number).padStart(3, "0") + ".js";
    const script = h("script", { src: name + "?" + data.build, onerror: () => entry.reject(new Error(name)) });
    document.head.append(script);
  }
  return shards.get(number).promise;
}
async function loadDetail(row) {
  if (data.details) return data.details[row.index];
  return (await loadShard(Math.floor(row.index / data.shard)))[row.index % data.shard];
}

// ---- figures
function meter(figure) {
  const x = (v) => 4 + 72 * v;
  const parts = [svg("line", { x1: 4, x2: 76, y1: 6, y2: 6, stroke: "var(--line)", "stroke-width": 2 })];
  if (figure.low != null) {
    parts.push(svg("line", { x1: x(figure.low), x2: x(figure.high), y1: 6, y2: 6, stroke: "var(--accent)", "stroke-width": 2 }));
  }
  if (figure.value != null) parts.push(svg("circle", { cx: x(figure.value), cy: 6, r: 3.5, fill: "var(--accent)" }));
  return svg("svg", { class: "meter", width: 80, height: 12, viewBox: "0 0 80 12", "aria-hidden": "true" }, ...parts);
}
const ends = (figure) => (figure.low == null ? "" : ` (${(100 * figure.low).toFixed(1)} – ${(100 * figure.high).toFixed(1)})`);

function thresholds(accuracy) {
  const entries = Object.entries(accuracy).filter(([, f]) => f.value != null);
  const x = (t) => 24 + 200 * t, y = (v) => 6 + 48 * (1 - v);
  const points = (pick) => entries.map(([t, f]) => `${x(t)},${y(pick(f))}`);
  const band = [...points((f) => f.high ?? f.value), ...points((f) => f.low ?? f.value).reverse()].join(" ");
  const title = entries.map(([t, f]) => `${t}: ${percent(f.value)}`).join(", ");
  const picture = svg("svg", { viewBox: "0 0 216 72", width: "100%", height: 72, role: "img", "aria-label": "Accuracy at each threshold: " + title },
    svg("polygon", { points: band, fill: "var(--accent)", opacity: 0.15 }),
    svg("polyline", { points: points((f) => f.value).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 2 }));
  for (const t of ["0.0", "0.7"]) picture.append(svg("text", { x: x(t), y: 69, "text-anchor": "middle", "font-size": 11, fill: "var(--quiet)" }, t));
  for (const v of [0, 1]) picture.append(svg("text", { x: 18, y: y(v) + 4, "text-anchor": "end", "font-size": 11, fill: "var(--quiet)" }, String(v)));
  if (accuracy["0.7"].value != null) picture.append(svg("circle", { cx: x(0.7), cy: y(accuracy["0.7"].value), r: 3.5, fill: "var(--accent)" }));
  return picture;
}
function headline(s) {
  const box = (name, big, note, lead) => h("div", { class: lead ? "lead" : null },
    h("p", { class: "name" }, name), h("p", { class: "big" }, big), h("p", { class: "note" }, note));
  const main = s.accuracy["0.7"];
  byId("headline").append(
    box("Accuracy@0.7, all samples", percent(main.value),
      main.low == null ? "no interval: fewer than two prompts" : `95 % interval ${(100 * main.low).toFixed(1)} – ${(100 * main.high).toFixed(1)} %`, true),
    box("Coverage", percent(s.coverage), `${s.n_scored} scored, ${s.n_invalid} invalid, ${s.n_failed} failed`),
    box("Mean score, scored only", decimal(s.mean_score), `${decimal(s.mean_score_low)} – ${decimal(s.mean_score_high)} with the others as 0 – 1`),
    h("div", {}, h("p", { class: "name" }, "Accuracy at each threshold"), thresholds(s.accuracy)));
  const m = data.manifest, suite = m.suite ?? {};
  byId("setting").textContent = [
    [suite.name, suite.version].filter(Boolean).join(" "), `${s.n_samples} samples of ${s.n_prompts} prompts`,
    [m.detector?.name, m.tracker?.name].filter(Boolean).join(" + "),
    m.depth && `depth ${m.depth.name}`, m.second_detector && `second detector ${m.second_detector.name}`, m.protocol && `protocol ${m.protocol}`,
  ].filter(Boolean).join(" · ");
}

// ---- samples to look at: the least certain decisions, each a button that shows its card
function lookAtThese(s) {
  if (s.n_certain == null) return;
  const least = rows.filter((row) => row.certainty && row.sure < data.certain).sort(SORTS.uncertain[1]).slice(0, data.look);
  const known = s.n_certain + s.n_uncertain;
  const list = h("ol", {}, ...least.map((row) => h("li", {},
    h("button", { type: "button", onclick: () => showCard(row) }, [row.prompt.id, `seed ${row.seed}`, data.models.length > 1 && row.model].filter(Boolean).join(", ")),
    h("span", {}, `score ${decimal(row.score)}, ${certaintyText(row)}`), h("span", { class: "quiet" }, row.file))));
  byId("look").append(h("h2", { id: "look-title" }, least.length ? "Look at these" : "Certain decisions"),
    h("p", { class: "quiet" }, `${percent(s.n_certain / known)} of the decisions at 0.7 are certain: ${s.n_certain} of ${known} with a certainty.`
      + (least.length ? (data.total > rows.length ? " The least certain in this file are:" : " The least certain are:") : "")), ...(least.length ? [list] : []));
  byId("look").hidden = false;
}
function certaintyText(row) {
  const [pass, low, high] = row.certainty;
  return `P(pass) ${percent(pass)}, 90 % interval ${decimal(low, 2)} – ${decimal(high, 2)}`;
}
function showCard(row) {
  set({ ...blank, sort: "uncertain" });
  const card = byId(`sample-${row.index}`).closest(".card");
  card.tabIndex = -1;
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

// ---- tables whose rows filter
function table(caption, field, headers, entries) {
  const body = entries.map(([key, label, ...cells]) => h("tr", { "data-field": field, "data-key": key },
    h("th", { scope: "row" }, h("button", { type: "button", "aria-pressed": "false", title: label, onclick: () => toggle(field, key) }, label)),
    ...cells.map((cell) => h("td", {}, ...[cell].flat()))));
  return h("div", { class: "panel" }, h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...headers.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...body)));
}
function tables(s) {
  const figures = (groups) => Object.entries(groups).map(([key, f]) =>
    [key, key, String(f.n), percent(f.coverage), [percent(f["accuracy_0.7"].value) + ends(f["accuracy_0.7"]), meter(f["accuracy_0.7"])]]);
  const outcomes = [...Object.entries(s.by_diagnosis), ["invalid", s.n_invalid], ["failed", s.n_failed]];
  const headers = (name) => [name, "Samples", "Coverage", "Accuracy@0.7"];
  const parts = [table("By relation", "relation", headers("Type"), figures(s.by_relation)),
    table("By outcome", "outcome", ["What the video shows", "Samples", "Share"],
      outcomes.filter(([, n]) => n).map(([key, n]) => [key, outcomeTitle(key), String(n), percent(n / s.n_samples)]))];
  if (Object.keys(s.by_kind).length) parts.unshift(table("By kind of claim", "kind", headers("Kind"),
    figures(s.by_kind).map(([key, , ...cells]) => [key, data.kinds[key], ...cells])));
  if (Object.keys(s.by_model).length) parts.unshift(table("By model", "model", headers("Model"), figures(s.by_model)));
  const worded = s.by_wording ?? {}, spread = s.wording_spread ?? {};
  if (Object.keys(worded).length) {
    const points = (d) => (d == null ? "" : `${d.difference < 0 ? "" : "+"}${(100 * d.difference).toFixed(1)}${ends(d)}`);
    parts.push(table(`By wording: ${(100 * spread.spread).toFixed(1)} points apart, ${percent(spread.changed)} of videos change`, "wording",
      ["Wording", "Coverage", "Accuracy@0.7", "- default"], Object.entries(worded).map(([key, f]) => [key, key, percent(f.coverage),
        percent(f["accuracy_0.7"].value) + ends(f["accuracy_0.7"]), key === "default" ? "" : points(f.difference)])));
  }
  byId("tables").append(...parts);
}

// ---- state, filters, list
const blank = { relation: "", kind: "", outcome: "", status: "", model: "", wording: "", text: "", sort: "low", page: "1" };
const state = { ...blank, ...Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].filter(([k]) => k in blank)) };
if (!(state.sort in SORTS)) state.sort = "low";
function toggle(field, key) { set({ [field]: state[field] === key ? "" : key }); }
function set(change) {
  Object.assign(state, { page: "1" }, change);
  const changed = Object.entries(state).filter(([k, v]) => v !== blank[k]);
  history.replaceState(null, "", "#" + new URLSearchParams(changed));
  render();
}
function select(field, label, options) {
  return h("label", {}, label, h("select", { name: field, onchange: (e) => set({ [field]: e.target.value }) },
    ...options.map(([value, text]) => h("option", { value }, text))));
}
function filters(s) {
  const all = (entries) => [["", "All"], ...entries], keys = (groups) => all(Object.keys(groups).map((k) => [k, k]));
  const outcomes = [...Object.keys(s.by_diagnosis), "invalid", "failed"].map((k) => [k, outcomeTitle(k)]);
  let timer;
  byId("filters").append(
    h("label", { class: "wide" }, "Search", h("input", { type: "search", name: "text", placeholder: "prompt, id, model or file",
      oninput: (e) => { state.text = e.target.value; clearTimeout(timer); timer = setTimeout(() => set({}), 120); } })),
    select("relation", "Relation", keys(s.by_relation)), select("outcome", "Outcome", all(outcomes)),
    select("status", "Status", all(Object.entries(STATUSES))),
    ...(data.models.length > 1 ? [select("model", "Model", keys(Object.fromEntries(data.models.map((m) => [m, 0]))))] : []),
    select("sort", "Order", Object.entries(SORTS).map(([k, [text]]) => [k, text])),
    h("button", { type: "button", class: "button", onclick: () => set({ ...blank }) }, "Clear"));
  byId("filters").addEventListener("submit", (e) => e.preventDefault());
}
function matches(row) {
  const words = state.text.toLowerCase().split(/\s+/);
  return (!state.relation || row.prompt.type === state.relation) && (!state.outcome || row.outcome === state.outcome)
    && (!state.status || row.status === state.status) && (!state.model || row.model === state.model)
    && (!state.kind || row.prompt.kind === state.kind) && (!state.wording || row.prompt.wording === state.wording)
    && words.every((word) => row.text.includes(word));
}
function render() {
  const found = rows.filter(matches).sort(SORTS[state.sort][1]);
  const last = Math.max(1, Math.ceil(found.length / PER_PAGE));
  const page = Math.min(Math.max(1, parseInt(state.page, 10) || 1), last);
  for (const input of byId("filters").elements) if (input.name && input.value !== state[input.name]) input.value = state[input.name];
  for (const line of document.querySelectorAll("tr[data-field]")) {
    const on = state[line.dataset.field] === line.dataset.key;
    line.classList.toggle("on", on);
    line.querySelector("button").setAttribute("aria-pressed", String(on));
  }
  byId("count").textContent = `${found.length} of ${rows.length}` + (last > 1 ? `, page ${page} of ${last}` : "");
  showCards(found.slice((page - 1) * PER_PAGE, page * PER_PAGE));
  const go = (to, text, off) => h("button", { type: "button", class: "button", disabled: off, onclick: () => {
    set({ page: String(to) });
    byId("samples-title").scrollIntoView();
    byId("samples-title").focus({ preventScroll: true });
  } }, text);
  byId("pages").replaceChildren(...(last > 1
    ? [go(page - 1, "Previous", page <= 1), h("span", {}, `${page} / ${last}`), go(page + 1, "Next", page >= last)] : []));
}
function provenance(value, name, list) {
  if (value && typeof value === "object" && Object.keys(value).length) {
    for (const [key, item] of Object.entries(value)) provenance(item, name ? `${name}.${key}` : key, list);
  } else list.append(h("dt", {}, name), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value)));
  return list;
}
