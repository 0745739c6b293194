// Keeps pages fresh, applies what is chosen at once, says times in the viewer's zone, copies, and puts `/` on the search. Pages can be read without it.
"use strict";

/** Shortest pause between two refreshes of a page, and after pulls, which come in crowds. */
const REFRESH_PAUSE_MS = 400;
const PULLS_PAUSE_MS = 2000;
/** How often spoken times move on. */
const TICK_MS = 15000;

/** Pause after the last letter of a choice. */
const TYPED_PAUSE_MS = 250;

const live = document.querySelector("[data-live]");
/** A page about the past counts from then. */
const past = document.querySelector("[data-at]")?.dataset.at;
let paused = false;

function ago(then) {
  const [minute, hour, day] = [60, 3600, 86400];
  const ms = (past ? Date.parse(past) : Date.now()) - then.getTime();
  const seconds = Math.floor(Math.abs(ms) / 1000);
  // What is to come is rounded up: a token made for 30 days ends "in 30 d", not in 29.
  const count = (unit) => (ms < 0 ? Math.ceil(seconds / unit) : Math.floor(seconds / unit));
  let length;
  if (seconds < 5) return "just now";
  else if (seconds < minute) length = `${seconds} s`;
  else if (seconds < hour) length = `${count(minute)} min`;
  else if (seconds < day) length = `${count(hour)} h`;
  else if (seconds < 60 * day) length = `${count(day)} d`;
  else return then.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric", timeZoneName: "short" });
  return ms < 0 ? `in ${length}` : `${length} ago`;
}

function tell() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const then = new Date(time.dateTime);
    time.title = then.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    time.textContent = ago(then);
  }
}

/** Puts the server's newer regions in the place of the older ones; what was opened stays open, what had the focus has it. */
function renew(text) {
  const newer = new DOMParser().parseFromString(text, "text/html");
  const open = new Set([...document.querySelectorAll("details[open][id]")].map((one) => one.id));
  for (const region of document.querySelectorAll("[data-fresh][id]")) {
    const next = newer.getElementById(region.id);
    if (!next || next.innerHTML === region.dataset.seen) continue;
    const seen = next.innerHTML;
    const focused = region.contains(document.activeElement) ? place(region, document.activeElement) : null;
    for (const one of next.querySelectorAll("details[id]")) one.open = open.has(one.id);
    region.replaceChildren(...document.adoptNode(next).childNodes);
    region.dataset.seen = seen;
    if (focused) found(region, focused)?.focus({ preventScroll: true });
  }
  tell();
}

/** The place of an element: by its name, or among those of its kind. */
function place(region, element) {
  const name = element.tagName.toLowerCase();
  return { id: element.id, name, at: [...region.querySelectorAll(name)].indexOf(element) };
}

function found(region, { id, name, at }) {
  return id ? document.getElementById(id) : region.querySelectorAll(name)[at];
}

let waiting = 0;
let refreshed = 0;

function refreshWithin(pause) {
  if (paused || waiting || document.hidden) return;
  waiting = setTimeout(refresh, Math.max(REFRESH_PAUSE_MS, refreshed + pause - Date.now()));
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) location.reload(); // The session is over.
    else if (answer.ok && !paused) renew(await answer.text());
  } catch {
    // The server is away; the stream of events says when it is back.
  }
  refreshed = Date.now();
  waiting = 0;
}

/** Listens only while somebody looks: a browser keeps few connections to one host. */
let source = null;

function listen() {
  if (document.hidden || !live) {
    source?.close();
    source = null;
    return;
  }
  if (source) return;
  const query = live.dataset.environment ? `?environment=${encodeURIComponent(live.dataset.environment)}` : "";
  source = new EventSource(`/api/v1/events${query}`);
  let connected = false;
  source.onopen = () => {
    document.documentElement.dataset.listening = "yes";
    if (connected) refreshWithin(0); // Something may have happened in between.
    connected = true;
  };
  const kinds = live.dataset.live.split(" ");
  for (const kind of [...kinds, "missed"]) {
    const isCrowd = kind === "pull" || kind === "attempt";
    source.addEventListener(kind, () => refreshWithin(isCrowd ? PULLS_PAUSE_MS : 0));
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // Pages over plain HTTP have no clipboard: what is selected is copied with the keyboard.
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
  });
}

/** What is chosen stands in the address, so that a reload, Back and a link show it again. */
let chosen = 0;

function choose(event) {
  const form = event.target.form;
  if (!form?.matches("[data-instant]")) return;
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `${form.action}?${query}` : form.action);
  clearTimeout(chosen);
  chosen = setTimeout(refresh, TYPED_PAUSE_MS);
}

document.addEventListener("input", choose);

/** A form that changes nothing but what this page shows is sent without leaving the page. */
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-stay]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  try {
    await fetch(form.action, { method: "POST", body, redirect: "manual" });
  } finally {
    refresh();
  }
});

for (const button of document.querySelectorAll("[data-pause]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    button.setAttribute("aria-pressed", String(paused));
    if (!paused) refreshWithin(0);
  });
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const find = document.getElementById("question") ?? document.getElementById("find");
    if (find) {
      event.preventDefault();
      find.select();
      find.focus();
    }
  }
});

document.addEventListener("visibilitychange", () => {
  listen();
  if (!document.hidden && live) refreshWithin(0);
});
setInterval(tell, TICK_MS);
tell();
listen();
