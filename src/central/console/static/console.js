// The console's script: live pages, sound, keys, the faces. Without it every page still works.
"use strict";

const body = document.body;
const title = document.title;

// Times in the officer's own zone.
function localTimes(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    element.textContent = at.toDateString() === today ? clock : `${at.toLocaleDateString()} ${clock}`;
    element.title = at.toString();
  }
}

// Waiting times go on while the page stands; the server's words, kept up to date.
function waiting(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - new Date(element.dataset.since)) / 1000));
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    const words = minutes < 1 ? `${seconds} s` : hours < 1 ? `${minutes} min`
      : hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
    if (element.textContent !== words) element.textContent = words;
  }
}

function openCases(count) {
  for (const badge of document.querySelectorAll("[data-open-cases]")) {
    badge.textContent = count;
    badge.classList.toggle("some", count > 0);
  }
  document.title = count > 0 ? `(${count}) ${title}` : title;
}

// A sound for each new case, for those who wish one; browsers let a page sound only after a key or click.
const sound = {
  context: null,
  on: () => localStorage.getItem("egate-sound") === "on",
  start() {
    if (!this.on()) return;
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().then(() => this.show());
    this.show();
  },
  show() {
    const button = document.querySelector("[data-sound]");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(this.on()));
    const waits = this.on() && this.context?.state !== "running";
    button.querySelector("[data-sound-word]").textContent = waits ? "on, after a click" : this.on() ? "on" : "off";
  },
  // Two notes; three, rising, when a case waits too long.
  play(urgent) {
    if (!this.on() || this.context?.state !== "running") return;
    const notes = urgent ? [660, 880, 1175] : [660, 880];
    notes.forEach((pitch, place) => {
      const at = this.context.currentTime + place * 0.16;
      const [tone, loudness] = [this.context.createOscillator(), this.context.createGain()];
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.25, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.15);
      tone.connect(loudness).connect(this.context.destination);
      tone.start(at);
      tone.stop(at + 0.16);
    });
    body.dataset.sounded = String(Number(body.dataset.sounded ?? 0) + 1);
  },
};

function soundButton() {
  const button = document.querySelector("[data-sound]");
  if (!button) return;
  button.onclick = () => {
    localStorage.setItem("egate-sound", sound.on() ? "off" : "on");
    sound.start();
    sound.show();
  };
  sound.start();
  sound.show();
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => sound.start(), { passive: true });
}

// Live pages: at each event the page is fetched, and what differs from what the server said before is put in place.
const said = new WeakMap();
let fetching = false;
let again = false;
const REST = 1000;

async function refresh() {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { "x-egate-live": "1" } });
    if (answer.redirected || !answer.ok) { location.reload(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh) { timeless(fresh); await put(live, fresh); }
  } catch {
    // The connection is lost: the event source says so and comes back by itself.
  } finally {
    setTimeout(() => {
      fetching = false;
      if (again) { again = false; refresh(); }
    }, REST);
  }
}

// One part in each frame, so that a page of many lines never holds up what an officer types.
async function put(live, fresh) {
  const parts = (root) => [...root.children].map((part) => part.dataset.part).join();
  if (parts(live) !== parts(fresh)) {
    keepingFocus(live, () => live.replaceChildren(...adopt(fresh).childNodes));
    return;
  }
  for (const part of [...fresh.children]) {
    await new Promise((done) => { setTimeout(done, 0); });
    const old = [...live.children].find((known) => known.dataset.part === part.dataset.part);
    if (old) putPart(old, part);
  }
}

