/* The only way the widget makes elements: attributes by name, text as text. Markup in a message stays text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const icon = (name) => h("i", { class: `zk-i zk-i-${name}`, "aria-hidden": "true" });

export function button(className, label, onclick, attributes = {}) {
  return h("button", { class: className, type: "button", onclick, ...attributes }, label);
}

// A receipt is linked only on our own site, so that no message can send a customer elsewhere.
const LINK = /(?:https?:\/\/[^\s/]+)?\/r\/[A-Za-z0-9_-]{6,}/g;
// Dates, short quotes and order or complaint numbers are never broken over two lines.
const WHOLE = /(\d{1,2}月\d{1,2}日(?:（[^）]{1,3}）)?(?:\s?\d{1,2}:\d{2})?|「[^」]{1,8}」[，。；：、？]?|[A-Z]{2}\d{6,8}-\d{4})/;

export function ownReceipt(address) {
  try {
    const url = new URL(address, location.origin);
    return url.origin === location.origin && /^\/r\/[A-Za-z0-9_-]+$/.test(url.pathname) ? url.pathname : null;
  } catch {
    return null;
  }
}

function words(text) {
  return text.split(WHOLE).map((part, i) => (i % 2 ? h("span", { class: "zk-nb" }, part) : part)).filter((part) => part !== "");
}

function line(text, linkLabel) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const path = linkLabel && ownReceipt(match[0]);
    if (!path) continue;
    parts.push(...words(text.slice(from, match.index)), h("a", { href: path, target: "_blank", rel: "noopener" }, linkLabel));
    from = match.index + match[0].length;
  }
  return [...parts, ...words(text.slice(from))];
}

/** Lines as paragraphs, numbered lines as a list. `linkLabel` null: no links at all (the customer's own words). */
export function prose(text, linkLabel = null) {
  const blocks = [];
  for (const raw of String(text ?? "").replace(/\r\n?/g, "\n").split("\n")) {
    if (!raw.trim()) continue;
    const item = raw.match(/^\s*(\d{1,2})[.、．)）]\s*(\S.*)$/);
    const last = blocks.at(-1);
    if (item && last?.tagName === "OL") last.append(h("li", {}, line(item[2], linkLabel)));
    else if (item && item[1] === "1") blocks.push(h("ol", {}, h("li", {}, line(item[2], linkLabel))));
    else blocks.push(h("p", {}, line(raw, linkLabel)));
  }
  return blocks;
}
