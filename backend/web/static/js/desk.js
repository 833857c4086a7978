/* The desk: one conversation after the other without leaving the page, always up to date, keyboard first. */
import { call, csrf, live, shortcut, toast } from "./app.js";
import { drawOutbox, openComposer, openSearch, pickNth, settle, suggest, write } from "./desk-composer.js";
import { morph, refresher, setClock, tick } from "./desk-parts.js";

const $ = (id) => document.getElementById(id);
const room = $("room");
const NET_MS = 15_000;
const TITLE = "工作台 · 知客";
let current = room.dataset.conversation;
let lastCustomerSeq = 0;
let rooms = 0;

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
  const waiting = Number(status.waiting);
  const queue = Number(status.queue);
  // The number a passing eye needs: who waits for me, else who waits at all.
  document.title = waiting ? `(${waiting}) 等你回复 · 知客` : queue ? `[${queue}] 排队 · 知客` : TITLE;
  const badge = document.querySelector('.rail a[href="/desk"] .count');
  if (badge) { badge.hidden = !waiting; badge.firstChild.textContent = String(waiting); }
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
  morph($("flow"), html);
  drawOutbox();
  // The log is laid out from its end, so a reader's place has to be kept against what was added there.
  if (!resting) log.scrollTop -= log.scrollHeight - before;
  const seq = newestSeq();
  if (seq > lastCustomerSeq) {
    lastCustomerSeq = seq;
    if (resting) log.scrollTop = 0; else $("newer").hidden = false;
    suggest();
  }
});

const refreshHead = refresher(() => (current ? `/desk/${current}?part=head` : ""), (html) => {
  const head = $("head");
  if (!head) return;
  morph(head, html, { style: "outerHTML" });
  settle();
});

const refreshSide = refresher(() => (current ? `/desk/${current}?part=side` : ""), (html) => {
  if (!$("side").contains(document.activeElement)) morph($("side"), html);
});

const everything = () => (new URLSearchParams(location.search).has("all") ? "&all=1" : "");
const newestSeq = () => Math.max(0, ...[...document.querySelectorAll("#flow [data-customer]")].map((one) => Number(one.dataset.seq)));

function refreshRoom() { refreshLog(); refreshHead(); }

function opened() {
  room.dataset.conversation = current;
  if (!current || !$("log")) return;
  lastCustomerSeq = newestSeq();
  openComposer(current, refreshLog);
  live([`conversation:${current}`, `typing-customer:${current}`]);
  $("log").addEventListener("scroll", () => { if (atNewest()) $("newer").hidden = true; }, { passive: true });
  $("newer").addEventListener("click", () => { $("log").scrollTop = 0; });
  wireForms();
}

let opening = 0;

async function open(conversation, { push = true, focus = false } = {}) {
  if (!conversation || conversation === current) return;
  const address = `/desk/${conversation}`;
  // The stream carries twenty topics at most; a fresh page starts a fresh stream.
  if (++rooms > 7) { location.assign(address); return; }
  const turn = ++opening;
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
  const rows = [...document.querySelectorAll("#mine [data-open], #queue [data-open]")].filter((row) => row.checkVisibility());
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.dataset.open === current);
  const next = rows[here === -1 ? 0 : (here + by + rows.length) % rows.length];
  next.scrollIntoView({ block: "nearest" });
  open(next.dataset.open);
}

/* --- acts ------------------------------------------------------------------------------------------- */