// A part whose list has keys keeps the lines that say the same; any other part is put in place whole.
function putPart(old, fresh) {
  const [oldList, freshList] = [old, fresh].map((part) => part.querySelector("[data-keyed]"));
  if (!oldList || !freshList) {
    const text = fresh.outerHTML;
    if (said.get(old) !== text) replace(old, adopt(fresh), text);
    return;
  }
  const known = new Map([...oldList.children].map((line) => [line.dataset.keyOf, line]));
  const lines = [...freshList.children].map((line) => {
    const [before, html] = [known.get(line.dataset.keyOf), line.outerHTML];
    if (before && said.get(before) === html) return before;
    const put = adopt(line);
    said.set(put, html);
    if (known.size > 0 && !before) put.classList.add("fresh");
    return put;
  });
  keepingFocus(oldList, () => {
    lines.forEach((line, place) => {
      if (oldList.children[place] !== line) oldList.insertBefore(line, oldList.children[place] ?? null);
    });
    while (oldList.children.length > lines.length) oldList.lastElementChild.remove();
  });
  // Around the list, what has no key.
  for (const selector of [".head", ".alarms-of-board"]) {
    const [was, is] = [old, fresh].map((part) => part.querySelector(selector));
    const text = is?.outerHTML;
    if (was && is && said.get(was) !== text) replace(was, adopt(is), text);
  }
}

function replace(old, fresh, text) {
  said.set(fresh, text);
  keepingFocus(old, () => old.replaceWith(fresh));
}

// Who stands on something with the keyboard stands on the same again when it was put anew.
function keepingFocus(root, change) {
  const stood = root.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (!stood || document.activeElement === stood) return;
  const same = (other) => ["id", "href", "name"].every((name) => other.getAttribute(name) === stood.getAttribute(name));
  const there = stood.isConnected ? stood : [...document.querySelectorAll(stood.localName)].find(same);
  there?.focus({ preventScroll: true });
}

function adopt(node) {
  const own = document.adoptNode(node);
  localTimes(own);
  waiting(own);
  return own;
}

// Waiting times go on by themselves: that one has grown is no change.
function timeless(root) {
  for (const element of root.querySelectorAll("[data-since]")) element.textContent = "";
}

// What the server said first, before times were made local.
function remember() {
  const live = document.querySelector("[data-live]");
  if (live) timeless(live);
  for (const part of live?.children ?? []) {
    for (const line of part.querySelector("[data-keyed]")?.children ?? []) said.set(line, line.outerHTML);
  }
}

function listen() {
  const state = document.querySelector("[data-link]");
  const source = new EventSource("/events");
  const badge = document.querySelector("[data-newest]");
  let newest = Number(badge?.dataset.newest ?? 0);
  let escalated = null;
  const say = (text, lost) => { state.textContent = text; state.classList.toggle("lost", lost); };
  source.onopen = () => say("Live", false);
  source.onerror = () => {
    say("Connection lost", true);
    // A browser gives up on some errors; a page that tries again is worth more. It also finds out when the
    // session is over.
    if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(() => { refresh(); listen(); }, 3000); }
  };
  source.onmessage = (event) => {
    if (event.data) {
      const queue = JSON.parse(event.data);
      openCases(queue.open);
      const late = escalated !== null && queue.escalated > escalated;
      if (badge && (queue.newest > newest || late)) sound.play(late);
      newest = Math.max(newest, queue.newest);
      escalated = queue.escalated;
    }
    refresh();
  };
  addEventListener("pagehide", () => source.close());
}

