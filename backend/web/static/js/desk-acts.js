/* What an agent does with a conversation, by button or key: each act says what came of it, and a refusal shows
   the truth at once. desk.js hands in how the page is brought up to date (`hub`). */
import { call, toast } from "./app.js";
import { settle, suggest, write } from "./desk-composer.js";

const $ = (id) => document.getElementById(id);
const FORMS = ["wrapup", "transfer", "consult"];
let hub = null; // {current(), turn(), open(id, options), lists(), room(), head(), log(), side()}

const nameHere = () => document.querySelector("#head h1 .nb")?.textContent ?? "客户";

async function act(path, body, button) {
  button?.setAttribute("aria-busy", "true");
  try {
    return (await call(`/api/desk/${path}`, { method: "POST", body })) ?? {};
  } catch (error) {
    toast(error.message, { kind: error.status === 409 ? "notice" : "danger" });
    hub.lists();
    hub.room();
    return null;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

/* `turn` is where the agent was looking when the button was pressed: whoever has turned to another conversation since
   stays there, words half written must not land in front of somebody else. */
async function taken(conversation, turn) {
  await hub.lists();
  if (conversation !== hub.current() && turn !== hub.turn()) { toast("接下了，在左边「我的会话」里"); return; }
  if (conversation !== hub.current()) { await hub.open(conversation, { focus: true }); return; }
  await Promise.all([hub.head(), hub.log()]);
  hub.side();
  settle();
  suggest();
  write("reply");
}

async function takeNext(button) {
  const turn = hub.turn();
  const handoff = await act("next", {}, button);
  if (handoff) await taken(handoff.conversation_id, turn);
}

export async function take(button, conversation = hub.current()) {
  const turn = hub.turn();
  if (await act(`${conversation}/take`, {}, button)) await taken(conversation, turn);
}

async function decline(button) {
  if (await act(`${button.dataset.decline}/decline`, {}, button)) hub.lists();
}

async function takeOver(button) {
  const [name, conversation, turn] = [nameHere(), hub.current(), hub.turn()];
  if (await act(`${conversation}/take-over`, {}, button)) {
    await taken(conversation, turn);
    toast(`${name}现在由你接待，原来在答的已经停下`);
  }
}

async function giveBack(button) {
  const name = nameHere();
  const handoff = await act(`${hub.current()}/return`, {}, button);
  if (!handoff) return;
  toast(handoff.ended_at ? `${name}交还给小知了，客户已经知道` : `问了${name}愿不愿意由小知接着答，同意后自动交还`);
  hub.lists();
  hub.room();
}

async function endConsult(button) {
  if (await act(`consultations/${button.dataset.endConsult}/end`, {}, button)) { hub.lists(); hub.head(); }
}

async function followUpDone(button) {
  if (await act(`follow-ups/${button.dataset.done}/done`, {}, button)) { toast("待办做完了"); hub.lists(); hub.side(); }
}

async function callbackTake(button) {
  if (await act(`callbacks/${button.dataset.callbackTake}/take`, {}, button)) hub.lists();
}

async function callbackDone(button) {
  const id = button.dataset.callbackDone;
  const outcome = $(`cb-outcome-${id}`).value;
  if (await act(`callbacks/${id}/done`, { outcome }, button)) { toast("记下了"); hub.lists(); }
}

function setStatus(button) {
  $("status-menu").hidePopover();
  const { statusSet: status, reason } = button.dataset;
  call("/api/desk/status", { method: "POST", body: { status, reason: reason ?? null } })
    .then(hub.lists, (error) => toast(error.message, { kind: "danger" }));
}

/* --- forms ------------------------------------------------------------------------------------------ */

export function toggleForm(id, show) {
  const form = $(id);
  if (!form) return;
  const wanted = show ?? form.hidden;
  for (const other of FORMS) {
    const shown = other === id && wanted;
    if ($(other)) $(other).hidden = !shown;
    document.querySelector(`[data-form="${other}"]`)?.setAttribute("aria-expanded", String(shown));
  }
  if (wanted) form.querySelector("input, select, button").focus();
  else document.querySelector(`[data-form="${id}"]`)?.focus();
}

function refuse(id, error) {
  const line = $(`${id}-error`);
  line.textContent = error.message;
  line.hidden = false;
  const field = Object.keys(error.fields ?? {})[0];
  $(id).querySelector(`[name="${field}"]`)?.focus();
}

function wrapUp(form) {
  const text = (form.get("follow_up_text") ?? "").trim();
  const due = form.get("follow_up_due");
  return {
    outcome: form.get("outcome") ?? "", note: form.get("note"), correct_intent: form.get("correct_intent") || null,
    tags: form.getAll("tags"),
    // The date is meant as Shanghai's, wherever the agent's computer thinks it is.
    follow_up: text && due ? { text, owner: form.get("follow_up_owner"), due_at: `${due}:00+08:00` } : null,
  };
}

/** Called once for each conversation that is opened. */
export function wireForms() {
  const submit = (id, path, read, done) => $(id)?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector(".primary");
    $(`${id}-error`).hidden = true;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await call(`/api/desk/${hub.current()}/${path}`, { method: "POST", body: read(new FormData(event.target)) });
      toggleForm(id, false);
      done(answer);
      hub.lists();
      hub.room();
    } catch (error) { refuse(id, error); } finally { button.removeAttribute("aria-busy"); }
  });
  submit("wrapup", "wrap-up", wrapUp, () => { toast("已结束，小结记下了"); hub.side(); });
  submit("transfer", "transfer", (form) => {
    const [kind, target] = form.get("target").split(":");
    return { [kind === "staff" ? "to_staff" : "to_group"]: target, note: form.get("note") };
  }, () => toast("已转接，客户在排队里"));
  submit("consult", "consult", (form) => ({ asked: form.get("asked"), question: form.get("question") }),
    () => { $("consult").reset(); toast("问了，同事会用内部备注回答"); });
  for (const id of FORMS) {
    $(id)?.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); toggleForm(id, false); } });
  }
}

