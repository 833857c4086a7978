/* Short notices. Good news goes away after 6 s (not while pointed at); a failure stays until it is closed. */
const icons = { ok: "okc", notice: "bell", danger: "xc" };

function node(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/**
 * @param {string} text
 * @param {{kind?: "ok"|"notice"|"danger", action?: {label: string, href?: string, run?: () => void}}} options
 */
export function toast(text, { kind = "ok", action } = {}) {
  const region = document.getElementById("toasts");
  if (!region) return null;
  for (const old of region.children) if (old.dataset.text === text) old.remove();

  const box = node("div", `toast ${kind}`);
  box.dataset.text = text;
  box.setAttribute("role", kind === "danger" ? "alert" : "status");
  const icon = node("i", `i i-${icons[kind] ?? "info"}`);
  icon.setAttribute("aria-hidden", "true");
  box.append(icon, node("span", "", text));
  if (action) {
    const link = node(action.href ? "a" : "button", "x", action.label);
    if (action.href) link.href = action.href;
    else {
      link.type = "button";
      link.addEventListener("click", () => { box.remove(); action.run?.(); });
    }
    box.append(link);
  }
  if (kind === "danger") {
    const shut = node("button", "btn quiet icon s shut");
    shut.type = "button";
    shut.setAttribute("aria-label", "关闭");
    const cross = node("i", "i i-x");
    cross.setAttribute("aria-hidden", "true");
    shut.append(cross);
    shut.addEventListener("click", () => box.remove());
    box.append(shut);
  } else {
    let left = window.setTimeout(() => box.remove(), 6000);
    const hold = () => window.clearTimeout(left);
    const go = () => { left = window.setTimeout(() => box.remove(), 3000); };
    box.addEventListener("pointerenter", hold);
    box.addEventListener("pointerleave", go);
    box.addEventListener("focusin", hold);
    box.addEventListener("focusout", go);
  }
  region.append(box);
  return box;
}

/** The server may send `HX-Trigger: {"toast": {"text": …, "kind": …, "action": {"label", "href"}}}`. */
export function wireToasts() {
  document.addEventListener("toast", (event) => {
    const detail = typeof event.detail === "string" ? { text: event.detail } : event.detail ?? {};
    const text = detail.text ?? detail.value;
    if (text) toast(text, detail);
  });
}
