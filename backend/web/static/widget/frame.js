/* Inside the frame: waits for the embedding page's greeting, speaks to that page's exact origin only, and hands
   everything that must outlive the page to it. */
import { h } from "./dom.js";
import labels from "./labels-zh.js";
import { Memory } from "./memory.js";
import { Panel } from "./panel.js";

const { site, parent: home, bot, hours, hotline } = document.body.dataset;
const lang = document.documentElement.lang.startsWith("en") ? "en" : "zh";
const tell = (zk, data = {}) => window.parent.postMessage({ zk, ...data }, home);
let memory = null;
let panel = null;

function begin({ kept, customer, open, full }) {
  memory = new Memory(kept, (change) => tell("keep", change));
  const root = h("div", { class: "zk" });
  document.body.append(root);
  panel = new Panel({
    root, memory, customer, shell: { close: () => tell("close"), unread: (count) => tell("unread", { count }) },
    options: { lang, site, say: labels, bot: bot || labels.assistant, hours, hotline },
  });
  root.classList.toggle("is-full", Boolean(full));
  if (open) panel.open(); else if (memory.conversation) panel.resume();
}

window.addEventListener("message", ({ origin, source, data }) => {
  if (origin !== home || source !== window.parent || !data) return;
  if (data.zk === "hello" && !panel) begin(data);
  else if (!panel) return;
  else if (data.zk === "open") panel.open();
  else if (data.zk === "closed") panel.closed();
  else if (data.zk === "full") panel.root.classList.toggle("is-full", Boolean(data.full));
  else if (data.zk === "kept") memory.kept[data.name] = data.value; // another tab of the same site
});

if (window.parent === window) document.body.append(h("p", { class: "zk zk-alone" }, labels.alone));
else tell("ready");
