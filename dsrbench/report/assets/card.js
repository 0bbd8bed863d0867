// ---- one card a sample: video with boxes, verdict, parts, curves. Follows report.js in the same script.
const mountSoon = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    mountSoon.unobserve(target);
    mount(target, target.row);
  }
}, { rootMargin: "400px" });
let mounted = [];

function showCards(found) {
  mounted.forEach((stop) => stop());
  mounted = [];
  mountSoon.disconnect();
  const cards = found.map((row) => {
    const badge = row.status !== "scored" ? ["none", STATUSES[row.status]] : row.passes ? ["pass", "passes 0.7"] : ["fail", "below 0.7"];
    if (row.status === "scored" && !row.passes && row.score >= 0.7) badge[1] = "not all visited";
    const facts = [`${row.prompt.id}, seed ${row.seed}`, data.models.length > 1 && row.model, `type ${row.prompt.type}`, row.file].filter(Boolean);
    const heading = `sample-${row.index}`;
    const card = h("li", { class: "card", "aria-labelledby": heading },
      h("div", { class: "title" }, h("h3", { id: heading }, row.prompt.text), h("p", { class: "meta" }, facts.join(" · "))),
      h("div", { class: "picture" }),
      h("div", { class: "facts-side" },
        h("div", { class: "verdict" }, h("span", { class: "score" }, decimal(row.score)), h("span", { class: `badge ${badge[0]}` }, badge[1]),
          row.certainty && row.sure < data.certain ? h("span", { class: "badge unsure" }, "uncertain") : null,
          h("strong", {}, row.diagnosis ? data.titles[row.diagnosis] : "No score")),
        row.certainty ? h("p", { class: "meta" }, certaintyText(row)) : null,
        h("p", { class: "says" }), partsOf(row), h("div", { class: "curves" })));
    card.row = row;
    return card;
  });
  byId("samples").replaceChildren(...(cards.length ? cards : [h("li", { class: "quiet" }, "No sample fits these filters.")]));
  cards.forEach((card) => mountSoon.observe(card));
}

function partsOf(row) {
  if (row.status !== "scored" || row.parts[0] == null) return null;
  const list = h("div", { class: "parts", role: "group", "aria-label": "The four parts of the score, each from −1 to 1" });
  data.parts.forEach(([, title, meaning], i) => {
    const v = row.parts[i], lost = (1 - v) / 8;
    const fillBar = h("i", { class: v < 0 ? "low" : null });
    fillBar.style.left = 50 + Math.min(0, v) * 50 + "%";
    fillBar.style.width = Math.abs(v) * 50 + "%";
    list.append(h("span", { title: meaning }, title), h("div", { class: "bar", "aria-hidden": "true" }, fillBar, h("b")),
      h("span", {}, decimal(v, 2)), h("span", { class: "lost" }, lost < 0.005 ? "no loss" : `costs ${lost.toFixed(2)}`));
  });
  return list;
}

async function mount(card, row) {
  let detail;
  try {
    detail = await loadDetail(row);
  } catch (error) {
    card.querySelector(".says").append(h("span", { class: "warn" }, `Curves and boxes could not be loaded (${error.message}); is report/data beside this page?`));
    return;
  }
  if (!card.isConnected) return;
  card.querySelector(".says").textContent = detail.says;
  mounted.push(player(card, row, detail));
}

