/* Complaints, staff side: the score while it is chosen, an approved reply put into its field, ticking many at
   once, filters that apply when changed. Every form works without this script. */
function score(matrix) {
  const scales = [...matrix.querySelectorAll("fieldset")];
  const points = scales.map((one) => Number(one.querySelector("input:checked")?.value ?? 0));
  const output = matrix.querySelector("[data-score]");
  output.textContent = points.every(Boolean)
    ? `${points.join(" × ")} = ${points.reduce((a, b) => a * b, 1)} 分`
    : "选完四项就有总分";
}

function wireForms(root) {
  root.querySelectorAll("[data-matrix]").forEach((matrix) => {
    matrix.addEventListener("change", () => score(matrix));
    score(matrix);
  });
  root.querySelectorAll("select[data-reply]").forEach((select) => {
    const field = select.form.querySelector("[data-reply-text]");
    let filled = "";
    select.addEventListener("change", () => {
      const text = select.selectedOptions[0]?.dataset.text ?? "";
      // What somebody has written is never overwritten: only an empty field, or the last reply untouched.
      if (!field.value.trim() || field.value === filled) {
        field.value = text;
        filled = text;
      }
    });
  });
  root.querySelectorAll("[data-submit-on-change] select").forEach((select) =>
    select.addEventListener("change", () => select.form.requestSubmit()));
}

/* The list is replaced when news come in: what was ticked stays ticked. */
const ticked = new Set();
function bulk() {
  const form = document.querySelector("form[data-bulk]");
  const bar = form?.querySelector("[data-bulk-bar]");
  if (!form || !bar) return;
  const boxes = [...form.querySelectorAll("input[name=number]")];
  boxes.forEach((box) => { box.checked = ticked.has(box.value); });
  const count = boxes.filter((box) => box.checked).length;
  bar.hidden = count === 0;
  form.querySelector("[data-bulk-count]").textContent = String(count);
  const all = form.querySelector("[data-all]");
  if (all) {
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
}
document.addEventListener("change", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.closest("form[data-bulk]")) return;
  if (box.matches("[data-all]")) {
    document.querySelectorAll("form[data-bulk] input[name=number]").forEach((one) =>
      box.checked ? ticked.add(one.value) : ticked.delete(one.value));
  } else if (box.name === "number") {
    if (box.checked) ticked.add(box.value); else ticked.delete(box.value);
  }
  bulk();
});
document.body.addEventListener("htmx:afterSettle", bulk);
document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
wireForms(document);
bulk();
