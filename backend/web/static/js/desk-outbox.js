/* What is on its way: shown at once, tried again, and never lost. The same client id again is harmless, so an
   unsure end (no answer, 5xx) is simply tried again; a refusal stays visible with its reason. */
import { call, csrf, toast } from "./app.js";
import { upload } from "./desk-files.js";

const $ = (id) => document.getElementById(id);
const TRIES = [0, 800, 2500, 6000];
const outbox = new Map(); // client id → what is on its way or failed, over all conversations
const lines = new Map(); // conversation → the end of its line
let room = "";
let delivered = () => {};
let putBack = () => {};
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const WORDS = { note: "正在记下", whisper: "正在说", attachments: "正在发送", reply: "正在发送" };

export function newId() {
  return "crypto" in window && crypto.randomUUID ? crypto.randomUUID() : `d-${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

function bubble(entry) {
  const box = document.createElement("div");
  const inside = entry.kind === "note" || entry.kind === "whisper";
  box.id = `m-${entry.clientId}`;
  box.dataset.local = "";
  box.className = inside ? `note ${entry.kind === "whisper" ? "whisper " : ""}waiting` : "m us waiting";
  const by = document.createElement("div");
  by.className = "by";
  const words = document.createElement("div");
  words.className = inside ? "words" : "say agent words";
  if (entry.url) {
    const picture = document.createElement("img");
    picture.src = entry.url;
    picture.alt = `图片：${entry.text}`;
    words.className = "say agent file";
    words.append(picture);
  } else words.textContent = entry.text;
  box.append(by, words);
  describe(box, entry);
  return box;
}

function describe(box, entry) {
  const by = box.querySelector(".by");
  by.replaceChildren();
  box.classList.toggle("failed", entry.failed);
  box.classList.toggle("waiting", !entry.failed);
  if (!entry.failed) { by.textContent = WORDS[entry.kind]; return; }
  const why = document.createElement("span");
  why.setAttribute("role", "alert");
  why.textContent = `没送达：${entry.why}`;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "link";
  again.textContent = "重发";
  again.addEventListener("click", () => { entry.failed = false; describe(box, entry); queue(entry); });
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "link";
  drop.textContent = entry.file ? "不发了" : "放回输入框";
  drop.addEventListener("click", () => {
    outbox.delete(entry.clientId);
    box.remove();
    if (!entry.file) putBack(entry.text);
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

async function deliver(entry) {
  for (const wait of TRIES) {
    await pause(wait);
    try {
      if (entry.file) await upload(entry.room, entry.file, entry.clientId, csrf());
      else await call(`/api/desk/${entry.room}/${entry.kind}`, { method: "POST", body: entry.body });
      document.getElementById(`m-${entry.clientId}`)?.removeAttribute("data-local");
      outbox.delete(entry.clientId);
      if (entry.room === room) delivered();
      if (entry.url) setTimeout(() => URL.revokeObjectURL(entry.url), 30_000); // the stored picture has taken its place
      return;
    } catch (error) {
      if (error.status && error.status < 500 && error.status !== 429) { entry.why = error.message; break; }
      entry.why = error.message ?? "网络断了";
    }
  }
  entry.failed = true;
  const box = document.getElementById(`m-${entry.clientId}`);
  if (box) describe(box, entry);
  else toast(`有一条没送达：${entry.why}`, { kind: "danger" });
}

/* One after the other in each conversation: what was said second must not arrive first. */
function queue(entry) {
  const line = (lines.get(entry.room) ?? Promise.resolve()).then(() => deliver(entry));
  lines.set(entry.room, line);
}

/** Sends words (`body`) or a file (`file`, `url` of its picture); `kind` is the last part of the address. */
export function post(kind, { text, body, file, url }) {
  const clientId = newId();
  const entry = { clientId, room, kind, text, file, url, body: body && { ...body, client_id: clientId }, failed: false, why: "" };
  outbox.set(clientId, entry);
  drawOutbox();
  queue(entry);
}

/** Called once for each conversation that is opened. */
export function openOutbox(conversation, whenDelivered, whenPutBack) {
  room = conversation;
  delivered = whenDelivered;
  putBack = whenPutBack;
  drawOutbox();
}

window.addEventListener("beforeunload", (event) => {
  if ([...outbox.values()].some((entry) => !entry.failed)) event.preventDefault();
});
