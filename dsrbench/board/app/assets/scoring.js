// <dsr-scoring>: two boxes to drag, and their SSR curves and DSR-Score, computed as in dsrbench.geometry and
// dsrbench.metric.
"use strict";
(() => {
  const FRAMES = 81, FEWEST = 20, WINDOW = 3, UNDER_SHARE = 0.1, W = 320, H = 180, PASS = 0.7;
  const RELATIONS = { L: "left of", R: "right of", T: "on top of", U: "under" };
  const KEYS = [["start", 0], ["middle", 40], ["end", 80]];
  const SIZE = { subject: [48, 40], object: [64, 56] };
  const PRESETS = {
    "As asked": { subject: [[60, 110], [160, 60], [260, 110]], object: [[160, 112], [160, 112], [160, 112]] },
    "Stands still": { subject: [[60, 110], [60, 110], [60, 110]], object: [[160, 112], [160, 112], [160, 112]] },
    "Reversed": { subject: [[260, 110], [160, 60], [60, 110]], object: [[160, 112], [160, 112], [160, 112]] },
    "Half the way": { subject: [[60, 110], [110, 110], [160, 110]], object: [[160, 112], [160, 112], [160, 112]] },
    "The object moves": { subject: [[160, 90], [160, 90], [160, 90]], object: [[260, 112], [160, 130], [60, 112]] },
  };
  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "rect", "line", "polyline", "text", "g"].includes(name);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  function ssr(s, o, relation) {
    const [ws, hs, wo, ho] = [s[2] - s[0], s[3] - s[1], o[2] - o[0], o[3] - o[1]];
    const vx = s[0] + s[2] - o[0] - o[2], vy = s[1] + s[3] - o[1] - o[3];
    const length = Math.max(Math.hypot(vx, vy), 1e-150);
    const along = (v, extent) => (Math.min(Math.abs(v) / extent, 1) * v) / length;
    if (relation === "R") return along(vx, ws + wo);
    if (relation === "L") return -along(vx, ws + wo);
    if (relation === "T") return -along(vy, hs + ho);
    return along(vy, 2 * UNDER_SHARE * Math.min(hs, ho));
  }

  function score(subject, object, initial, final) {
    const a = subject.map((box, i) => ssr(box, object[i], initial));
    const b = subject.map((box, i) => ssr(box, object[i], final));
    if (a.length < FEWEST) return null;
    const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
    const parts = [mean(a.slice(0, WINDOW)), (a[0] - a.at(-1)) / 2, mean(b.slice(-WINDOW)), (b.at(-1) - b[0]) / 2];
    return { initial: a, final: b, parts, score: parts.reduce((sum, part) => sum + part, 0) / 8 + 0.5 };
  }

  class Scoring extends HTMLElement {
    connectedCallback() {
      if (this.points) return;
      this.points = structuredClone(PRESETS["As asked"]);
      this.frame = 0;
      this.build();
      this.update();
    }

    boxAt(kind, frame) {
      const points = this.points[kind], half = (FRAMES - 1) / 2, from = frame < half ? 0 : 1;
      const share = frame / half - from, [w, h] = SIZE[kind];
      const [x, y] = [0, 1].map(axis => points[from][axis] * (1 - share) + points[from + 1][axis] * share);
      return [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
    }

    state() {
      const boxes = kind => Array.from({ length: FRAMES }, (_, frame) => this.boxAt(kind, frame));
      const [subject, object] = [boxes("subject"), boxes("object")];
      const relations = [this.first.value, this.last.value];
      return { subject, object, relations, ...score(subject, object, ...relations) };
    }

    build() {
      const choose = (label, value) => {
        const select = make("select", { "aria-label": label },
          ...Object.entries(RELATIONS).map(([code, words]) => make("option", { value: code }, words)));
        select.value = value;
        select.addEventListener("change", () => this.update());
        return select;
      };
      [this.first, this.last] = [choose("Relation at the start", "L"), choose("Relation at the end", "R")];
      const presets = Object.entries(PRESETS).map(([name, points]) => {
        const button = make("button", { type: "button" }, name);
        button.addEventListener("click", () => { this.points = structuredClone(points); this.update(); });
        return button;
      });
      this.stage = make("svg", { class: "stage", viewBox: `0 0 ${W} ${H}`, role: "group",
        "aria-label": "The frame, with two boxes to move" });
      this.ghosts = make("g", { "aria-hidden": "true" });
      this.stage.append(this.ghosts);
      this.boxes = {};
      for (const kind of ["object", "subject"]) this.addBox(kind);
      this.slider = make("input", { type: "range", min: 0, max: FRAMES - 1, value: 0, "aria-label": "Frame" });
      this.slider.addEventListener("input", () => { this.frame = +this.slider.value; this.update(); });
      this.play = make("button", { type: "button" }, "Play");
      this.play.addEventListener("click", () => this.toggle());
      this.at = make("span", { class: "quiet" });
      this.curves = make("svg", { class: "chart", viewBox: "0 0 720 190", role: "img" });
      this.result = make("output", { "aria-live": "polite" });
      this.parts = make("dl", { class: "parts" });
      this.replaceChildren(
        make("p", {}, "Asked for: the ", make("span", { class: "subject" }, "cat"), " goes from ", this.first, " to ",
          this.last, " the ", make("span", { class: "object" }, "chair"), "."),
        make("div", { class: "row" }, ...presets),
        make("div", { class: "two" },
          make("div", {}, this.stage, make("div", { class: "row" }, this.play, this.slider, this.at),
            make("p", { class: "quiet" }, "Drag a box, or focus it and use the arrow keys (Shift: larger steps). It moves at "
              + "the start, the middle or the end, whichever the slider is nearest to; in between it goes straight.")),
          make("div", {}, this.result, this.parts, this.curves)));
    }

    addBox(kind) {
      const box = make("rect", { class: kind, tabindex: 0, role: "button", width: SIZE[kind][0], height: SIZE[kind][1] });
      this.boxes[kind] = box;
      this.stage.append(box);
      box.addEventListener("keydown", event => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (!way) return;
        event.preventDefault();
        const step = event.shiftKey ? 20 : 4, [x, y] = this.points[kind][this.key()];
        this.move(kind, x + step * way[0], y + step * way[1]);
      });
      box.addEventListener("pointerdown", event => {
        event.preventDefault();
        box.focus();
        box.setPointerCapture(event.pointerId);
        const start = this.place(event), [x, y] = this.points[kind][this.key()];
        const drag = now => { const p = this.place(now); this.move(kind, x + p[0] - start[0], y + p[1] - start[1]); };
        const stop = () => { box.removeEventListener("pointermove", drag); };
        box.addEventListener("pointermove", drag);
        for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, stop, { once: true });
      });
    }

    place(event) {
      const frame = this.stage.getBoundingClientRect();
      return [((event.clientX - frame.left) * W) / frame.width, ((event.clientY - frame.top) * H) / frame.height];
    }

    key() {
      return Math.round(this.frame / ((FRAMES - 1) / 2));
    }

    move(kind, x, y) {
      const [w, h] = SIZE[kind], key = this.key();
      this.frame = KEYS[key][1];
      this.points[kind][key] = [Math.min(Math.max(x, w / 2), W - w / 2), Math.min(Math.max(y, h / 2), H - h / 2)];
      this.update();
    }

    toggle() {
      if (this.timer) { clearInterval(this.timer); this.timer = 0; this.play.textContent = "Play"; return; }
      this.play.textContent = "Pause";
      if (this.frame === FRAMES - 1) this.frame = 0;
      this.timer = setInterval(() => {
        if (!this.isConnected || this.frame >= FRAMES - 1) return this.toggle();
        this.frame += 1;
        this.update();
      }, 40);
    }

    disconnectedCallback() {
      if (this.timer) this.toggle();
    }

    update() {
      const now = this.state(), when = KEYS[this.key()][0];
      this.slider.value = this.frame;
      this.at.textContent = `frame ${this.frame + 1} of ${FRAMES} (${when})`;
      this.ghosts.replaceChildren();
      for (const kind of ["object", "subject"]) {
        const [x0, y0] = now[kind][this.frame], [w, h] = SIZE[kind], [x, y] = this.points[kind][this.key()];
        this.boxes[kind].setAttribute("x", x0);
        this.boxes[kind].setAttribute("y", y0);
        const name = kind === "subject" ? "cat" : "chair";
        this.boxes[kind].setAttribute("aria-label", `The ${name} at the ${when}, centre ${Math.round(x)}, ${Math.round(y)}; arrow keys move it`);
        for (const [gx, gy] of [this.points[kind][0], this.points[kind][2]])
          this.ghosts.append(make("rect", { class: `ghost ${kind}`, x: gx - w / 2, y: gy - h / 2, width: w, height: h }));
        this.ghosts.append(make("polyline", { class: `path ${kind}`, points: this.points[kind].map(p => p.join()).join(" ") }));
      }
      this.result.textContent = `DSR-Score ${now.score.toFixed(3)} – ${now.score >= PASS ? "passes 0.7" : "does not pass 0.7"}`;
      const titles = ["Start", "Leaves the start", "End", "Reaches the end"];
      this.parts.replaceChildren(...now.parts.map((part, i) =>
        make("div", {}, make("dt", {}, titles[i]), make("dd", {}, part.toFixed(3)))));
      this.draw(now);
    }

    draw(now) {
      const x = frame => 30 + (678 * frame) / (FRAMES - 1), y = value => 8 + (158 * (1 - value)) / 2;
      const nodes = [1, 0, -1].flatMap(value => [
        make("line", { class: value ? "grid" : "grid zero", x1: 30, x2: 708, y1: y(value), y2: y(value) }),
        make("text", { x: 22, y: y(value) + 4, "text-anchor": "end" }, String(value)),
      ]);
      nodes.push(make("rect", { class: "window initial", x: x(0) - 3, y: 8, width: x(WINDOW - 1) - x(0) + 6, height: 158 }));
      nodes.push(make("rect", { class: "window final", x: x(FRAMES - WINDOW) - 3, y: 8, width: x(WINDOW - 1) - x(0) + 6, height: 158 }));
      for (const name of ["initial", "final"])
        nodes.push(make("polyline", { class: name, points: now[name].map((value, i) => `${x(i)},${y(value)}`).join(" ") }));
      nodes.push(make("line", { class: "playhead", x1: x(this.frame), x2: x(this.frame), y1: 8, y2: 166 }));
      this.curves.replaceChildren(...nodes);
      const ends = name => `${now[name][0].toFixed(2)} to ${now[name].at(-1).toFixed(2)}`;
      this.curves.setAttribute("aria-label", `SSR scores of the initial relation from ${ends("initial")}, of the final one from ${ends("final")}`);
    }
  }
  customElements.define("dsr-scoring", Scoring);
})();