// ---- player: one frame number drives the video, the boxes, the curves and the counter
function player(card, row, detail) {
  const length = Math.max(detail.initial.length, detail.subject.length), fps = row.fps || 8;
  const [width, height] = detail.size[0] && detail.size[1] ? detail.size : [832, 480];
  const video = h("video", { muted: true, loop: true, playsinline: true, preload: "auto", "aria-hidden": "true", tabindex: "-1" });
  const canvas = h("canvas", { role: "img" });
  const frameBox = h("div", { class: "frame", onclick: () => toggle() }, video, canvas);
  const button = h("button", { type: "button", class: "button", onclick: () => toggle() }, "Play");
  const counter = h("span", { class: "counter" });
  const warn = h("p", { class: "warn", hidden: true, role: "status" });
  const link = row.url && !data.standalone ? h("a", { href: row.url }, "open video") : null;
  const picture = card.querySelector(".picture");
  let frame = 0, playable = Boolean(row.url), timer = 0, wanted = null, stopped = false;
  frameBox.style.aspectRatio = `${width} / ${height}`;
  video.muted = true;

  const chart = curves(card.querySelector(".curves"), row, detail, (i) => { pause(); seek(i); }, () => toggle());
  function show(i) {
    frame = Math.max(0, Math.min(length - 1, i));
    drawBoxes(canvas, row, detail, frame, width, height);
    chart?.move(frame);
    counter.textContent = length ? `frame ${frame + 1} of ${length}` : "";
  }
  function seek(i) {
    show(i);
    if (!playable) return;
    if (video.seeking) wanted = frame;
    else video.currentTime = (frame + 0.5) / fps;
  }
  video.addEventListener("seeked", () => {
    clearTimeout(check);
    if (wanted !== null) { const next = wanted; wanted = null; video.currentTime = (next + 0.5) / fps; }
    else check = setTimeout(verify, 150);
  });
  // A browser may report "seeked" and keep an older frame on the screen: compare with the last frame presented, seek again.
  let presented = null, tries = 0, check = 0;
  function watch(_, at) {
    presented = Math.round(at.mediaTime * fps);
    if (!stopped) video.requestVideoFrameCallback(watch);
  }
  function verify() {
    if (stopped || !video.paused || video.seeking || presented === null) return;
    if (presented !== frame && tries < 5) { tries += 1; video.currentTime = (frame + 0.5 + tries / 100) / fps; }
    else tries = 0;
  }
  video.requestVideoFrameCallback?.(watch);
  function follow(_, at) {
    if (stopped) return;
    if (!video.paused || !video.seeking) show(Math.round((at ? at.mediaTime : Math.max(0, video.currentTime - 0.5 / fps)) * fps));
    if (!video.paused) next();
  }
  const next = () => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame((t) => follow(t)));
  function pause() {
    video.pause();
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }
  function toggle() {
    if (!video.paused || timer) return pause();
    if (!length && !playable) return;
    button.textContent = "Pause";
    if (playable) video.play().then(next, () => { if (playable) pause(); });
    else timer = setInterval(() => show((frame + 1) % length), 1000 / fps);
  }
  function goBlank(why) {
    if (stopped) return;
    playable = false;
    pause();
    frameBox.classList.add("blank");
    warn.hidden = false;
    warn.textContent = why + (length ? " Boxes and curves are shown on a blank frame." : "");
    button.hidden = !length;
  }
  video.addEventListener("error", () => goBlank(`The video ${row.file} cannot be played here.`));
  video.addEventListener("loadedmetadata", () => { if (!video.videoWidth) goBlank(`The video ${row.file} cannot be played here.`); });
  picture.append(frameBox, h("div", { class: "controls" }, button, counter, link), warn);
  if (row.url) video.src = row.url;
  else goBlank(row.file && data.standalone ? "The video is not inside this file." : "There is no video.");
  const watcher = new ResizeObserver(() => show(frame));
  watcher.observe(frameBox);
  show(0);
  return () => { stopped = true; pause(); watcher.disconnect(); chart?.stop(); video.removeAttribute("src"); video.load(); };
}

function drawBoxes(canvas, row, detail, frame, width, height) {
  const shown = canvas.clientWidth, dense = window.devicePixelRatio || 1;
  if (!shown) return;
  canvas.width = Math.round(shown * dense);
  canvas.height = Math.round(canvas.clientHeight * dense);
  const ink = canvas.getContext("2d"), sx = canvas.width / width, sy = canvas.height / height;
  const style = getComputedStyle(document.documentElement), said = [];
  ["subject", "object"].forEach((who, k) => {
    const box = detail[who][frame];
    if (!detail.nouns[who]) return;
    if (!box) return said.push(`${detail.nouns[who]}: no box`);
    const filled = detail.filled[k].includes(frame), name = detail.nouns[who] + (filled ? " (interpolated)" : "");
    const [x0, y0, x1, y1] = [box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy];
    said.push(`${name} at ${box.map(Math.round).join(", ")}`);
    ink.lineWidth = 2.5 * dense;
    ink.setLineDash(filled ? [6 * dense, 4 * dense] : []);
    ink.strokeStyle = ink.fillStyle = style.getPropertyValue(`--${who}`).trim();
    ink.strokeRect(x0, y0, x1 - x0, y1 - y0);
    ink.font = `${12 * dense}px system-ui, sans-serif`;
    const w = ink.measureText(name).width + 8 * dense, tall = 17 * dense;
    const left = Math.max(0, Math.min(x0 - 1.25 * dense, canvas.width - w)), top = y0 >= tall ? y0 - tall : Math.max(0, y0);
    ink.fillRect(left, top, w, tall);
    ink.fillStyle = "#14171a";
    ink.fillText(name, left + 4 * dense, top + 12.5 * dense);
  });
  canvas.setAttribute("aria-label", `Frame ${frame + 1}: ${said.join("; ")}`);
}

