/* Loaded on every staff page. Pages with their own script import what they need from here. */
import { call, csrf, wireHtmx } from "./http.js";
import { shortcut, showKeys, wireKeys } from "./keys.js";
import { live, swapLive, wireLive } from "./live.js";
import { wireShell } from "./shell.js";
import { toast, wireToasts } from "./toast.js";

wireHtmx();
wireToasts();
wireKeys();
wireLive();
wireShell();

// A form that was sent shows so and cannot be sent twice; htmx forms use hx-disabled-elt instead.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.hasAttribute("hx-post")) return;
  event.submitter?.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form [aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
});

export { call, csrf, live, shortcut, showKeys, swapLive, toast };
