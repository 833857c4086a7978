/* What calls an agent who looks elsewhere: a short tone, the title, the icon of the tab. Nothing blinks, nothing
   takes the focus; each cause sounds once. The tone has a switch that is remembered. */
import { toast } from "./app.js";

const $ = (id) => document.getElementById(id);
const TITLE = "工作台 · 知客";
const KEY = "zk.sound";
const GAP_MS = 1500; // several causes at once are one call
// [hertz, from second, seconds]
const TONES = {
  offer: [[660, 0, 0.12], [880, 0.14, 0.2]],
  word: [[740, 0, 0.12]],
  late: [[440, 0, 0.14], [370, 0.17, 0.22]],
};
const safely = (job) => { try { return job(); } catch { return null; } };
let audio = null;
let soundedAt = 0;
let seen = null; // what the list showed when we last looked
const lateOnes = new Set();

export const soundOn = () => safely(() => localStorage.getItem(KEY)) !== "off";

function play(kind) {
  if (!audio || audio.state !== "running") return false;
  const start = audio.currentTime + 0.02;
  for (const [hertz, from, length] of TONES[kind]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0, start + from);
    volume.gain.linearRampToValueAtTime(0.16, start + from + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.001, start + from + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + from);
    tone.stop(start + from + length + 0.02);
  }
  return true;
}

function ring(kind) {
  if (!soundOn() || Date.now() - soundedAt < GAP_MS) return;
  soundedAt = Date.now();
  const heard = play(kind);
  document.body.dispatchEvent(new CustomEvent("desk:tone", { detail: { kind, heard } }));
}

/* Browsers let a page sound only after somebody has touched it. */
function unlock() {
  audio ??= safely(() => new AudioContext());
  if (audio?.state === "suspended") audio.resume();
}

function snapshot() {
  const rows = [...document.querySelectorAll("#mine [data-open]")];
  return {
    offers: new Set([...document.querySelectorAll("[data-offer]")].map((one) => one.dataset.offer)),
    words: new Map(rows.filter((row) => "waiting" in row.dataset).map((row) => [row.dataset.open, Number(row.dataset.seq)])),
    asked: new Set([...document.querySelectorAll("[data-consultation]")].map((one) => one.dataset.consultation)),
  };
}

/* On a small screen the list may be out of sight: then the offer is said where it is seen. */
function pointOut(offer) {
  const row = document.querySelector(`[data-offer="${offer}"]`);
  if (row.checkVisibility()) return;
  const take = row.querySelector("[data-accept]");
  toast(`分配给你：${row.querySelector("b.nb").textContent}`, { kind: "notice", action: { label: "接", run: () => take.click() } });
}

/** Compares the lists with what they were; `current`: the conversation before the agent's eyes. */
export function look(current) {
  const now = snapshot();
  const before = seen;
  seen = now;
  title(now);
  watchClocks();
  if (!before) return;
  const offer = [...now.offers].find((one) => !before.offers.has(one));
  if (offer) { ring("offer"); pointOut(offer); }
  else if ([...now.asked].some((one) => !before.asked.has(one))) ring("word");
  else if ([...now.words].some(([one, seq]) => seq > (before.words.get(one) ?? 0) && (one !== current || document.hidden))) ring("word");
}

/** A clock that ran out sounds once; it may do so between two looks at the server. */
export function watchClocks() {
  const late = new Set([...document.querySelectorAll("#mine [data-open]")]
    .filter((row) => row.querySelector(".clock.breached")).map((row) => row.dataset.open));
  const fresh = [...late].filter((one) => !lateOnes.has(one));
  lateOnes.clear();
  late.forEach((one) => lateOnes.add(one));
  if (fresh.length && seen) ring("late");
}

/* The number that a passing eye needs: who is offered to me, who waits for me, else who waits at all. */
function title(now) {
  const offers = now.offers.size;
  const waiting = Number($("status").dataset.waiting);
  const queue = Number($("status").dataset.queue);
  document.title = offers ? `【${offers}】位等你接 · 知客` : waiting ? `(${waiting}) 等你回复 · 知客` : queue ? `[${queue}] 排队 · 知客` : TITLE;
  const badge = document.querySelector('.rail a[href="/desk"] .count');
  if (badge) { badge.hidden = !waiting; badge.firstChild.textContent = String(waiting); }
  const icon = document.querySelector('link[rel="icon"]');
  const wanted = offers || waiting ? "/static/icon-alert.svg" : "/static/icon.svg";
  if (icon && !icon.href.endsWith(wanted)) icon.href = wanted;
}

function showSwitch() {
  const on = soundOn();
  $("sound").setAttribute("aria-pressed", String(on));
  $("sound-text").textContent = on ? "提示音开" : "提示音关";
}

export function toggleSound() {
  safely(() => localStorage.setItem(KEY, soundOn() ? "off" : "on"));
  showSwitch();
  if (soundOn()) { unlock(); play("word"); }
}

export function wireAlerts() {
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, unlock);
  $("sound").addEventListener("click", toggleSound);
  showSwitch();
}
