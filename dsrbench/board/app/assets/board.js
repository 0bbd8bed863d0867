// The page of the board: <dsr-clip> plays boxes over a frame, dsrLink keeps the address in step with what is shown.
"use strict";
let arrived = false, current = "";
// The address when a tab is first shown, "elsewhere" while it leads to another tab, "" ever after.
window.dsrArrive = (tab, tabs) => {
  const asked = new URLSearchParams(location.search).get("tab");
  if (!arrived && (tabs.includes(asked) ? asked : tabs[0]) !== tab) return "elsewhere";
  current = tab;
  if (arrived) return "";
  arrived = true;
  return location.search;
};
window.dsrLink = (tab, names, usual, values) => {
  if (current !== tab) return;
  const address = new URL(location.href);
  const kept = [...address.searchParams].filter(([name]) => name.startsWith("__"));
  const shown = names.map((name, i) => [name, Array.isArray(values[i]) ? values[i].join() : values[i] ?? ""]);
  address.search = new URLSearchParams([...kept, ["tab", tab], ...shown.filter(([, value], i) => value !== usual[i])]);
  history.replaceState(history.state, "", address);
};
(() => {
  class Clip extends HTMLElement {
    connectedCallback() {
      if (this.slider || !this.dataset.boxes) return;
      this.clip = JSON.parse(this.dataset.boxes);
      this.video = this.querySelector("video");
      this.make();
      this.show(0);
    }

    disconnectedCallback() {
      this.stop();
    }

    make() {
      const last = this.clip.subject.length - 1;
      this.slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: last, value: 0 });
      this.slider.setAttribute("aria-label", "Frame");
      this.slider.addEventListener("input", () => { this.stop(); this.show(+this.slider.value); });
      this.button = Object.assign(document.createElement("button"), { type: "button", textContent: "Play" });
      this.button.addEventListener("click", () => (this.timer ? this.stop() : this.play()));
      this.at = document.createElement("span");
      const row = Object.assign(document.createElement("div"), { className: "row" });
      row.append(this.button, this.slider, this.at);
      this.append(row);
    }

    play() {
      const last = this.clip.subject.length - 1;
      let frame = +this.slider.value >= last ? 0 : +this.slider.value;
      this.button.textContent = "Pause";
      this.timer = setInterval(() => {
        this.show(frame);
        if (++frame > last) this.stop();
      }, 1000 / Math.min(this.clip.fps || 8, 30));
    }

    stop() {
      clearInterval(this.timer);
      this.timer = 0;
      if (this.button) this.button.textContent = "Play";
    }

    show(frame) {
      const count = this.clip.subject.length;
      for (const kind of ["subject", "object"]) {
        const box = this.clip[kind][frame], drawn = this.querySelector(`rect.${kind}`);
        drawn.setAttribute("visibility", box[0] === null ? "hidden" : "visible");
        if (box[0] === null) continue;
        const values = { x: box[0], y: box[1], width: box[2] - box[0], height: box[3] - box[1] };
        for (const [name, value] of Object.entries(values)) drawn.setAttribute(name, value);
      }
      this.slider.value = frame;
      this.at.textContent = `frame ${frame + 1} of ${count}`;
      if (this.video && this.clip.fps) this.video.currentTime = (frame + 0.5) / this.clip.fps;
      this.mark(count > 1 ? frame / (count - 1) : 0.5);
    }

    mark(share) {
      const chart = this.parentElement?.querySelector("svg.chart");
      if (!chart) return;
      let line = chart.querySelector(".playhead");
      if (!line) {
        line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        line.setAttribute("class", "playhead");
        line.setAttribute("y1", 8);
        line.setAttribute("y2", 166);
        chart.append(line);
      }
      for (const name of ["x1", "x2"]) line.setAttribute(name, 30 + 678 * share);
    }
  }
  customElements.define("dsr-clip", Clip);
})();
