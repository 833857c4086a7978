/* The shell kept true without a reload: the rail's numbers and the bell. Whatever changed, it asks once for all of
   them, at most every two seconds; what is new at the bell is also said in a toast. */
import { live } from "./live.js";
import { toast } from "./toast.js";

const TOPICS = ["alerts", "queue", "complaints", "scripts"];
const SOON_MS = 300;
const BETWEEN_MS = 2000;
let timer = 0;
let last = 0;
let asking = false;

function number(item, count) {
  const badge = item.querySelector(".count");
  badge.hidden = !count;
  badge.firstChild.textContent = count < 100 ? String(count) : "99+";
}

function entry(alert) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = alert.href;
  link.textContent = alert.text;
  const at = document.createElement("time");
  at.textContent = alert.at_text;
  link.append(at);
  item.append(link);
  return item;
}

function ring(alerts) {
  const list = document.getElementById("alert-list");
  if (!list) return;
  const known = new Set([...list.querySelectorAll("a")].map((link) => link.firstChild.textContent));
  const news = alerts.filter((one) => !known.has(one.text));
  if (!news.length && alerts.length === known.size) return;
  list.replaceChildren(...alerts.map(entry));
  const count = document.getElementById("alert-count");
  count.hidden = !alerts.length;
  count.textContent = String(alerts.length);
  // Many at once are one piece of news: the list has them all.
  if (news.length === 1) toast(news[0].text, { kind: "notice", action: { label: "去看", href: news[0].href } });
  else if (news.length) toast(`有 ${news.length} 条新提醒`, { kind: "notice" });
}

async function look() {
  if (asking || document.hidden) return;
  asking = true;
  last = Date.now();
  try {
    const answer = await fetch("/api/shell", { headers: { accept: "application/json" } });
    // Signed out or a moment's trouble: the page's own requests say so, and the next hint asks again.
    if (!answer.ok) return;
    const shell = await answer.json();
    document.querySelectorAll("#rail [data-count]").forEach((item) => number(item, shell.counts[item.dataset.count] ?? 0));
    ring(shell.alerts);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the line is down: the connection's notice says so
  } finally {
    asking = false;
  }
}

function soon() {
  if (timer) return;
  timer = window.setTimeout(() => { timer = 0; look(); }, Math.max(SOON_MS, last + BETWEEN_MS - Date.now()));
}

/** Listens for every signed-in page. */
export function wireShell() {
  if (!document.getElementById("rail")) return;
  live(TOPICS, soon);
  document.body.addEventListener("live:resync", soon);
}
