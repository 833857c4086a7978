/* Light, dark or the system's own. Runs before the first paint, so it is a plain script in the head.
   ?theme=dark pins one view (for pictures and tests) without storing anything. */
(function () {
  "use strict";
  var root = document.documentElement;
  var asked = new URLSearchParams(location.search).get("theme");

  function stored() {
    try { return localStorage.getItem("zk.theme"); } catch (_) { return null; }
  }
  function apply(choice) {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
    document.querySelectorAll("[data-theme-set]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === (choice || "system")));
    });
    document.dispatchEvent(new CustomEvent("zk:theme"));
  }

  apply(asked || stored());
  document.addEventListener("DOMContentLoaded", function () { apply(asked || stored()); });
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-theme-set]");
    if (!button) return;
    var choice = button.dataset.themeSet;
    asked = null;
    try {
      if (choice === "system") localStorage.removeItem("zk.theme");
      else localStorage.setItem("zk.theme", choice);
    } catch (_) { /* private mode: it holds for this page */ }
    apply(choice);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    document.dispatchEvent(new CustomEvent("zk:theme"));
  });
})();
