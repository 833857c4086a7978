/* Loaded on every staff page. Pages with their own script import what they need from here. */
import { call, csrf, wireHtmx } from "./http.js";
import { shortcut, showKeys, wireKeys } from "./keys.js";
import { live, wireLive } from "./live.js";
import { remind, toast, wireToasts } from "./toast.js";

wireHtmx();
wireToasts();
wireKeys();
wireLive();

// A form that was sent shows so and cannot be sent twice; htmx forms use hx-disabled-elt instead.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.hasAttribute("hx-post")) return;
  event.submitter?.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form [aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
});

export { call, csrf, live, remind, shortcut, showKeys, toast };
