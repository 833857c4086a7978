/* Writing: drafts that survive, approved answers by one key, files and fields. Sending stands in desk-outbox.js. */
import { call } from "./app.js";
import { hasFiles, openFiles, takeFiles } from "./desk-files.js";
import { drawOutbox, openOutbox, post } from "./desk-outbox.js";
import { openPicks } from "./desk-pick.js";

const $ = (id) => document.getElementById(id);
const MODES = ["reply", "note", "whisper"];
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
const supervises = () => $("head") !== null && "supervises" in $("head").dataset;

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
  if ($("tab-whisper")) $("tab-whisper").hidden = !supervises();
  if (mode === "whisper" && !supervises()) choose(mine ? "reply" : "note", false);
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
  for (const one of MODES) $(`tab-${one}`)?.setAttribute("aria-selected", String(mode === one));
  $("comp").classList.toggle("noting", mode !== "reply");
  $("send-text").textContent = { reply: "发送", note: "记下", whisper: "说给同事" }[mode];
  const name = document.querySelector("#head h1 .nb")?.textContent ?? "客户";
  $("note-for").textContent = mode === "whisper" ? "只有接待的同事看得到" : "客户看不到这条";
  $("words").placeholder = { reply: `写给${name}，Enter 发送，Shift + Enter 换行`, note: "给同事看的，客户看不到",
    whisper: "只说给接待的同事，客户和其他同事都看不到" }[mode];
  $("words").setAttribute("aria-label", { reply: `回复${name}`, note: "内部备注", whisper: "耳语" }[mode]);
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

function send() {
  const area = $("words");
  const text = area.value.replace(/\s+$/u, "");
  if (!text.trim() && !(mode === "reply" && hasFiles())) { help("还没有写内容", true); return; }
  const open = mode === "reply" && /〔([^〕]*)〕/u.exec(text);
  if (open) {
    help(`「${open[1]}」还没有填`, true);
    area.focus();
    area.setSelectionRange(open.index, open.index + open[0].length);
    return;
  }
  // Files first, then the words about them, as one would say it.
  if (mode === "reply") for (const { file, url } of takeFiles()) post("attachments", { text: file.name, file, url });
  if (text.trim()) {
    const body = { text };
    if (based && mode === "reply") { body.based_on = based.version_id; body.kept = Number(keptOf(based.text, text).toFixed(3)); }
    post(mode, { text, body });
  }
  area.value = "";
  typedAt = 0; // the next word is typed anew
  store("");
  based = null;
  compare();
  markInserted();
  help();
  $("log").scrollTop = 0; // one's own words are always seen
}

function putBack(text) {
  $("words").value = [text, $("words").value].filter(Boolean).join("\n");
  store($("words").value);
  $("words").focus();
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

export { drawOutbox };
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
  typedAt = 0;
  mode = "reply";
  based = null;
  found = [];
  if (!$("composer")) return;
  choose(role() === "holder" ? "reply" : "note", false);
  $("words").value = stored();
  settle();
  openOutbox(conversation, refresh, putBack);
  openFiles(() => role() === "holder" && mode === "reply", (why) => help(why, true));
  openPicks();
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
    if (mode === "reply" && Date.now() - typedAt > 3000) {
      typedAt = Date.now();
      call(`/api/desk/${room}/typing`, { method: "POST" }).then(() => {
        if (!$("away") && mode === "reply") help(`${document.querySelector("#head h1 .nb")?.textContent ?? "客户"}看得到你在输入`);
      }, () => {}); // a hint: nothing is lost with it
    }
  });
  $("tab-reply").addEventListener("click", () => choose("reply"));
  $("tab-note").addEventListener("click", () => choose("note"));
  $("tab-whisper")?.addEventListener("click", () => choose("whisper"));
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
