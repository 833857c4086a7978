/* Live hints for staff pages. The stream carries no content, only "this topic changed": a lost hint costs a
   moment, never a message. For a hint on topic "conversation:42" the body receives the events
   `live:conversation:42` and `live:conversation`; elements write hx-trigger="live:queue from:body".
   After a reconnection, a wake-up or every 20 s (the net) `live:resync` asks all of them to look again. */
const NET_MS = 20_000;
const QUIET_MS = 25_000; // the server beats every 10 s: this much silence is a dead line that still looks open
const HIDDEN_MS = 15_000; // how long a tab that nobody looks at keeps its line
const topics = new Set();
let source = null;
let retry = 0;
let timer = 0;
let offlineTimer = 0;
let hiddenTimer = 0;
let lastHeard = 0;
let missed = false; // whether hints may have gone by since the page last looked

const emit = (name, detail = {}) =>
  document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));

function notice(show) {
  const region = document.getElementById("net");
  window.clearTimeout(offlineTimer);
  if (!region) return;
  if (!show) { region.replaceChildren(); return; }
  // A blink of the line is not news: only after 3 s do we say it.
  offlineTimer = window.setTimeout(() => {
    const box = document.createElement("div");
    box.className = "banner warning";
    const icon = document.createElement("i");
    icon.className = "i i-off";
    icon.setAttribute("aria-hidden", "true");
    const words = document.createElement("p");
    words.className = "grow";
    words.textContent = "连接断了，正在重连。写好的都在，连上后自动更新。";
    const again = document.createElement("button");
    again.type = "button";
    again.className = "btn s";
    again.textContent = "立即重连";
    again.addEventListener("click", () => { retry = 0; open(); });
    box.append(icon, words, again);
    region.replaceChildren(box);
  }, 3000);
}

function heard(event) {
  lastHeard = Date.now();
  let hint;
  try { hint = JSON.parse(event.data); } catch { return; }
  const topic = typeof hint === "string" ? hint : hint?.topic;
  if (!topic) return;
  emit(`live:${topic}`, hint);
  const kind = topic.split(":")[0];
  if (kind !== topic) emit(`live:${kind}`, hint);
}

function shut() {
  window.clearTimeout(timer);
  if (source) missed = true;
  source?.close();
  source = null;
}

/* A browser opens six lines to a host at most, and each stream holds one: with a seventh tab nothing would load any
   more. So a tab that nobody looks at gives its line back, and reads at once when it is looked at again. The desk
   keeps its line: it rings, and it shows that the agent is there. */
function yieldWhileHidden() {
  window.clearTimeout(hiddenTimer);
  if (!document.hidden || document.querySelector("[data-live-hidden]")) return;
  hiddenTimer = window.setTimeout(shut, HIDDEN_MS);
}

function open() {
  shut();
  if (!topics.size) return;
  const stream = new EventSource(`/api/events?topics=${encodeURIComponent([...topics].join(","))}`);
  source = stream;
  lastHeard = Date.now();
  stream.onopen = () => {
    lastHeard = Date.now();
    if (missed || retry) emit("live:resync");
    missed = false;
    retry = 0;
    notice(false);
  };
  stream.onmessage = heard;
  stream.addEventListener("hint", heard);
  stream.addEventListener("beat", () => { lastHeard = Date.now(); });
  stream.onerror = () => {
    // The browser's own retry gives up on some answers (a proxy's 502): ours never does.
    stream.close();
    if (source !== stream) return;
    source = null;
    missed = true;
    notice(true);
    retry += 1;
    const wait = Math.min(20_000, 500 * 2 ** Math.min(retry, 6)) * (0.75 + Math.random() / 2);
    timer = window.setTimeout(open, wait);
  };
  yieldWhileHidden();
}

const silent = () => !source || source.readyState === EventSource.CLOSED || Date.now() - lastHeard > QUIET_MS;

/* After sleep or a lost network: read at once (that needs no stream), and make sure of the stream. */
function wake(anew) {
  if (!topics.size) return;
  if (anew || silent()) { retry = 0; missed = true; open(); }
  emit("live:resync");
}

/** Subscribes to more topics; `onHint(detail)` is called for each of their hints. Returns an unsubscriber. */
export function live(names, onHint) {
  const wanted = [names].flat();
  const before = topics.size;
  wanted.forEach((name) => topics.add(name));
  if (topics.size !== before) open();
  if (!onHint) return () => {};
  const listener = (event) => onHint(event.detail);
  wanted.forEach((name) => document.body.addEventListener(`live:${name}`, listener));
  return () => wanted.forEach((name) => document.body.removeEventListener(`live:${name}`, listener));
}

/** Leaves some topics for others in one go: the stream carries twenty at most. */
export function swapLive(left, wanted) {
  left.forEach((name) => topics.delete(name));
  wanted.forEach((name) => topics.add(name));
  open();
}

/** Reads `data-live="queue,conversation:42"` from the body and from what htmx brings in. */
export function wireLive() {
  const collect = (root) => {
    const found = [root, ...root.querySelectorAll("[data-live]")]
      .flatMap((element) => (element.dataset?.live ?? "").split(",")).map((name) => name.trim()).filter(Boolean);
    if (found.length) live(found);
  };
  collect(document.body);
  document.body.addEventListener("htmx:load", (event) => collect(event.target));
  document.addEventListener("visibilitychange", () => { yieldWhileHidden(); if (!document.hidden) wake(false); });
  yieldWhileHidden(); // opened in the background
  document.addEventListener("resume", () => wake(false));
  window.addEventListener("online", () => wake(true));
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) wake(true); });
  window.setInterval(() => { if (topics.size && !document.hidden) emit("live:resync"); }, NET_MS);
  // A line that died in its sleep says nothing at all, not even goodbye.
  window.setInterval(() => { if (source && silent()) wake(true); }, 5000);
}
