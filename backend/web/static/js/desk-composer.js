/* Writing: drafts that survive, sending that shows at once and is tried again, approved answers by one key. */
import { call, toast } from "./app.js";

const $ = (id) => document.getElementById(id);
const TRIES = [0, 800, 2500, 6000];
const outbox = new Map(); // client id → what is on its way or failed, over all conversations
let room = "";
let mode = "reply";
let based = null; // {version_id, version, text}: the approved answer that was inserted
let found = [];
let typedAt = 0;

const draftKey = () => `zk.draft.${room}.${mode}`;
const safely = (job) => { try { return job(); } catch { return null; } };
const store = (text) => safely(() => (text ? sessionStorage.setItem(draftKey(), text) : sessionStorage.removeItem(draftKey())));
const stored = () => safely(() => sessionStorage.getItem(draftKey())) ?? "";
const role = () => $("head")?.dataset.role ?? "";
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

export function newId() {
  return "crypto" in window && crypto.randomUUID ? crypto.randomUUID() : `d-${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

function help(text = "", bad = false) {
  const line = $("comp-help");
  if (!line) return;
  line.textContent = text;
  line.classList.toggle("bad", bad);
}

/* What may be written, by what the agent is to this conversation. */
export function settle() {
  const comp = $("comp");
  if (!comp) return;
  const mine = role() === "holder";
  const notable = mine || role() === "colleague" || role() === "queued";
  $("take-bar").hidden = role() !== "queued";
  $("tab-reply").disabled = !mine;
  $("tab-note").disabled = !notable;
  if (!mine && mode === "reply" && notable) choose("note", false);
  if (mine && comp.dataset.role !== "holder") choose("reply", false);
  comp.dataset.role = role();
  $("words").disabled = !notable;
  $("send").disabled = !notable;
  comp.classList.toggle("shut", !notable);
  $("shut-bar").hidden = notable;
  $("shut-text").textContent = role() === "closed" ? "会话已结束，不能再写。客户再来时是新的会话。" : "小知在应答，客户要求人工后才能回复。";
  $("sugg").hidden = !mine || !found.length && $("sugg-box").hidden && !$("sugg-for").dataset.asked;
}

function choose(next, focus = true) {
  if (mode !== next) {
    mode = next;
    $("words").value = stored();
  }
  $("tab-reply").setAttribute("aria-selected", String(mode === "reply"));
  $("tab-note").setAttribute("aria-selected", String(mode === "note"));
  $("comp").classList.toggle("noting", mode === "note");
  $("send-text").textContent = mode === "note" ? "记下" : "发送";
  const name = document.querySelector("#head h1 .nb")?.textContent ?? "客户";
  $("words").placeholder = mode === "note" ? "给同事看的，客户看不到" : `写给${name}，Enter 发送，Shift + Enter 换行`;
  $("words").setAttribute("aria-label", mode === "note" ? "内部备注" : `回复${name}`);
  compare();
  if (focus) $("words").focus();
}

/* How much of the approved wording is left: length of the common head and tail over the longer text. */
function keptOf(before, after) {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head
    && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return (head + tail) / Math.max(before.length, after.length, 1);
}

function compare() {
  const line = $("based");
  if (!line) return;
  if (!based || mode !== "reply") { line.textContent = ""; return; }
  const text = $("words").value;
  if (!text) { based = null; line.textContent = ""; markInserted(); return; }
  if (text === based.text) line.textContent = `与「${based.title}」v${based.version} 一致`;
  else {
    const more = text.length - based.text.length;
    line.textContent = `改动了 v${based.version}${more ? `，${more > 0 ? "多" : "少"} ${Math.abs(more)} 个字` : ""}，发送后记录`;
  }
}

/* --- sending ------------------------------------------------------------------------------------ */

function bubble(entry) {
  const box = document.createElement("div");
  box.id = `m-${entry.clientId}`;
  box.dataset.local = "";
  box.className = entry.kind === "note" ? "note waiting" : "m us waiting";
  const by = document.createElement("div");
  by.className = "by";
  const words = document.createElement("div");
  words.className = entry.kind === "note" ? "words" : "say agent words";
  words.textContent = entry.text;
  box.append(by, words);
  describe(box, entry);
  return box;
}

function describe(box, entry) {
  const by = box.querySelector(".by");
  by.replaceChildren();
  box.classList.toggle("failed", entry.failed);
  box.classList.toggle("waiting", !entry.failed);
  if (!entry.failed) { by.textContent = entry.kind === "note" ? "正在记下" : "正在发送"; return; }
  const why = document.createElement("span");
  why.setAttribute("role", "alert");
  why.textContent = `没送达：${entry.why}`;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "link";
  again.textContent = "重发";
  again.addEventListener("click", () => { entry.failed = false; describe(box, entry); deliver(entry); });
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "link";
  drop.textContent = "放回输入框";
  drop.addEventListener("click", () => {
    outbox.delete(entry.clientId);
    box.remove();
    $("words").value = [entry.text, $("words").value].filter(Boolean).join("\n");
    store($("words").value);
    $("words").focus();
  });
  by.append(why, again, drop);
}

/** Puts what is on its way back under the messages, after these were drawn anew. */
export function drawOutbox() {
  const flow = $("flow");
  if (!flow) return;
  for (const entry of outbox.values()) {
    if (entry.room !== room) continue;
    const there = document.getElementById(`m-${entry.clientId}`);
    if (there && !("local" in there.dataset)) { outbox.delete(entry.clientId); continue; }
    flow.insertBefore(there ?? bubble(entry), $("m-typing"));
  }
}

let refreshLog = () => {};

async function deliver(entry) {
  for (const wait of TRIES) {
    await pause(wait);
    try {
      await call(`/api/desk/${entry.room}/${entry.kind}`, { method: "POST", body: entry.body });
      document.getElementById(`m-${entry.clientId}`)?.removeAttribute("data-local");
      outbox.delete(entry.clientId);
      if (entry.room === room) refreshLog();
      return;
    } catch (error) {
      // The same client id again is harmless, so an unsure end (no answer, 5xx) is simply tried again.
      if (error.status && error.status < 500 && error.status !== 429) { entry.why = error.message; break; }
      entry.why = error.message ?? "网络断了";
    }
  }
  entry.failed = true;
  const box = document.getElementById(`m-${entry.clientId}`);
  if (box) describe(box, entry);
  else toast(`有一条没送达：${entry.why}`, { kind: "danger" });
}

function send() {
  const area = $("words");
  const text = area.value.replace(/\s+$/u, "");
  if (!text.trim()) { help("还没有写内容", true); return; }
  const open = mode === "reply" && /〔([^〕]*)〕/u.exec(text);
  if (open) {
    help(`「${open[1]}」还没有填`, true);
    area.focus();
    area.setSelectionRange(open.index, open.index + open[0].length);
    return;
  }
  const clientId = newId();
  const body = { text, client_id: clientId };
  if (based && mode === "reply") { body.based_on = based.version_id; body.kept = Number(keptOf(based.text, text).toFixed(3)); }
  const entry = { clientId, room, kind: mode, text, body, failed: false, why: "" };
  outbox.set(clientId, entry);
  area.value = "";
  store("");
  based = null;
  compare();
  markInserted();
  help();
  drawOutbox();
  $("log").scrollTop = 0; // one's own words are always seen
  deliver(entry);
}

/* --- approved answers ----------------------------------------------------------------------------- */

function markInserted() {
  document.querySelectorAll("#sugg-list li").forEach((line, index) => {
    const on = based !== null && found[index]?.version_id === based.version_id;
    line.classList.toggle("on", on);
    const mark = line.querySelector(".mark");
    mark.className = on ? "mark tag brand" : "mark xs ink3";
    mark.textContent = on ? `已插入 v${found[index].version}` : `v${found[index].version}`;
  });
}

function insert(one) {
  if (role() !== "holder") return;
  choose("reply");
  const area = $("words");
  const before = area.value;
  area.value = before.trim() && !(based && before === based.text) ? `${before.replace(/\s+$/u, "")}\n${one.text}` : one.text;
  based = area.value === one.text ? { ...one } : null;
  store(area.value);
  compare();
  markInserted();
  const open = /〔[^〕]*〕/u.exec(area.value);
  if (open) area.setSelectionRange(open.index, open.index + open[0].length);
  else area.setSelectionRange(area.value.length, area.value.length);
}

function line(one, index) {
  const item = document.createElement("li");
  const pick = document.createElement("button");
  pick.type = "button";
  pick.className = "pick";
  pick.title = one.text;
  const cap = document.createElement("kbd");
  cap.textContent = index < 3 ? `Alt ${index + 1}` : "·";
  const title = document.createElement("b");
  title.className = "clip";
  title.textContent = one.title;
  const words = document.createElement("span");
  words.className = "clip ink2";
  words.textContent = one.text.replace(/\s+/gu, " ");
  const mark = document.createElement("span");
  mark.className = "mark xs ink3";
  mark.textContent = `v${one.version}`;
  pick.append(cap, title, words, mark);
  pick.addEventListener("click", () => insert(one));
  item.append(pick);
  return item;
}

let asked = 0;

export async function suggest(search = "") {
  const list = $("sugg-list");
  if (!list || role() !== "holder") return;
  const turn = ++asked;
  const here = room;
  try {
    const answer = await call(`/api/desk/suggestions?conversation=${here}&q=${encodeURIComponent(search)}`);
    if (turn !== asked || here !== room) return;
    found = answer.suggestions;
    const short = answer.asked.length > 18 ? `${answer.asked.slice(0, 18)}…` : answer.asked;
    const lead = $("sugg-for");
    lead.dataset.asked = answer.asked;
    lead.textContent = !search && !answer.asked ? "已审核答复，可以搜" : search ? `搜到 ${found.length} 条已审核答复` : found.length
      ? `针对「${short}」的已审核答复` : `没有接近「${short}」的已审核答复，可以搜，也可以自己写`;
    // Somebody who reads back keeps their place, although the list below takes more or less room.
    const log = $("log");
    const [height, back] = [log.clientHeight, log.scrollTop];
    list.replaceChildren(...found.map(line));
    markInserted();
    settle();
    if (back < -24) log.scrollTop = back + log.clientHeight - height;
  } catch { /* the composer works without them */ }
}

/* --- wiring ---------------------------------------------------------------------------------------- */

export const pickNth = (index) => { if (found[index]) insert(found[index]); };
export const write = (kind) => { if (!$(`tab-${kind}`)?.disabled) choose(kind); };

export function openSearch() {
  const box = $("sugg-box");
  if (!box || role() !== "holder") return;
  $("sugg").hidden = false;
  box.hidden = !box.hidden;
  if (box.hidden) { $("sugg-q").value = ""; suggest(); $("words").focus(); } else $("sugg-q").focus();
}

/** Called once for each conversation that is opened. */
export function openComposer(conversation, refresh) {
  room = conversation;
  refreshLog = refresh;
  mode = "reply";
  based = null;
  found = [];
  if (!$("composer")) return;
  choose(role() === "holder" ? "reply" : "note", false);
  $("words").value = stored();
  settle();
  drawOutbox();
  suggest();

  $("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("words").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); send(); }
    if (event.key === "Escape") event.target.blur();
  });
  $("words").addEventListener("input", () => {
    store($("words").value);
    compare();
    help();
    if (mode === "reply" && Date.now() - typedAt > 4000) {
      typedAt = Date.now();
      call(`/api/desk/${room}/typing`, { method: "POST" }).catch(() => {});
    }
  });
  $("tab-reply").addEventListener("click", () => choose("reply"));
  $("tab-note").addEventListener("click", () => choose("note"));
  $("sugg-search").addEventListener("click", openSearch);
  let later = 0;
  $("sugg-q").addEventListener("input", (event) => {
    clearTimeout(later);
    later = setTimeout(() => suggest(event.target.value.trim()), 200);
  });
  $("sugg-q").addEventListener("keydown", (event) => {
    if (event.key === "Escape") openSearch();
    if (event.key === "Enter") { event.preventDefault(); pickNth(0); }
  });
}

window.addEventListener("beforeunload", (event) => {
  if ([...outbox.values()].some((entry) => !entry.failed)) event.preventDefault();
});
