/* 知客 chat widget. Embed with one line:
     <script src="/static/widget/widget.js" type="module" data-shop="禾木家居" data-bot="小知"
             data-hours="每天 9:00 至 21:00" data-hotline="400-…" data-lang="zh-CN"></script>
   No library, no third-party request. This file only shows the launcher; the conversation is loaded when it is
   first wanted (opened, or kept from an earlier visit). */
import { h, icon } from "./dom.js";
import { Memory } from "./memory.js";

const here = new URL(".", import.meta.url);
const script = document.querySelector("script[src*='/widget/widget.js']");
const given = script?.dataset ?? {};

const lang = (given.lang || document.documentElement.lang || "zh-CN").toLowerCase().startsWith("en") ? "en" : "zh";
const say = (await import(`./labels-${lang}.js`)).default; // a visitor loads one language only
const options = {
  base: given.base || "", lang, say, bot: given.bot || say.assistant, hours: given.hours || "",
  hotline: given.hotline || "", maxMegabytes: Number(given.maxMb) || 10,
};

async function styles() {
  const wanted = ["widget.css"];
  // A page of our own already has the tokens; any other site gets them from here.
  if (!getComputedStyle(document.documentElement).getPropertyValue("--brand-soft").trim()) wanted.unshift("../tokens.css");
  await Promise.all(wanted.map((file) => new Promise((done) => {
    const link = h("link", { rel: "stylesheet", href: new URL(file, here).href });
    link.addEventListener("load", done);
    link.addEventListener("error", done);
    document.head.append(link);
  })));
}

async function boot() {
  await styles();
  const memory = new Memory(options.base || location.origin);
  const badge = h("span", { class: "zk-badge", hidden: "" });
  const launcher = h("button", { class: "zk-launcher", type: "button", "aria-expanded": "false", "aria-controls": "zk-dialog" },
    icon("chat"), h("span", {}, say.title), badge);
  const root = h("div", { class: "zk", lang: lang === "en" ? "en" : "zh-CN" }, launcher);
  document.body.append(root);

  let panel = null;
  let loading = null;

  function unread(count) {
    badge.hidden = count === 0;
    badge.replaceChildren(String(Math.min(count, 99)), h("span", { class: "zk-vh" }, say.unread));
  }

  async function load() {
    loading ??= import("./panel.js").then(({ Panel }) => {
      panel = new Panel({ root, launcher, memory, options, unread });
      return panel;
    }).catch((fault) => { loading = null; throw fault; });
    return loading;
  }

  async function open() {
    launcher.setAttribute("aria-busy", "true");
    try {
      (await load()).open();
    } catch {
      launcher.title = say.cannotLoad;
    } finally {
      launcher.removeAttribute("aria-busy");
    }
  }

  launcher.addEventListener("click", open);
  // Any link to #chat on the page opens it too.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("a[href$='#chat']")?.pathname === location.pathname) { event.preventDefault(); open(); }
  });
  if (memory.conversation) (await load()).resume();
  if (location.hash === "#chat" || (memory.conversation && memory.wasOpen)) open();
}

boot();
