/* The supervisor's wall: fetched again on every hint, clocks count on in between. Nothing moves by itself else. */
import "./app.js";
import { morph, refresher, setClock, tick } from "./desk-parts.js";

const $ = (id) => document.getElementById(id);
const NET_MS = 15_000;
let pause = 0;

function synced() {
  const at = Number(document.querySelector(".wall-head").dataset.at);
  setClock(at);
  tick();
  const time = new Intl.DateTimeFormat("zh-CN", { timeStyle: "medium", hourCycle: "h23", timeZone: "Asia/Shanghai" });
  $("sync-text").textContent = `${time.format(at)} 更新`;
  $("sync").querySelector(".presence").classList.remove("off");
}

const refresh = refresher(() => "/desk/wall?part=board", (html) => { morph($("board"), html); synced(); });

// A busy floor hints many times a second; a wall need not be read that often.
function soon() {
  if (pause) return;
  pause = window.setTimeout(() => { pause = 0; refresh(); }, 400);
}

for (const topic of ["queue", "desk", "alerts"]) document.body.addEventListener(`live:${topic}`, soon);
document.body.addEventListener("live:resync", refresh);
window.setInterval(refresh, NET_MS);
window.setInterval(tick, 1000);
synced();
