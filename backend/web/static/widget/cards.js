/* Slips in the conversation: a filed complaint, and one rating. */
import { button, h, icon, ownReceipt } from "./dom.js";

const slipId = () => Math.random().toString(36).slice(2, 8);

export function complaintCard(card, say, act) {
  const receipt = ownReceipt(card.receipt_url ?? "");
  const row = (name, value) => value && [h("dt", {}, name), h("dd", {}, value)];
  return h("div", { class: "zk-slip zk-filed", role: "group", "aria-label": say.filed },
    h("div", { class: "zk-in" },
      h("div", { class: "zk-top" }, icon("okc"), say.filed),
      h("div", { class: "zk-no" }, `${say.number} `, h("b", { "data-number": card.number }, card.number))),
    card.promised_text && h("div", { class: "zk-promise" },
      h("div", { class: "zk-xs" }, say.promise),
      h("div", { class: "zk-big" }, card.promised_text),
      (card.note || receipt) && h("div", { class: "zk-xs" }, card.note ? `${card.note}，` : null,
        receipt && h("a", { href: `${receipt}#why`, target: "_blank", rel: "noopener" }, say.how))),
    h("div", { class: "zk-in" }, h("dl", { class: "zk-kv" },
      row(say.cause, card.description), row(say.remedy, card.remedy), row(say.contact, card.contact_masked))),
    h("div", { class: "zk-acts" },
      receipt && h("a", { class: "zk-btn zk-primary", href: receipt, target: "_blank", rel: "noopener" }, say.receipt),
      button("zk-btn", say.supplement, () => act.write(say.askSupplement))));
}

export function surveyCard(card, { say, wire, memory }) {
  const slip = h("div", { class: "zk-slip zk-survey", role: "group", "aria-label": say.rate });
  const id = slipId();

  function settled(text, undo) {
    slip.replaceChildren(h("div", { class: "zk-in zk-done" }, icon("okc"), h("span", {}, text),
      undo && button("zk-btn zk-small zk-quiet", say.rateAfterAll, undo)));
  }

  function ask() {
    const error = h("p", { class: "zk-fail", role: "alert", id: `zk-e-${id}`, hidden: "" });
    const reasons = h("div", { class: "zk-why", role: "group", "aria-label": say.why, hidden: "" });
    const chosen = new Set();
    const comment = h("textarea", { class: "zk-input", rows: "1", maxlength: "500", "aria-label": card.comment_prompt || say.optional, placeholder: card.comment_prompt || say.optional });
    const score = () => Number(slip.querySelector("input:checked")?.value ?? 0);

    function offerReasons() {
      // The fitting kind first; the other stays, because good service may have come late.
      const { good = [], bad = [] } = card.reasons ?? {};
      const order = score() >= 4 ? [...good, ...bad] : [...bad, ...good];
      reasons.hidden = order.length === 0;
      reasons.replaceChildren(...order.map((reason) => {
        const chip = button("zk-chip", reason, () => {
          if (chosen.has(reason)) chosen.delete(reason); else chosen.add(reason);
          chip.setAttribute("aria-pressed", String(chosen.has(reason)));
        }, { "aria-pressed": String(chosen.has(reason)) });
        return chip;
      }));
      error.hidden = true;
    }

    const five = h("div", { class: "zk-five", role: "radiogroup", "aria-label": card.question || say.rate, "aria-describedby": `zk-e-${id}` },
      (card.labels ?? []).map((label, i) => h("label", {},
        h("input", { class: "zk-vh", type: "radio", name: `zk-s-${id}`, value: String(i + 1), onchange: offerReasons }),
        h("b", {}, String(i + 1)), label)));

    const submit = button("zk-btn zk-primary", say.submit, async () => {
      if (!score()) {
        error.replaceChildren(icon("alert"), h("span", {}, say.pick));
        error.hidden = false;
        five.querySelector("input").focus();
        return;
      }
      submit.setAttribute("aria-busy", "true");
      submit.disabled = true;
      try {
        await wire.rate(card.token, { score: score(), reasons: [...chosen], comment: comment.value.trim() });
        settled(`${say.rated}：${score()} ${card.labels[score() - 1]}`);
      } catch (fault) {
        if (fault.status === 409 || fault.status === 410) { settled(fault.message || say.ratedBefore); return; }
        submit.removeAttribute("aria-busy");
        submit.disabled = false;
        error.replaceChildren(icon("alert"), h("span", {}, fault.message || say.rateFailed));
        error.hidden = false;
      }
    });
    const skip = button("zk-btn zk-quiet", say.skip, () => {
      memory.skipSurvey(card.token, true);
      settled(say.skipped, again);
      wire.rate(card.token, null).catch(() => {}); // only so that nobody asks again: nothing to say if it fails
    });
    slip.replaceChildren(
      h("div", { class: "zk-in" }, h("b", { class: "zk-q" }, card.question), five, reasons, comment, error),
      h("div", { class: "zk-acts" }, submit, skip));
  }

  function again() {
    card.declined = false;
    memory.skipSurvey(card.token, false);
    ask();
  }

  if (card.answered) settled(card.score ? `${say.rated}：${card.score} ${card.labels?.[card.score - 1] ?? ""}` : say.ratedBefore);
  else if (card.declined || memory.skippedSurvey(card.token)) settled(say.skipped, again);
  else ask();
  return slip;
}