async function saveCustomerNote(form) {
  try {
    await call(`/api/desk/${hub.current()}/customer-note`, { method: "POST", body: { text: form.elements.text.value } });
    form.reset();
    form.hidden = true;
    document.activeElement?.blur();
    hub.side();
  } catch (error) { toast(error.message, { kind: "danger" }); }
}

function toggleCustomerNote() {
  const note = $("customer-note");
  note.hidden = !note.hidden;
  document.querySelector("[data-add-customer-note]")?.setAttribute("aria-expanded", String(!note.hidden));
  if (!note.hidden) note.elements.text.focus();
}

const ACTS = [
  ["[data-form]", (one) => toggleForm(one.dataset.form)],
  ["[data-close-form]", (one) => toggleForm(one.closest("form").id, false)],
  ["#next, [data-next]", takeNext],
  ["[data-take]", (one) => take(one)],
  ["[data-accept]", (one) => take(one, one.dataset.accept)],
  ["[data-decline]", decline],
  ["[data-take-over]", takeOver],
  ["[data-return]", giveBack],
  ["[data-end-consult]", endConsult],
  ["[data-done]", followUpDone],
  ["[data-callback-take]", callbackTake],
  ["[data-callback-done]", callbackDone],
  ["[data-status-set]", setStatus],
  ["[data-add-customer-note], [data-cancel-customer-note]", toggleCustomerNote],
  ["[data-toggle-side]", () => document.querySelector(".desk").classList.toggle("show-side")],
  ["[data-toggle-lists]", () => document.querySelector(".desk").classList.toggle("show-lists")],
];

export function wireActs(given) {
  hub = given;
  document.addEventListener("click", (event) => {
    const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0;
    const link = event.target.closest?.("[data-open]");
    if (link && plain) { event.preventDefault(); hub.open(link.dataset.open); return; }
    for (const [selector, run] of ACTS) {
      const one = event.target.closest?.(selector);
      if (one) { run(one); return; }
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "customer-note") { event.preventDefault(); saveCustomerNote(event.target); }
  });
}