// Faces: both are enlarged and moved together, and can be laid over each other.
function faces() {
  const pair = document.querySelector("[data-faces]");
  const tools = document.querySelector("[data-tools]");
  if (!pair || !tools) return () => {};
  tools.hidden = false;
  const [zoom, bright, overlay, mirror] = ["zoom", "bright", "overlay", "mirror"].map((name) => tools.querySelector(`[data-${name}]`));
  let [x, y] = [0, 0];
  const show = () => {
    const room = 50 * (1 - 1 / zoom.value);
    x = Math.max(-room, Math.min(room, x));
    y = Math.max(-room, Math.min(room, y));
    for (const [name, value] of [["zoom", zoom.value], ["bright", bright.value], ["mix", overlay.value], ["x", `${x}%`], ["y", `${y}%`]]) {
      pair.style.setProperty(`--${name}`, value);
    }
    pair.classList.toggle("overlaid", overlay.value > 0);
    pair.classList.toggle("mirrored", mirror.checked);
  };
  const resize = (step) => { zoom.value = Number(zoom.value) + step; show(); };
  for (const tool of [zoom, bright, overlay, mirror]) tool.oninput = show;
  const reset = () => { zoom.value = 1; bright.value = 1; overlay.value = 0; mirror.checked = false; x = 0; y = 0; show(); };
  tools.querySelector("[data-reset]").onclick = reset;
  pair.addEventListener("wheel", (event) => { event.preventDefault(); resize(event.deltaY < 0 ? 0.2 : -0.2); }, { passive: false });
  pair.addEventListener("pointermove", (event) => {
    const pane = event.target.closest(".pane");
    if (event.buttons !== 1 || !pane) return;
    x += (100 * event.movementX) / pane.clientWidth / zoom.value;
    y += (100 * event.movementY) / pane.clientHeight / zoom.value;
    show();
  });
  pair.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [4, 0], ArrowRight: [-4, 0], ArrowUp: [0, 4], ArrowDown: [0, -4] }[event.key];
    if (!step) return;
    event.preventDefault();
    x += step[0];
    y += step[1];
    show();
  });
  const acts = {
    "+": () => resize(0.4), "=": () => resize(0.4), "-": () => resize(-0.4), 0: reset,
    o: () => { overlay.value = overlay.value > 0 ? 0 : 0.5; show(); },
    m: () => { mirror.checked = !mirror.checked; show(); },
  };
  return (key) => acts[key]?.();
}

// All frames of the person: one that is chosen is shown large beside the portrait.
function strip() {
  const links = [...document.querySelectorAll("[data-swap]")];
  const frame = document.querySelector(".frame");
  if (!frame) return;
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const small = link.querySelector("img");
      const large = frame.querySelector("img");
      large.src = small.src;
      large.alt = small.alt;
      frame.querySelector("figcaption").textContent = small.alt;
      for (const other of links) other.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
    });
  }
  links[0]?.setAttribute("aria-current", "true");
}

// The reasons that fit the decision, with the one that the own judgement suggests. To admit where a check failed,
// reason and note are the officer's own; the server asks for them too.
function decision() {
  const form = document.querySelector("[data-decision]");
  if (!form) return;
  const { reason, note } = form.elements;
  const overrides = "overrides" in form.dataset;
  form.addEventListener("change", (event) => {
    if (event.target.name !== "decision") return;
    for (const group of reason.querySelectorAll("optgroup")) {
      group.hidden = group.disabled = group.dataset.for !== event.target.value;
    }
    reason.value = event.target.dataset.suggested;
    note.required = overrides && event.target.value === "admit";
  });
}

// Acts that cannot be taken back are asked about first.
function confirmations() {
  addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
  for (const link of document.querySelectorAll("[data-absolute]")) link.textContent = new URL(link.textContent, location.href).href;
}

// Keys of one letter; they can be turned off, and never act while something is typed.
function keys(face) {
  const help = document.querySelector("dialog.keys");
  const button = document.querySelector("[data-help]");
  const on = document.querySelector("[data-keys-on]");
  const stored = () => localStorage.getItem("egate-keys") !== "off";
  on.checked = stored();
  on.onchange = () => localStorage.setItem("egate-keys", on.checked ? "on" : "off");
  button.hidden = false;
  button.onclick = () => help.showModal();
  let before = "";
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || help.open || !stored()) return;
    const last = before;
    before = event.key;
    if (last === "g") {
      const to = { c: "/cases", p: "/passages", l: "/lanes" }[event.key];
      if (to) location.assign(to);
      return;
    }
    if (event.key === "?") help.showModal();
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
    else if (event.key === "n") document.querySelector("[data-next]")?.click();
    else if ("+=-0om".includes(event.key)) face(event.key);
    else if (/^[1-3ars]$/.test(event.key)) {
      const target = document.querySelector(`[data-key="${event.key}"]`);
      target?.focus();
      target?.click();
    }
  });
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
}

remember();
localTimes(body);
waiting(body);
setInterval(() => waiting(body), 1000);
openCases(Number.parseInt(document.querySelector("[data-open-cases]")?.textContent ?? "0", 10));
soundButton();
listen();
decision();
confirmations();
strip();
keys(faces());
