/* The desk: one conversation after the other without leaving the page, always up to date, keyboard first. */
import { call, csrf, live, shortcut, swapLive } from "./app.js";
import { take, wireActs, wireForms } from "./desk-acts.js";
import { look, toggleSound, watchClocks, wireAlerts } from "./desk-alerts.js";
import { drawOutbox, openComposer, openSearch, pickNth, settle, suggest, write } from "./desk-composer.js";
import { morph, refresher, setClock, tick, tickOffers } from "./desk-parts.js";
import { togglePick } from "./desk-pick.js";

const $ = (id) => document.getElementById(id);
const room = $("room");
const NET_MS = 15_000;
const TYPING_MS = 4000;
let current = room.dataset.conversation;
let lastCustomerSeq = 0;
let readSeq = 0;

/* --- lists ---------------------------------------------------------------------------------------- */

const refreshLists = refresher(() => `/desk/list?open_id=${current}`, (html) => {
  morph($("lists"), html);
  filter();
  synced();
});

function synced() {
  const status = $("status").dataset;
  setClock(Number(status.at));
  tick();
  look(current);
  const time = new Intl.DateTimeFormat("zh-CN", { timeStyle: "medium", hourCycle: "h23", timeZone: "Asia/Shanghai" });
  say(`已连接，${time.format(Number(status.at))} 同步`, true);
}

function say(text, good) {
  $("sync-text").textContent = text;
  $("sync").querySelector(".presence").classList.toggle("off", !good);
}

function filter() {
  const wanted = ($("find").value ?? "").trim().toLowerCase();
  for (const row of document.querySelectorAll("[data-find]")) {
    const item = row.closest("li");
    const out = Boolean(wanted) && !row.dataset.find.toLowerCase().includes(wanted);
    item.hidden = out;
    if (out) item.dataset.filtered = ""; else delete item.dataset.filtered;
  }
}

/* --- one conversation ------------------------------------------------------------------------------ */

const atNewest = () => Math.abs($("log")?.scrollTop ?? 0) < 24;

const refreshLog = refresher(() => (current ? `/desk/${current}?part=log${everything()}` : ""), (html) => {
  const log = $("log");
  if (!log) return;
  const resting = atNewest();
  const before = log.scrollHeight;
  const typing = $("m-typing") && !$("m-typing").hidden;
  morph($("flow"), html);
  if (typing) $("m-typing").hidden = false;
  drawOutbox();
  // The log is laid out from its end, so a reader's place has to be kept against what was added there.
  if (!resting) log.scrollTop -= log.scrollHeight - before;
  const seq = newestSeq();
  if (seq > lastCustomerSeq) {
    lastCustomerSeq = seq;
    $("m-typing").hidden = true; // what was being typed is here
    if (resting) log.scrollTop = 0; else $("newer").hidden = false;
    suggest();
  }
  markRead();
});

const refreshHead = refresher(() => (current ? `/desk/${current}?part=head` : ""), (html) => {
  const head = $("head");
  if (!head) return;
  morph(head, html, { style: "outerHTML" });
  settle();
  markRead();
});

const refreshSide = refresher(() => (current ? `/desk/${current}?part=side` : ""), (html) => {
  if (!$("side").contains(document.activeElement)) morph($("side"), html);
});

const everything = () => (new URLSearchParams(location.search).has("all") ? "&all=1" : "");
const newestSeq = () => Math.max(0, ...[...document.querySelectorAll("#flow [data-customer]")].map((one) => Number(one.dataset.seq)));

function refreshRoom() { refreshLog(); refreshHead(); }

/* 已读 means read: the holder's page is in front, and the newest words are in view. */
function markRead() {
  const seq = newestSeq();
  if (document.hidden || !atNewest() || seq <= readSeq || $("head")?.dataset.role !== "holder") return;
  const [before, where] = [readSeq, current];
  readSeq = seq;
  call(`/api/desk/${where}/read`, { method: "POST", body: { seq } }).catch(() => { if (where === current) readSeq = before; });
}

const topicsOf = (conversation) => (conversation ? [`conversation:${conversation}`, `typing-customer:${conversation}`] : []);

function opened() {
  room.dataset.conversation = current;
  if (!current || !$("log")) return;
  lastCustomerSeq = newestSeq();
  readSeq = 0;
  openComposer(current, refreshLog);
  $("log").addEventListener("scroll", () => { if (atNewest()) { $("newer").hidden = true; markRead(); } }, { passive: true });
  $("newer").addEventListener("click", () => { $("log").scrollTop = 0; });
  wireForms();
  markRead();
}

let opening = 0; // counts where the agent has turned to: an answer that comes later than the next turn is not followed

