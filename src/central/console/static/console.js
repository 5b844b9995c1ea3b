// The console's script: live lists, keys, the faces' size. Without it every page still works.
"use strict";

const body = document.body;
const title = document.title;

// Times in the officer's own zone.
function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const today = at.toDateString() === new Date().toDateString();
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    element.textContent = today ? clock : `${at.toLocaleDateString()} ${clock}`;
    element.title = at.toString();
  }
}

// Waiting times go on while the page stands; the server's words, kept up to date.
function waiting() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(element.dataset.since)) / 1000));
    if (!(seconds < 3600)) continue;
    element.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
    element.classList.toggle("long", seconds > 120);
  }
}

function openCases(count) {
  for (const badge of document.querySelectorAll("[data-open-cases]")) {
    badge.textContent = count;
    badge.classList.toggle("some", count > 0);
  }
  document.title = count > 0 ? `(${count}) ${title}` : title;
}

// Live lists: at each event the page is fetched and its live part put in place of the old one.
let fetching = false;
let again = false;

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
    if (fresh) put(live, fresh);
  } catch {
    // The connection is lost: the event source says so and comes back by itself.
  } finally {
    fetching = false;
    if (again) { again = false; setTimeout(refresh, 300); }
  }
}

function put(live, fresh) {
  const known = new Set([...live.querySelectorAll("[data-row]")].map((row) => row.getAttribute("href")));
  const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  for (const row of fresh.querySelectorAll("[data-row]")) {
    if (known.size > 0 && !known.has(row.getAttribute("href"))) row.closest("tr").classList.add("fresh");
  }
  localTimes(fresh);
  live.replaceChildren(...document.adoptNode(fresh).childNodes);
  if (focused) [...live.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus();
}

function listen() {
  const state = document.querySelector("[data-link]");
  const source = new EventSource("/events");
  const say = (text, lost) => { state.textContent = text; state.classList.toggle("lost", lost); };
  source.onopen = () => say("Live", false);
  source.onerror = () => {
    say("Connection lost", true);
    // A browser gives up on some errors; a page that tries again is worth more.
    if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(listen, 3000); }
  };
  source.onmessage = (event) => {
    const count = Number.parseInt(event.data, 10);
    if (Number.isFinite(count)) openCases(count);
    refresh();
  };
  addEventListener("pagehide", () => source.close());
}

// Faces: both are enlarged and moved together.
function faces() {
  const pair = document.querySelector("[data-faces]");
  const tools = document.querySelector("[data-tools]");
  if (!pair || !tools) return () => {};
  tools.hidden = false;
  const zoom = tools.querySelector("[data-zoom]");
  const bright = tools.querySelector("[data-bright]");
  let x = 0;
  let y = 0;
  const show = () => {
    const room = 50 * (1 - 1 / zoom.value);
    x = Math.max(-room, Math.min(room, x));
    y = Math.max(-room, Math.min(room, y));
    pair.style.setProperty("--zoom", zoom.value);
    pair.style.setProperty("--bright", bright.value);
    pair.style.setProperty("--x", `${x}%`);
    pair.style.setProperty("--y", `${y}%`);
  };
  const resize = (step) => { zoom.value = Number(zoom.value) + step; show(); };
  zoom.oninput = show;
  bright.oninput = show;
  tools.querySelector("[data-mirror]").onchange = (event) => pair.classList.toggle("mirrored", event.target.checked);
  const reset = () => { zoom.value = 1; bright.value = 1; x = 0; y = 0; show(); };
  tools.querySelector("[data-reset]").onclick = reset;
  pair.addEventListener("wheel", (event) => { event.preventDefault(); resize(event.deltaY < 0 ? 0.2 : -0.2); }, { passive: false });
  pair.addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    const pane = event.target.closest(".pane");
    if (!pane) return;
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
  return (key) => { if (key === "+" || key === "=") resize(0.4); else if (key === "-") resize(-0.4); else if (key === "0") reset(); };
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

// A note is needed to admit where a check failed; the server asks for it too.
function decision() {
  const form = document.querySelector("[data-decision][data-overrides]");
  form?.addEventListener("change", () => {
    form.elements.note.required = form.elements.decision.value === "admit";
  });
}

// Keys of one letter; they can be turned off, and never act while something is typed.
function keys(resize) {
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
    const typing = event.target.closest("textarea, input:not([type=radio], [type=checkbox], [type=range])");
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
    else if ("+=-0".includes(event.key)) resize(event.key);
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

localTimes(body);
setInterval(waiting, 5000);
openCases(Number.parseInt(document.querySelector("[data-open-cases]")?.textContent ?? "0", 10));
listen();
decision();
strip();
keys(faces());
