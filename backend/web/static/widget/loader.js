/* 知客: the one line that a website puts on its pages.
     <script async src="…/widget.js" data-site="KEY"></script>
   Optional: data-lang; data-ref, data-name, data-expires, data-signature (who is signed in; see README);
   data-open-on="#chat" (opens when the address ends so). Draws one button in a box of its own (a shadow root: no
   rule of the page reaches in, none of ours out) and leaves one name behind: window.zhike. The conversation lives
   in a frame, loaded when it is first wanted. What must outlive the page is kept in the page's own storage. */
(() => {
  const script = document.currentScript;
  if (!script || window.zhike) return;
  const { site = "", lang = document.documentElement.lang, openOn } = script.dataset;
  const home = new URL(script.src).origin;
  const LOCAL = ["visitor", "conversation", "outbox", "seen", "skipped", "who", "over"];
  const SESSION = ["draft", "open", "greeted"];
  const SAY = {
    "zh-CN": { unread: (n) => `，${n} 条新消息`, failed: "没有打开，请再点一次", close: "关闭招呼", title: (n) => `（${n} 条新消息）` },
    en: { unread: (n) => `, ${n} new messages`, failed: "Could not open. Click once more", close: "Close greeting", title: (n) => `(${n} new) ` },
  };

  /* Storage: in private mode it may refuse; then things last as long as the page. */
  const spare = {};
  const shelf = (name) => (SESSION.includes(name) ? sessionStorage : localStorage);
  const place = (name) => `zk:${site}:${name}`;
  const read = (name) => {
    try { return JSON.parse(shelf(name).getItem(place(name))) ?? spare[name] ?? null; } catch { return spare[name] ?? null; }
  };
  const write = (name, value) => {
    spare[name] = value;
    try {
      if (value === null || value === undefined) shelf(name).removeItem(place(name));
      else shelf(name).setItem(place(name), JSON.stringify(value));
      if (value !== null) delete spare[name];
    } catch { /* full or refused */ }
  };
  const keep = ({ name, value, add, drop }) => {
    if (name === "outbox") {
      const others = (read(name) ?? []).filter((item) => item.client_id !== (drop ?? add?.client_id));
      const left = add ? [...others, add] : others;
      write(name, left.length ? left : null);
    } else if (LOCAL.includes(name) || SESSION.includes(name)) write(name, value);
  };

  let customer = script.dataset.signature ? { ...script.dataset, expires: Number(script.dataset.expires) } : null;
  const vouched = () => customer && (({ ref, name, expires, signature }) => ({ ref, name: name ?? null, expires, signature }))(customer);
  /* Another customer at the same browser finds nothing of the one before; who only now signs in goes on talking. */
  function recognise() {
    const who = customer?.ref ?? null;
    const before = read("who");
    if (before && before !== who) for (const name of ["conversation", "outbox", "seen", "skipped", "draft", "over"]) write(name, null);
    write("who", who);
  }

  const going = () => read("conversation") && !read("over");
  let config, say, root, button, badge, wrap, frame, greeting, timer;
  let ready = false, wanted = false, isOpen = false, unread = 0, prefix = "";
  const narrow = matchMedia("(max-width: 668px)");
  const post = (zk, data) => frame?.contentWindow?.postMessage({ zk, ...data }, home);
  const make = (tag, className, attributes = {}) => {
    const element = document.createElement(tag);
    element.className = className;
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    return element;
  };

  function mount() {
    if (frame) return;
    const where = new URLSearchParams({ site, parent: location.origin, lang: config.lang });
    frame = make("iframe", "", { title: config.label, src: `${home}/widget/frame?${where}`, allow: "" });
    wrap.append(frame);
    timer = setTimeout(() => { if (!ready) unmount(true); }, 20_000);
  }

  function unmount(failed) {
    clearTimeout(timer);
    frame?.remove();
    frame = null;
    ready = wanted = false;
    button.removeAttribute("aria-busy");
    if (failed) { button.title = say.failed; button.firstChild.nextSibling.textContent = say.failed; }
  }

  function open() {
    if (!config) { wanted = true; return; }
    greet(false);
    wanted = true;
    mount();
    if (ready) show(); else button.setAttribute("aria-busy", "true");
  }

  function show() {
    wanted = false;
    isOpen = true;
    button.removeAttribute("aria-busy");
    button.hidden = true;
    wrap.hidden = false;
    write("open", true);
    fit();
    frame.focus({ preventScroll: true });
    post("full", { full: narrow.matches });
    post("open");
  }

  function close() {
    wanted = false;
    if (!isOpen) return;
    isOpen = false;
    wrap.hidden = true;
    button.hidden = false;
    write("open", null);
    post("closed");
    button.focus({ preventScroll: true });
  }

  /* On a phone the keyboard takes its part of the screen: the conversation keeps to the rest. */
  function fit() {
    const view = window.visualViewport;
    const full = isOpen && narrow.matches && view;
    wrap.style.height = full ? `${view.height}px` : "";
    wrap.style.top = full ? `${view.offsetTop}px` : "";
  }

  function count(number) {
    unread = number;
    badge.hidden = !number;
    badge.textContent = number > 99 ? "99+" : number || "";
    button.setAttribute("aria-label", config.label + (number ? say.unread(number) : ""));
    name();
  }

  /* In the list of tabs, while nobody looks at this one. Whatever the page itself called is left as it is. */
  function name() {
    if (prefix && document.title.startsWith(prefix)) document.title = document.title.slice(prefix.length);
    prefix = document.hidden && unread ? say.title(unread) : "";
    if (prefix) document.title = prefix + document.title;
  }

  function greet(show) {
    greeting?.remove();
    greeting = null;
    if (!show) { write("greeted", true); return; }
    const text = make("button", "hello", { type: "button" });
    text.textContent = config.greeting;
    text.onclick = open;
    const away = make("button", "away", { type: "button", "aria-label": say.close });
    away.onclick = () => greet(false);
    greeting = make("div", "greeting");
    greeting.append(text, away);
    root.append(greeting);
  }

  window.addEventListener("message", ({ origin, source, data }) => {
    if (origin !== home || !frame || source !== frame.contentWindow || !data) return;
    if (data.zk === "ready") {
      ready = true;
      clearTimeout(timer);
      const kept = Object.fromEntries([...LOCAL, "draft"].map((name) => [name, read(name)]));
      post("hello", { kept, customer: vouched(), open: false, full: narrow.matches });
      if (wanted) show();
    } else if (data.zk === "keep") keep(data);
    else if (data.zk === "close") close();
    else if (data.zk === "unread") count(data.count);
  });
  window.addEventListener("storage", ({ key }) => { if (key === place("conversation")) post("kept", { name: "conversation", value: read("conversation") }); });
  document.addEventListener("visibilitychange", () => { if (config) name(); });
  window.addEventListener("hashchange", () => { if (openOn && location.hash === openOn) open(); });
  narrow.addEventListener("change", () => { post("full", { full: narrow.matches }); if (wrap) fit(); });
  window.visualViewport?.addEventListener("resize", () => { if (wrap) fit(); });
  window.visualViewport?.addEventListener("scroll", () => { if (wrap) fit(); });

  function draw() {
    const box = document.createElement("div");
    root = box.attachShadow({ mode: "open" });
    const css = rules(config);
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    } catch { // an older browser
      const style = document.createElement("style");
      style.textContent = css;
      root.append(style);
    }
    button = make("button", "zk-launcher", { type: "button", "aria-haspopup": "dialog", lang: config.lang });
    const words = document.createElement("span");
    words.textContent = config.label;
    badge = make("span", "badge", { "aria-hidden": "true" });
    badge.hidden = true;
    button.append(make("i", ""), words, badge);
    button.onclick = () => { words.textContent = config.label; button.title = ""; open(); };
    wrap = make("div", "wrap");
    wrap.hidden = true;
    root.append(button, wrap);
    document.body.append(box);
    count(0);
  }

  const api = {
    open, close,
    /** After signing in without a new page: {ref, name, expires, signature}. Without a value: signed out. */
    identify(given) {
      customer = given ?? null;
      recognise();
      const again = isOpen;
      if (!frame) return;
      close();
      unmount();
      count(0);
      if (again) open(); else if (going()) mount();
    },
  };
  Object.defineProperty(window, "zhike", { value: Object.freeze(api) });

  async function begin() {
    const answer = await fetch(`${home}/widget/site?site=${encodeURIComponent(site)}`, { credentials: "omit" });
    const found = await answer.json();
    if (!answer.ok) throw new Error(`${found.message} (${found.code})`);
    if (document.readyState === "loading") await new Promise((done) => document.addEventListener("DOMContentLoaded", done));
    const language = found.languages.find((one) => one.slice(0, 2) === lang.slice(0, 2).toLowerCase()) ?? found.languages[0];
    say = SAY[language];
    config = { ...found, lang: language, label: found.launcher[language] };
    recognise();
    draw();
    if (wanted || read("open") || (openOn && location.hash === openOn)) open();
    else if (going()) mount(); // to count what comes in meanwhile
    else if (config.greeting && !read("greeted")) setTimeout(() => { if (!isOpen && !wanted) greet(true); }, 5_000);
  }

  function rules({ colours: { light, dark, both }, position, scheme }) {
    const values = (of) => Object.entries(of).map(([name, value]) => `--${name}:${value};`).join("");
    return `:host{all:initial!important}:host{${values(scheme === "dark" ? dark : light)}font:600 16px/20px ${both.font}}
${scheme === "auto" ? `@media(prefers-color-scheme:dark){:host{${values(dark)}}}` : ""}
[hidden]{display:none!important}*{box-sizing:border-box}
.zk-launcher,.wrap,.greeting{position:fixed;${position}:max(24px,env(safe-area-inset-${position}));bottom:max(24px,env(safe-area-inset-bottom));z-index:2147483000;font:600 16px/20px ${both.font}}
button{font:inherit;cursor:pointer;border:0}
.zk-launcher{display:flex;align-items:center;gap:8px;min-height:52px;padding:0 20px 0 16px;border:1px solid transparent;border-radius:99px;background:var(--brand);color:var(--on-solid);box-shadow:var(--e-2)}
.zk-launcher:hover{background:var(--brand-hover)}.zk-launcher[aria-busy]{cursor:progress}.zk-launcher[aria-busy] i{animation:b 1s infinite alternate}@keyframes b{to{opacity:.4}}
:focus-visible{outline:2px solid transparent;box-shadow:0 0 0 2px var(--surface),0 0 0 4px var(--focus)}
i{width:25px;height:25px;background:currentColor;-webkit-mask:var(--i) center/contain no-repeat;mask:var(--i) center/contain no-repeat;--i:url("data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox='0 0 24 24' fill='none' stroke='%23000' stroke-width='1.75' stroke-linejoin='round'%3E%3Cpath d='M4 6.500A1.500 1.500 0 0 1 5.500 5h13A1.500 1.500 0 0 1 20 6.500v9a1.500 1.500 0 0 1-1.500 1.500H11l-4.500 3.500V17h-1A1.500 1.500 0 0 1 4 15.500z'/%3E%3C/svg%3E")}
.badge{position:absolute;top:-4px;right:-2px;display:grid;place-items:center;min-width:22px;height:22px;padding:0 6px;border:2px solid var(--surface);border-radius:99px;background:var(--danger-solid);color:var(--on-solid);font-size:12px;line-height:1}
.wrap{width:400px;max-width:calc(100vw - 48px);height:min(790px,calc(100dvh - 48px));border:1px solid var(--line);border-radius:16px;background:var(--surface);box-shadow:var(--e-3);overflow:hidden;overscroll-behavior:contain;animation:r .2s}
@keyframes r{from{opacity:0;transform:translateY(12px)}}iframe{display:block;width:100%;height:100%;border:0;color-scheme:normal}
.greeting{bottom:calc(max(24px,env(safe-area-inset-bottom)) + 64px);display:flex;align-items:flex-start;max-width:min(280px,calc(100vw - 48px));border:1px solid var(--line);border-radius:14px;background:var(--surface);color:var(--ink);box-shadow:var(--e-2);font-weight:400;font-size:15px;line-height:24px}
.hello{flex:1;padding:10px 0 10px 14px;border-radius:14px;background:none;color:inherit;text-align:start}.away{width:36px;height:36px;flex:none;border-radius:14px;background:none;color:inherit}.away::before{content:"×";font-size:20px}
@media(max-width:668px){.wrap{inset:0;width:100vw;max-width:none;height:100dvh;border:0;border-radius:0;padding:env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left)}.zk-launcher,.greeting{${position}:16px}.zk-launcher{bottom:max(16px,env(safe-area-inset-bottom))}}
@media(prefers-reduced-motion:reduce){*{animation:none!important}}@media(forced-colors:active){i{background:ButtonText}.zk-launcher{border-color:ButtonText}}@media print{:host{display:none!important}}`;
  }

  begin().catch((fault) => console.error(`[知客] ${fault.message}`));
})();
