/* Parts of the desk that are fetched again, and clocks that count on in between. Nothing here touches what is
   being written, takes the focus, or scrolls somebody who reads back. */

/** Fetches a fragment and hands it on; calls in between are folded into one more fetch, and end with it. */
export function refresher(url, apply) {
  let running = null;
  let again = false;

  async function fetchAll() {
    do {
      again = false;
      const wanted = url();
      if (!wanted) return;
      try {
        const response = await fetch(wanted, { headers: { "HX-Request": "true", Accept: "text/html" }, credentials: "same-origin" });
        if (response.status === 401) { location.reload(); return; }
        if (response.ok) {
          const html = await response.text();
          if (url() === wanted) apply(html);
        }
      } catch { /* offline: the notice is live.js's, the next hint or the net brings it up to date */ }
    } while (again);
  }

  return function refresh() {
    if (running) again = true;
    else running = fetchAll().finally(() => { running = null; });
    return running;
  };
}

const keepTyping = (before, after) => !(before === document.activeElement && before.matches?.("input, textarea, select"))
  || before.tagName !== after.tagName;

/** Morphs the inside of `target`; nodes with data-local (not yet on the server) stay. */
export function morph(target, html, { style = "innerHTML" } = {}) {
  window.Idiomorph.morph(target, html, {
    morphStyle: style,
    // Only what is being written is left alone (keepTyping): a focused button must say what is true now.
    callbacks: {
      beforeNodeRemoved: (node) => !(node.dataset && "local" in node.dataset),
      beforeNodeMorphed: (before, after) => {
        if (before.matches?.("[popover]:popover-open")) return false;
        return before.nodeType !== 1 || keepTyping(before, after);
      },
      // What only the page knows (an expanded form, a filter) is not the server's to reset.
      beforeAttributeUpdated: (name, node) => !(name === "hidden" && node.dataset && "filtered" in node.dataset)
        && !(name === "value" && node.matches("input[type=search]")) && name !== "aria-expanded" && name !== "open"
        && !(name === "style" && node.matches(".ring")),
    },
  });
}

const REPLY_MS = 5 * 60_000;
const QUEUE_NEAR_MS = 3 * 60_000;
let skew = 0;

/** The server's clock minus ours: an agent's computer may be minutes off. */
export function setClock(serverMs) { skew = serverMs - Date.now(); }

function span(ms) {
  const total = Math.floor(Math.abs(ms) / 1000);
  if (total < 3600) return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
  const hours = Math.floor(total / 3600), minutes = Math.floor((total % 3600) / 60);
  return minutes ? `${hours} 时 ${minutes} 分` : `${hours} 时`;
}

function paint(node, tone, icon, text) {
  if (!node.classList.contains(tone)) {
    node.classList.remove("track", "near", "breached", "paused");
    node.classList.add(tone);
    node.querySelector(".i")?.setAttribute("class", `i i-${icon}`);
  }
  const words = node.querySelector("span") ?? node;
  if (words.textContent !== text) words.textContent = text;
}

export function tick() {
  const now = Date.now() + skew;
  for (const node of document.querySelectorAll("[data-clock]")) {
    const gone = now - Number(node.dataset.since);
    if (node.dataset.clock === "since") {
      const text = span(Math.max(0, gone));
      if (node.textContent !== text) node.textContent = text;
    } else if (node.dataset.clock === "queue") {
      const tone = gone >= REPLY_MS ? "breached" : gone >= QUEUE_NEAR_MS ? "near" : "track";
      paint(node, tone, tone === "breached" ? "alert" : "clock", span(Math.max(0, gone)));
    } else {
      const left = REPLY_MS - gone;
      if (left < 0) paint(node, "breached", "alert", `超时 ${span(left)}`);
      else paint(node, left <= REPLY_MS * 0.2 ? "near" : "track", "clock", `还剩 ${span(left)}`);
    }
  }
}

/** Counts offers down; true when one has just run out, so that the list must be read again. */
export function tickOffers() {
  const now = Date.now() + skew;
  let over = false;
  for (const node of document.querySelectorAll("[data-offer]")) {
    const left = Math.max(0, Math.ceil((Number(node.dataset.expires) - now) / 1000));
    const ring = node.querySelector(".ring");
    const words = ring.querySelector("b");
    if (words.textContent !== String(left)) words.textContent = String(left);
    ring.style.setProperty("--left", String(Math.min(1, left / Math.max(1, Number(node.dataset.seconds)))));
    if (!left && !("over" in node.dataset)) { node.dataset.over = ""; over = true; }
  }
  return over;
}
