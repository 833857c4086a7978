/* Receipt: a link to #why opens the counting; a form is sent once. Without this script the page still works. */
function openWhy() {
  if (location.hash === "#why") document.getElementById("why")?.setAttribute("open", "");
}
openWhy();
window.addEventListener("hashchange", openWhy);
document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button:not([type=button])");
  if (button.getAttribute("aria-busy") === "true") event.preventDefault();
  button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy")));
