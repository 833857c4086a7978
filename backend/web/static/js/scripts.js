/* Writing a script: put a variable where the cursor stands; ask before leaving unsaved words. */
const form = document.querySelector("form.write");
const text = document.getElementById("text");

for (const button of document.querySelectorAll("[data-insert]")) {
  button.addEventListener("click", () => {
    text.setRangeText(button.dataset.insert, text.selectionStart, text.selectionEnd, "end");
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

let changed = false;
form.addEventListener("input", () => { changed = true; });
form.addEventListener("submit", () => { changed = false; });
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

// The browser's own file field speaks the browser's language; ours names what was chosen.
const upload = document.getElementById("upload");
upload?.addEventListener("change", () => {
  const names = [...upload.files].map((file) => file.name).join("、");
  document.getElementById("picked").textContent = names ? `${names}，保存时上传` : "还没有选";
});