// ---- curves: both SSR sequences, a playhead, and a slider for the keyboard
function curves(place, row, detail, onseek, ontoggle) {
  const n = detail.initial.length;
  if (!n) return null;
  const keys = ["initial", "final"].slice(0, detail.names.length), values = {};
  const legend = h("div", { class: "curve-names" }, ...keys.map((key, k) => {
    values[key] = h("b");
    return h("span", {}, h("i", { class: `swatch line ${key}` }), detail.names[k] + " ", values[key]);
  }));
  const picture = svg("svg", { class: "chart", tabindex: "0", role: "slider", "aria-label": "Frame, with its scores",
    "aria-valuemin": 1, "aria-valuemax": n, title: "Drag, or use the arrow keys" });
  const tall = 132, x0 = 26, y = (v) => 10 + (tall - 24) * (1 - v) / 2;
  let wide = 400, now = 0;
  const x = (i) => x0 + (wide - x0 - 8) * (n > 1 ? i / (n - 1) : 0.5);
  const playhead = svg("line", { class: "playhead", y1: 4, y2: tall - 12 });

  function lines(sequence, key) {
    const runs = [[]];
    sequence.forEach((v, i) => { if (v == null) runs.push([]); else runs.at(-1).push(`${x(i)},${y(v)}`); });
    return runs.filter((run) => run.length).map((run) => svg("polyline", { class: key, points: (run.length > 1 ? run : [run[0], run[0]]).join(" ") }));
  }
  function window_(key) {
    const scored = detail.initial.flatMap((v, i) => (v == null ? [] : [i]));
    const at = key === "initial" ? scored.slice(0, row.window) : scored.slice(-row.window);
    if (!at.length || !detail.windows) return null;
    return svg("rect", { class: `window ${key}`, x: x(at[0]) - 2, width: x(at.at(-1)) - x(at[0]) + 4, y: 4, height: tall - 16 });
  }
  function draw() {
    wide = Math.max(160, picture.clientWidth || 400);
    picture.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    const grid = [1, 0, -1].flatMap((v) => [svg("line", { class: v ? "grid" : "grid zero", x1: x0, x2: wide - 4, y1: y(v), y2: y(v) }),
      svg("text", { x: x0 - 6, y: y(v) + 4, "text-anchor": "end" }, decimal(v, 0))]);
    const filled = [...new Set(detail.filled.flat())].map((i) => svg("line", { class: "filled", x1: x(i), x2: x(i), y1: tall - 10, y2: tall - 4 }));
    picture.replaceChildren(...[...grid, window_("initial"), window_("final"), ...lines(detail.initial, "initial"),
      ...lines(detail.final, "final"), ...filled, playhead].filter(Boolean));
    move(now);
  }
  function move(i) {
    now = i;
    playhead.setAttribute("x1", x(i));
    playhead.setAttribute("x2", x(i));
    for (const key of keys) values[key].textContent = decimal(detail[key][i], 2);
    picture.setAttribute("aria-valuenow", i + 1);
    picture.setAttribute("aria-valuetext", `frame ${i + 1} of ${n}: ${keys.map((key, k) => `${detail.names[k]} ${decimal(detail[key][i], 2)}`).join(", ")}`);
  }
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const share = ((event.clientX - box.left) * wide / box.width - x0) / (wide - x0 - 8);
    onseek(Math.round(Math.max(0, Math.min(1, share)) * (n - 1)));
  });
  picture.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -n, End: n };
    if (event.key === " ") ontoggle();
    else if (event.key in steps) onseek(Math.max(0, Math.min(n - 1, now + steps[event.key])));
    else return;
    event.preventDefault();
  });
  place.append(legend, picture);
  const watcher = new ResizeObserver(draw);
  watcher.observe(picture);
  draw();
  return { move, stop: () => watcher.disconnect() };
}

if (data.standalone && data.total > rows.length) {
  byId("notice").hidden = false;
  byId("notice").textContent = `This file holds the ${rows.length} lowest-scoring samples of ${data.total}; the figures are of all of them.`;
}
headline(data.summary);
tables(data.summary);
filters(data.summary);
lookAtThese(data.summary);
byId("provenance").append(provenance(data.manifest, "", h("dl", { class: "facts" })));
render();
