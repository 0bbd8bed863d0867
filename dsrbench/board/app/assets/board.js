// Script of the board's page: the address names the view, <dsr-view> fetches a tab's contents, <dsr-clip> plays boxes.
"use strict";
(() => {
  const queries = {}, answers = new Map();
  let restoring = true, current = "", first = "";

  const read = () => {
    const all = [...new URLSearchParams(location.search)], own = all.filter(([name]) => name.startsWith("__"));
    const rest = all.filter(([name]) => name !== "tab" && !name.startsWith("__"));
    return { tab: new URLSearchParams(location.search).get("tab"), own, query: String(new URLSearchParams(rest)) };
  };
  const write = (how, own, rest) => {
    const address = new URL(location.href);
    address.search = new URLSearchParams([...own, ...rest]);
    if (address.href !== location.href) history[how](history.state, "", address);
  };
  const ask = address => {
    if (!answers.has(address)) {
      answers.set(address, fetch(address).then(found => (found.ok ? found.text() : null), () => null));
    }
    return answers.get(address);
  };
  const buttonOf = tab => document.querySelector(`[role=tab][data-tab-id="${CSS.escape(tab)}"]`);
  const isOpen = tab => buttonOf(tab)?.getAttribute("aria-selected") === "true";
  const viewOf = tab => document.querySelector(`dsr-view[tab="${tab}"]`);

  // Returns the address that a tab restores when it opens, "elsewhere" where that leads to another tab, or "".
  window.dsrArrive = (tab, tabs) => {
    first = tabs[0];
    const asked = read(), wanted = tabs.includes(asked.tab) ? asked.tab : first;
    if (!isOpen(tab)) return "elsewhere";
    if (restoring && wanted !== tab && tab === first && !current) {
      buttonOf(wanted).click();
      return "elsewhere";
    }
    restoring &&= wanted === tab;
    const address = restoring ? location.search : "", view = viewOf(tab);
    if (restoring) queries[tab] = asked.query;
    [current, restoring] = [tab, false];
    if (!view?.isNew) view?.load();
    for (const one of document.querySelectorAll("dsr-view")) one.isNew = false;
    return address;
  };
  // Updates the address from the controls of a tab, given default values by name and current values; then its contents.
  window.dsrLink = (tab, usual, values) => {
    if (current !== tab) return;
    const shown = Object.entries(usual).map(([name, value], i) => [name, String(values[i] ?? ""), value]);
    const rest = shown.filter(([, value, plain]) => value !== plain).map(([name, value]) => [name, value]);
    const asked = read(), query = String(new URLSearchParams(rest));
    write((asked.tab ?? first) === tab ? "replaceState" : "pushState", asked.own, [["tab", tab], ...rest]);
    if (query === (queries[tab] ?? "")) return;
    queries[tab] = query;
    viewOf(tab)?.load();
  };
  const go = () => {
    const tab = read().tab ?? first;
    restoring = true;
    buttonOf(tab)?.focus({ preventScroll: true });
    if (isOpen(tab)) document.getElementById(`go-${tab}`)?.click();
    else buttonOf(tab)?.click();
  };
  addEventListener("popstate", go);
  document.addEventListener("click", event => {
    const link = event.target.closest?.('.dsr a[href^="?"]');
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    write("pushState", read().own, [...new URLSearchParams(link.search)]);
    go();
    scrollTo(0, 0);
  });

  class View extends HTMLElement {
    connectedCallback() {
      const asked = read(), tab = this.getAttribute("tab");
      if (restoring && asked.tab !== null && asked.tab !== tab) return;
      if (restoring) queries[tab] = asked.query;
      this.isNew = true;
      this.load();
    }

    async load() {
      const tab = this.getAttribute("tab"), address = `view/${tab}?${queries[tab] ?? ""}`;
      this.wanted = address;
      this.setAttribute("aria-busy", "true");
      const text = await ask(address);
      answers.delete(address);
      if (this.wanted !== address) return;
      this.removeAttribute("aria-busy");
      this.querySelector(":scope > .silent")?.remove();
      if (text === null) this.insertAdjacentHTML("afterbegin", SILENT);
      else if (text !== this.text) this.innerHTML = this.text = text;
    }
  }
  const SILENT = '<div class="dsr silent"><p class="notice" role="alert">The board does not answer; what is below is what it said last.</p></div>';
  customElements.define("dsr-view", View);
  const start = read();
  if (start.tab === null || start.tab === "board") ask(`view/board?${start.query}`);
})();
(() => {
  class Clip extends HTMLElement {
    connectedCallback() {
      if (this.slider || !this.dataset.boxes) return;
      this.clip = JSON.parse(this.dataset.boxes);
      this.last = this.clip.subject.length - 1;
      this.video = this.clip.fps ? this.querySelector("video") : null;
      this.make();
      this.video?.addEventListener("error", () => this.goStill());
      this.video?.addEventListener("seeked", () => this.seekOn());
      this.video?.addEventListener("ended", () => { this.stop(); this.draw(this.last); });
      this.show(0);
    }

    disconnectedCallback() {
      this.stop();
    }

    make() {
      this.slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: this.last, value: 0 });
      this.slider.setAttribute("aria-label", "Frame");
      this.slider.addEventListener("input", () => { this.stop(); this.show(+this.slider.value); });
      this.button = Object.assign(document.createElement("button"), { type: "button", textContent: "Play" });
      this.button.addEventListener("click", () => (this.plays ? this.stop() : this.play()));
      this.at = document.createElement("span");
      const row = Object.assign(document.createElement("div"), { className: "row" });
      row.append(this.button, this.slider, this.at);
      this.append(row);
    }

    play() {
      const from = +this.slider.value >= this.last ? 0 : +this.slider.value;
      this.button.textContent = "Pause";
      this.plays = true;
      if (this.video) return this.playVideo(from);
      let frame = from;
      this.timer = setInterval(() => {
        this.draw(frame);
        if (++frame > this.last) this.stop();
      }, 1000 / Math.min(this.clip.fps || 8, 30));
    }

    // The video plays by its own clock; the boxes follow the frame on the screen.
    playVideo(from) {
      const { video } = this, { fps } = this.clip;
      if (from === 0) video.currentTime = 0;
      const follow = (_, at) => {
        if (!this.plays || !this.video) return;
        this.draw(Math.round((at ? at.mediaTime : Math.max(0, video.currentTime - 0.5 / fps)) * fps));
        next();
      };
      const next = () => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame(follow));
      video.play().then(next, () => this.stop());
    }

    stop() {
      clearInterval(this.timer);
      this.plays = false;
      this.video?.pause();
      if (this.button) this.button.textContent = "Play";
    }

    goStill() {
      this.stop();
      this.video.remove();
      this.video = null;
      const says = Object.assign(document.createElement("p"), { className: "quiet", role: "status" });
      says.textContent = "This browser cannot play the video; its boxes are drawn without it.";
      this.append(says);
    }

    show(frame) {
      this.draw(frame);
      if (!this.video) return;
      if (this.video.seeking) this.wanted = frame;
      else this.video.currentTime = (frame + 0.5) / this.clip.fps;
    }

    seekOn() {
      if (this.wanted === undefined || this.plays) return;
      this.video.currentTime = (this.wanted + 0.5) / this.clip.fps;
      this.wanted = undefined;
    }

    draw(at) {
      const frame = Math.min(Math.max(at, 0), this.last);
      for (const kind of ["subject", "object"]) {
        const box = this.clip[kind][frame], drawn = this.querySelector(`rect.${kind}`);
        drawn.setAttribute("visibility", box[0] === null ? "hidden" : "visible");
        if (box[0] === null) continue;
        const values = { x: box[0], y: box[1], width: box[2] - box[0], height: box[3] - box[1] };
        for (const [name, value] of Object.entries(values)) drawn.setAttribute(name, value);
      }
      this.slider.value = frame;
      this.at.textContent = `frame ${frame + 1} of ${this.last + 1}`;
      this.mark(this.last > 0 ? frame / this.last : 0.5);
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