async function open(conversation, { push = true, focus = false } = {}) {
  if (!conversation) return;
  const turn = ++opening;
  if (conversation === current) return;
  const address = `/desk/${conversation}`;
  try {
    const response = await fetch(`${address}?part=room`, { headers: { "HX-Request": "true", Accept: "text/html" }, credentials: "same-origin" });
    if (!response.ok) throw new Error(String(response.status));
    const html = await response.text();
    if (turn !== opening) return;
    room.innerHTML = html;
  } catch {
    if (turn === opening) location.assign(address);
    return;
  }
  swapLive(topicsOf(current), topicsOf(conversation));
  current = conversation;
  document.querySelector(".desk").classList.remove("show-lists", "show-side");
  if (push) history.pushState({ conversation }, "", address);
  mark();
  opened();
  if (focus && $("head")?.dataset.role === "holder") write("reply");
}

function mark() {
  for (const row of document.querySelectorAll("[data-open]")) {
    if (row.dataset.open === current) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    row.querySelector(".avatar")?.classList.toggle("me", row.dataset.open === current);
  }
}

function step(by) {
  const rows = [...document.querySelectorAll("#mine [data-open], #asked [data-open], #queue [data-open]")].filter((row) => row.checkVisibility());
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.dataset.open === current);
  const next = rows[here === -1 ? 0 : (here + by + rows.length) % rows.length];
  next.scrollIntoView({ block: "nearest" });
  open(next.dataset.open);
}

wireActs({ current: () => current, turn: () => opening, open, lists: refreshLists, room: refreshRoom, head: refreshHead, log: refreshLog, side: refreshSide });
document.addEventListener("input", (event) => { if (event.target.id === "find") filter(); });
document.addEventListener("keydown", (event) => {
  if (event.target.id === "find" && event.key === "Escape") { event.target.value = ""; filter(); event.target.blur(); }
  if (event.target.id === "find" && event.key === "Enter") step(1);
});
window.addEventListener("popstate", () => {
  const conversation = location.pathname.split("/")[2] ?? "";
  if (conversation && conversation !== current) open(conversation, { push: false }); else if (!conversation) location.reload();
});

/* What became of my own edits: fetched when somebody looks. */
$("edits").addEventListener("toggle", async (event) => {
  if (event.newState !== "open") return;
  try {
    const response = await fetch("/desk/proposals", { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (response.ok) $("edits-list").innerHTML = await response.text();
  } catch { $("edits-list").textContent = "网络断了，连上后再看。"; }
});

/* --- keys, hints, presence --------------------------------------------------------------------------- */

const firstOffer = () => document.querySelector("[data-accept]");

shortcut("j", "下一个会话", () => step(1), { group: "工作台" });
shortcut("k", "上一个会话", () => step(-1), { group: "工作台" });
shortcut("s", "提示音开或关", toggleSound, { group: "工作台" });
shortcut("Alt+a", "接下分配给你的客户（写字时也行）", () => { const one = firstOffer(); if (one) take(one, one.dataset.accept); }, { group: "工作台", everywhere: true });
for (const index of [0, 1, 2]) {
  shortcut(`Alt+${index + 1}`, `插入第 ${index + 1} 条答复`, () => pickNth(index), { group: "工作台", everywhere: true });
}
shortcut("Alt+k", "搜全部话术", openSearch, { group: "工作台", everywhere: true });
shortcut("Alt+j", "表情", () => togglePick("emoji"), { group: "工作台", everywhere: true });
shortcut("Alt+i", "插入字段（输入框里也可按 {）", () => togglePick("fields"), { group: "工作台", everywhere: true });

document.body.addEventListener("live:queue", refreshLists);
document.body.addEventListener("live:desk", refreshLists);
document.body.addEventListener("live:conversation", (event) => {
  if (event.detail?.topic === `conversation:${current}`) refreshRoom();
  refreshLists();
});
let typingEnds = 0;
document.body.addEventListener("live:typing-customer", (event) => {
  if (event.detail?.topic !== `typing-customer:${current}` || !$("m-typing")) return;
  $("m-typing").hidden = false;
  clearTimeout(typingEnds);
  typingEnds = setTimeout(() => { if ($("m-typing")) $("m-typing").hidden = true; }, TYPING_MS);
});
const lookAgain = () => { refreshLists(); refreshRoom(); };
document.body.addEventListener("live:resync", lookAgain);
document.addEventListener("visibilitychange", () => { if (!document.hidden) markRead(); });
window.setInterval(lookAgain, NET_MS);
window.setInterval(() => { tick(); if (tickOffers()) refreshLists(); watchClocks(); }, 1000);

const heart = new Worker("/static/js/desk-beat.js");
heart.addEventListener("message", ({ data }) => {
  if (data.ok) return;
  say(data.status === 401 ? "登录过期，写好的还在，请重新登录" : "没有连上，正在重试", false);
});
heart.postMessage({ csrf: csrf() });

wireAlerts();
synced();
live(topicsOf(current));
opened();
