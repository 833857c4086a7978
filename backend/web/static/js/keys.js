/* Keyboard first: single keys act outside fields only, and `?` lists them all.
   Declarative: <button data-key="n" data-key-label="领取下一位">; a field with data-key gets the focus. */
const registered = [];

const inField = (target) => target instanceof Element
  && target.closest("input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable]") !== null;

/**
 * @param {string} key    "n", "?", "Escape", or with modifiers "Ctrl+Enter", "Alt+1"
 * @param {string} label  what it does, in Chinese, for the overview
 * @param {(event: KeyboardEvent) => void} run
 * @param {{group?: string, everywhere?: boolean}} options  everywhere: inside fields too
 */
export function shortcut(key, label, run, { group = "本页", everywhere = false } = {}) {
  const entry = { key: key.toLowerCase(), shown: key, label, run, group, everywhere };
  registered.push(entry);
  return () => registered.splice(registered.indexOf(entry), 1);
}

function pressed(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  if (event.altKey) parts.push("alt");
  // With Alt a Mac types another character ("¡" for 1): the key itself is meant.
  const plate = event.altKey && /^(?:Key|Digit)(.)$/u.exec(event.code);
  parts.push(plate ? plate[1].toLowerCase() : event.key.toLowerCase());
  return parts.join("+");
}

function declared(key) {
  return [...document.querySelectorAll("[data-key]")]
    .find((element) => element.dataset.key.toLowerCase() === key && !element.disabled && element.checkVisibility());
}

export function showKeys() {
  const dialog = document.getElementById("keys");
  const list = document.getElementById("keys-list");
  if (!dialog || dialog.open) return;
  const rows = [
    ...registered.map(({ shown, label, group }) => ({ key: shown, label, group })),
    ...[...document.querySelectorAll("[data-key]")].map((element) => ({
      key: element.dataset.key, group: element.dataset.keyGroup ?? "本页",
      label: element.dataset.keyLabel ?? element.getAttribute("aria-label") ?? element.textContent.replace(element.dataset.key, "").trim(),
    })),
  ];
  list.replaceChildren();
  for (const group of new Set(rows.map((row) => row.group))) {
    const head = document.createElement("dd");
    head.className = "group";
    head.textContent = group;
    list.append(head);
    const seen = new Set();
    for (const row of rows) {
      if (row.group !== group || seen.has(row.key)) continue;
      seen.add(row.key);
      const term = document.createElement("dt");
      for (const part of row.key.split("+")) {
        const cap = document.createElement("kbd");
        cap.textContent = part.length === 1 ? part.toUpperCase() : part.replace("Escape", "Esc");
        term.append(cap);
      }
      const what = document.createElement("dd");
      what.textContent = row.label;
      list.append(term, what);
    }
  }
  dialog.showModal();
}

export function wireKeys() {
  document.addEventListener("keydown", (event) => {
    // Keys pressed while an input method composes belong to the input method.
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return;
    const key = pressed(event);
    const inside = inField(event.target);
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const known = [...registered].reverse().find((entry) => entry.key === key && (entry.everywhere || !inside));
    if (known) { event.preventDefault(); known.run(event); return; }
    if (inside && plain) return;
    const element = declared(key);
    if (!element) return;
    event.preventDefault();
    if (inField(element)) { element.focus(); element.select?.(); } else element.click();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-open-keys]")) {
      document.getElementById("me")?.hidePopover?.();
      showKeys();
    }
  });
  shortcut("?", "看全部快捷键", showKeys, { group: "到处" });
}
