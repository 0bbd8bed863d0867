"use strict";

// One task at a time: its clips, its questions, and the answers, which are sent together. The server keeps the order.

const byId = id => document.getElementById(id);
const query = location.search;
let task = null; // the task shown, as the server describes it
let active = 0; // the question that number keys answer
let isBusy = false;

function make(tag, values = {}, ...children) {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...children);
  return element;
}

function notify(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

const videos = () => [...document.querySelectorAll("video")];
const fieldsets = () => [...document.querySelectorAll("fieldset")];
const checked = fieldset => fieldset.querySelector("input:checked");

function replay() {
  for (const video of videos()) {
    video.currentTime = 0;
    video.play().catch(() => {});
  }
}

function showFrame(isLast) {
  for (const video of videos()) {
    video.pause();
    video.currentTime = isLast && isFinite(video.duration) ? Math.max(0, video.duration - 0.001) : 0;
  }
}

function toggle() {
  const isPlaying = videos().some(video => !video.paused && !video.ended);
  for (const video of videos()) isPlaying ? video.pause() : video.play().catch(() => {});
}

function seek(share) {
  for (const video of videos()) {
    video.pause();
    if (isFinite(video.duration)) video.currentTime = share * video.duration;
  }
}

function makeVideo(id, name) {
  const video = make("video", { src: `/videos/${id}${query}`, muted: true, autoplay: true, preload: "auto" });
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.setAttribute("aria-label", name);
  video.addEventListener("click", toggle);
  video.addEventListener("timeupdate", () => {
    if (video === videos()[0] && video.duration) byId("seek").value = video.currentTime / video.duration;
  });
  video.addEventListener("error", () => notify(`${name} cannot be played here. Choose “cannot tell”, or “both alike”.`));
  return video;
}

function makeQuestion(question, index) {
  const choices = question.choices.map((choice, i) => {
    const input = make("input", { type: "radio", name: question.name, value: choice.value });
    input.setAttribute("aria-keyshortcuts", String(i + 1));
    const key = make("kbd", { textContent: String(i + 1) });
    key.setAttribute("aria-hidden", "true");
    return make("label", {}, input, key, make("span", { textContent: choice.text }));
  });
  const fieldset = make("fieldset", {}, make("legend", { textContent: question.text }), make("div", { className: "choices" }, ...choices));
  fieldset.addEventListener("focusin", () => mark(index));
  fieldset.addEventListener("change", update);
  return fieldset;
}

function mark(index) {
  active = index;
  fieldsets().forEach((fieldset, i) => fieldset.classList.toggle("active", i === index));
}

function activate(index) {
  const fieldset = fieldsets()[index];
  if (!fieldset) return;
  mark(index);
  const input = checked(fieldset) || fieldset.querySelector("input");
  input.focus({ preventScroll: true });
  if (matchMedia("(min-width: 900px)").matches) fieldset.scrollIntoView({ block: "nearest" });
}

function update() {
  byId("next").disabled = isBusy || !fieldsets().every(checked);
  byId("undo").disabled = isBusy || !task || !task.can_undo;
}

function show(next) {
  task = next;
  const isEnd = task.kind === "end";
  byId("progress").max = Math.max(1, task.total);
  byId("progress").value = task.done;
  byId("count").textContent = `${task.done} of ${task.total}`;
  document.title = `${task.done} of ${task.total} · Questions about clips`;
  document.querySelector("main").className = task.kind;
  byId("prompt").textContent = task.prompt || "";
  byId("prompt").hidden = !task.prompt;
  byId("film").hidden = byId("next").hidden = isEnd;
  byId("undo").hidden = false;
  byId("end").hidden = !isEnd;
  for (const video of videos()) video.removeAttribute("src"); // ends what is still loading
  byId("seek").value = 0;
  const names = task.kind === "pair" ? ["First clip", "Second clip"] : ["Clip"];
  byId("videos").replaceChildren(
    ...(task.videos || []).map((id, i) => {
      const video = makeVideo(id, names[i]);
      return task.kind === "pair" ? make("figure", {}, make("figcaption", { textContent: names[i] }), video) : video;
    })
  );
  byId("questions").replaceChildren(...(task.questions || []).map(makeQuestion));
  update();
  scrollTo(0, 0); // on a phone the next clip is above
  if (isEnd) byId("end").focus();
  else activate(0);
  document.body.dataset.task = task.task || "end";
}

async function request(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path + query, options);
  } catch {
    throw new Error("The server does not answer. Nothing is lost: try again in a moment.");
  }
  if (response.ok) return response.json();
  const error = new Error((await response.text()).trim());
  error.status = response.status;
  throw error;
}

async function go(path, body) {
  if (isBusy) return;
  isBusy = true;
  update();
  try {
    const next = await request(path, body);
    notify("");
    show(next);
  } catch (error) {
    notify(error.message);
    if (error.status === 409) await request("/task").then(show, () => {});
  } finally {
    isBusy = false;
    update();
  }
}

function send() {
  const missing = fieldsets().findIndex(fieldset => !checked(fieldset));
  if (!task || task.kind === "end") return;
  if (missing >= 0) return activate(missing);
  const answers = Object.fromEntries(fieldsets().map(fieldset => [checked(fieldset).name, checked(fieldset).value]));
  go("/answer", { task: task.task, ...answers });
}

function undo() {
  if (task && task.can_undo) go("/undo", {});
}

function choose(number) {
  const input = fieldsets()[active]?.querySelectorAll("input")[number - 1];
  if (!input) return;
  input.checked = true;
  update();
  if (active + 1 < fieldsets().length) activate(active + 1);
  else input.focus({ preventScroll: true });
}

const KEYS = {
  r: replay,
  s: () => showFrame(false),
  e: () => showFrame(true),
  p: toggle,
  z: undo,
  backspace: () => activate(Math.max(0, active - 1)),
};

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const key = event.key.toLowerCase();
  const isEnter = key === "enter" && !event.target.closest("button, summary");
  const isNumber = /^[1-9]$/.test(key);
  if (!isEnter && !isNumber && !Object.hasOwn(KEYS, key)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (isEnter) send();
  else if (isNumber) choose(Number(key));
  else KEYS[key]();
});
byId("form").addEventListener("submit", event => {
  event.preventDefault();
  send();
});
byId("replay").addEventListener("click", replay);
byId("first").addEventListener("click", () => showFrame(false));
byId("last").addEventListener("click", () => showFrame(true));
byId("seek").addEventListener("input", event => seek(Number(event.target.value)));
byId("undo").addEventListener("click", undo);
go("/task");