async function act(path, body, button) {
  button?.setAttribute("aria-busy", "true");
  try {
    return await call(`/api/desk/${path}`, { method: "POST", body });
  } catch (error) {
    toast(error.message, { kind: error.status === 409 ? "notice" : "danger" });
    refreshLists();
    refreshRoom();
    return null;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

async function takeNext(button) {
  const taken = await act("next", {}, button);
  if (!taken) return;
  await refreshLists();
  if (taken.conversation_id === current) { refreshRoom(); refreshSide(); } else await open(taken.conversation_id, { focus: true });
}

async function take(button) {
  const conversation = current;
  if (!(await act(`${conversation}/take`, {}, button))) return;
  await Promise.all([refreshLists(), refreshHead(), refreshLog()]);
  settle();
  suggest();
  write("reply");
}

async function giveBack(button) {
  const name = document.querySelector("#head h1 .nb")?.textContent ?? "客户";
  if (await act(`${current}/return`, {}, button)) {
    toast(`${name}交还给小知了，客户已经知道`);
    refreshLists();
    refreshRoom();
  }
}

function toggleForm(id, show) {
  const form = $(id);
  if (!form) return;
  const wanted = show ?? form.hidden;
  for (const other of ["wrapup", "transfer"]) {
    const shown = other === id && wanted;
    if ($(other)) $(other).hidden = !shown;
    document.querySelector(`[data-form="${other}"]`)?.setAttribute("aria-expanded", String(shown));
  }
  if (wanted) form.querySelector("input, select").focus();
  else document.querySelector(`[data-form="${id}"]`)?.focus();
}

function refuse(id, error) {
  const line = $(`${id}-error`);
  line.textContent = error.message;
  line.hidden = false;
}

function wireForms() {
  const submit = (id, path, read, done) => $(id)?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector(".primary");
    $(`${id}-error`).hidden = true;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await call(`/api/desk/${current}/${path}`, { method: "POST", body: read(new FormData(event.target)) });
      toggleForm(id, false);
      done(answer);
    } catch (error) { refuse(id, error); } finally { button.removeAttribute("aria-busy"); }
  });
  submit("wrapup", "wrap-up", (form) => ({ outcome: form.get("outcome") ?? "", note: form.get("note"), correct_intent: form.get("correct_intent") || null }),
    () => { toast("已结束，小结记下了"); refreshLists(); refreshRoom(); });
  submit("transfer", "transfer", (form) => {
    const [kind, target] = form.get("target").split(":");
    return { [kind === "staff" ? "to_staff" : "to_group"]: target, note: form.get("note") };
  }, () => { toast("已转接，客户在排队里"); refreshLists(); refreshRoom(); });
  for (const id of ["wrapup", "transfer"]) {
    $(id)?.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); toggleForm(id, false); } });
  }
}

async function saveCustomerNote(form) {
  try {
    await call(`/api/desk/${current}/customer-note`, { method: "POST", body: { text: form.elements.text.value } });
    form.reset();
    form.hidden = true;
    document.activeElement?.blur();
    refreshSide();
  } catch (error) { toast(error.message, { kind: "danger" }); }
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0;
  const link = on("[data-open]");
  if (link && plain) { event.preventDefault(); open(link.dataset.open); return; }
  const form = on("[data-form]");
  if (form) { toggleForm(form.dataset.form); return; }
  if (on("[data-close-form]")) { toggleForm(on("form").id, false); return; }
  if (on("#next, [data-next]")) { takeNext(on("#next, [data-next]")); return; }
  if (on("[data-take]")) { take(on("[data-take]")); return; }
  if (on("[data-return]")) { giveBack(on("[data-return]")); return; }
  const fold = on("[data-toggle-side]") ? "show-side" : on("[data-toggle-lists]") ? "show-lists" : "";
  if (fold) { document.querySelector(".desk").classList.toggle(fold); return; }
  const adding = on("[data-add-customer-note], [data-cancel-customer-note]");
  if (adding) {
    const note = $("customer-note");
    note.hidden = !note.hidden;
    if (!note.hidden) note.elements.text.focus();
    return;
  }
  const status = on("[data-status-set]");
  if (status) {
    $("status-menu").hidePopover();
    call("/api/desk/status", { method: "POST", body: { status: status.dataset.statusSet } })
      .then(refreshLists, (error) => toast(error.message, { kind: "danger" }));
  }
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "customer-note") { event.preventDefault(); saveCustomerNote(event.target); }
});
document.addEventListener("input", (event) => { if (event.target.id === "find") filter(); });
document.addEventListener("keydown", (event) => {
  if (event.target.id === "find" && event.key === "Escape") { event.target.value = ""; filter(); event.target.blur(); }
  if (event.target.id === "find" && event.key === "Enter") step(1);
});
window.addEventListener("popstate", () => {
  const conversation = location.pathname.split("/")[2] ?? "";
  if (conversation && conversation !== current) open(conversation, { push: false }); else if (!conversation) location.reload();
});

/* --- keys, hints, presence --------------------------------------------------------------------------- */

shortcut("j", "下一个会话", () => step(1), { group: "工作台" });
shortcut("k", "上一个会话", () => step(-1), { group: "工作台" });
for (const index of [0, 1, 2]) {
  shortcut(`Alt+${index + 1}`, `插入第 ${index + 1} 条答复`, () => pickNth(index), { group: "工作台", everywhere: true });
}
shortcut("Alt+k", "搜全部话术", openSearch, { group: "工作台", everywhere: true });

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
  typingEnds = setTimeout(() => { if ($("m-typing")) $("m-typing").hidden = true; }, 6000);
});
const lookAgain = () => { refreshLists(); refreshRoom(); };
document.body.addEventListener("live:resync", lookAgain);
window.setInterval(lookAgain, NET_MS);
window.setInterval(tick, 1000);

const heart = new Worker("/static/js/desk-beat.js");
heart.addEventListener("message", ({ data }) => {
  if (data.ok) return;
  say(data.status === 401 ? "登录过期，写好的还在，请重新登录" : "没有连上，正在重试", false);
});
heart.postMessage({ csrf: csrf() });

synced();
opened();
