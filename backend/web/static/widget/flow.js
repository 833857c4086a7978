/* The conversation as it is seen: one wrapper a message, in the order of the server's numbers; unconfirmed words
   of the customer stand last. Waiting, typing and the queue live in the tail, below all messages. */
import { complaintCard, surveyCard } from "./cards.js";
import { button, h, icon, prose } from "./dom.js";
import { dayAndTime, hourMinute, size } from "./format.js";

const BREAK_MS = 10 * 60_000; // a new time line after ten quiet minutes
const SHORT = 30; // a system line longer than this reads better as a bubble

export class Flow {
  constructor({ options, wire, memory, act }) {
    Object.assign(this, { options, say: options.say, wire, memory, act });
    this.state = "bot";
    this.bySeq = new Map();
    this.byClient = new Map();
    this.list = h("div", { class: "zk-list" });
    this.tail = h("div", { class: "zk-tail" });
    this.dots = h("div", { class: "zk-say zk-bot zk-typing", "aria-hidden": "true", hidden: "" }, h("i"), h("i"), h("i"));
    this.flow = h("div", { class: "zk-flow" }, this.list, this.tail);
    this.log = h("div", { class: "zk-log", role: "log", "aria-label": this.say.log, tabindex: "0" }, this.flow);
    this.spoken = h("p", { class: "zk-vh", role: "status" });
    this.jump = button("zk-jump", [icon("down"), this.say.jump], () => this.toEnd(), { hidden: "" });
    this.tail.append(this.dots);
    this.log.addEventListener("scroll", () => { if (this.atEnd()) this.jump.hidden = true; }, { passive: true });
  }

  /* The log is laid out from its end (column-reverse): scrollTop is 0 at the newest message, negative above. */
  atEnd() { return this.log.scrollTop > -48; }
  toEnd() { this.log.scrollTop = 0; this.jump.hidden = true; }

  /** Puts a message of the server in its place. False when it was there already. */
  put(message) {
    if (this.bySeq.has(message.seq)) return false;
    const mine = message.client_id && this.byClient.get(message.client_id);
    const reading = !this.atEnd();
    let box = mine;
    if (mine && !message.attachment) {
      mine.dataset.seq = message.seq;
      if (message.text) mine.querySelector(".zk-say")?.replaceChildren(...prose(message.text));
      this.#mark(mine, "sent");
    } else {
      box = this.#draw(message);
      if (mine) mine.replaceWith(box);
    }
    if (message.client_id) this.byClient.set(message.client_id, box);
    this.bySeq.set(message.seq, box);
    this.#place(box, message.seq);
    this.#timeLine(box, message.at);
    if (message.from !== "customer") {
      this.typing(null);
      if (reading) this.jump.hidden = false;
    }
    this.tidy();
    return true;
  }

  /** Words on their way: shown at once, confirmed later. */
  pending(item, status = "sending") {
    if (this.byClient.has(item.client_id)) { this.#mark(this.byClient.get(item.client_id), status); return; }
    const box = this.#draw({ from: "customer", text: item.title ?? item.text, client_id: item.client_id });
    box.classList.add("is-pending");
    this.byClient.set(item.client_id, box);
    this.list.append(box);
    this.#mark(box, status);
    this.#timeLine(box, item.at);
    this.toEnd();
    this.tidy();
  }

  confirm(id, seq) {
    const box = this.byClient.get(id);
    if (!box) return;
    if (seq === null) { // the server took it as a command, not as words
      box.remove();
      this.byClient.delete(id);
    } else {
      const known = this.bySeq.get(seq);
      if (known && known !== box) box.remove();
      else {
        box.dataset.seq = seq;
        this.bySeq.set(seq, box);
        this.#mark(box, "sent");
        this.#place(box, seq);
      }
    }
    this.tidy();
  }

  failed(id, fault) {
    const box = this.byClient.get(id);
    if (box) this.#mark(box, "failed", fault);
  }

  read(seq) {
    for (const [known, box] of this.bySeq) {
      if (known <= seq && box.dataset.from === "customer") box.dataset.read = "";
    }
    this.tidy();
  }

  /** Old messages stay readable above a line; a new conversation counts from one again. */
  archive() {
    this.bySeq.clear();
    this.byClient.clear();
    if (!this.list.childElementCount) return;
    for (const box of this.list.children) { delete box.dataset.seq; box.classList.remove("is-pending"); }
    this.list.querySelectorAll(".zk-quick, .zk-got").forEach((part) => part.remove());
    this.list.append(h("p", { class: "zk-at zk-rule" }, this.say.earlier));
  }

  typing(who) {
    clearTimeout(this.typingEnds);
    const was = this.dots.hidden;
    this.dots.hidden = !who;
    if (!who) { this.spoken.textContent = ""; return; }
    if (was) this.spoken.textContent = this.say.typing(who);
    this.typingEnds = setTimeout(() => this.typing(null), 20_000);
  }

  queue(queue) {
    this.card?.remove();
    this.card = null;
    if (queue) {
      const { say, options } = this;
      const minutes = Number.isFinite(queue.eta_seconds) ? Math.ceil(queue.eta_seconds / 60) : null;
      const row = (name, label, act) => h(act.href ? "a" : "button", act.href ? act : { type: "button", onclick: act },
        icon(name), h("span", {}, label), icon("right"));
      // Nobody on duty (no estimate): being first then means nothing, and 马上到您 would be untrue.
      const ahead = Number.isInteger(queue.ahead) && (queue.ahead > 0 || minutes !== null) ? queue.ahead : null;
      this.card = h("div", { class: "zk-queue" },
        h("div", { class: "zk-slip" },
          h("div", { class: "zk-pos", role: "status" },
            ahead !== null && h("div", {}, h("span", {}, say.ahead), h("b", {}, ahead ? say.people(ahead) : say.next)),
            minutes !== null && h("div", {}, h("span", {}, say.eta), h("b", {}, minutes > 1 ? say.minutes(minutes) : say.underMinute))),
          h("div", { class: "zk-alt" },
            row("chat", say.leave, () => this.act.write()),
            options.hotline && row("phone", say.call(options.hotline), { href: `tel:${options.hotline.replace(/[^\d+]/g, "")}` }),
            row("bot", say.noWait, () => this.act.cancelQueue()))),
        h("p", { class: "zk-at" }, say.mayLeave));
      this.tail.prepend(this.card);
    }
    this.tidy();
  }

  /** After the end: the way on, besides simply writing. */
  ended(closed) {
    this.restart?.remove();
    this.restart = closed ? h("div", { class: "zk-quick" }, button("zk-btn", this.say.startNew, () => this.act.restart())) : null;
    if (this.restart) this.tail.append(this.restart);
  }

  /** Quick choices only while they can still be meant; 已送达 only under the last words. */
  tidy() {
    const boxes = [...this.list.querySelectorAll(":scope > .zk-msg")];
    const lastTheirs = boxes.findLast((box) => box.dataset.from !== "customer");
    const open = this.state === "bot" || this.state === "queued";
    for (const box of boxes) {
      const quick = box.querySelector(".zk-quick");
      if (quick) quick.hidden = !open || box !== lastTheirs || this.#chosen(box, boxes, quick);
      const got = box.querySelector(".zk-got");
      if (!got || box.dataset.status === "failed" || box.dataset.status === "sending") continue;
      const newest = box === boxes.at(-1) && !this.card;
      const lastRead = box.dataset.read !== undefined && box === boxes.findLast((other) => other.dataset.from === "customer");
      got.textContent = lastRead ? this.say.read : this.say.sent;
      got.hidden = !(newest || lastRead);
    }
  }

  get spoke() { return this.list.querySelector('[data-from="customer"]') !== null; }

  #chosen(box, boxes, quick) {
    const titles = [...quick.children].map((choice) => choice.textContent);
    return boxes.slice(boxes.indexOf(box) + 1).some((later) => titles.includes(later.querySelector(".zk-say")?.textContent));
  }

  #place(box, seq) {
    box.classList.remove("is-pending");
    const inOrder = (other) => other.dataset.seq && Number(other.dataset.seq) < seq;
    const others = [...this.list.children].filter((other) => other !== box);
    const before = others.findLast(inOrder);
    const start = before ?? others.findLast((other) => !other.dataset.seq && !other.classList.contains("is-pending"));
    const next = start ? start.nextElementSibling : this.list.firstElementChild;
    if (start === box.previousElementSibling && box.parentNode === this.list) return;
    if (next !== box) this.list.insertBefore(box, next);
  }

  #timeLine(box, at) {
    if (!at) return;
    box.dataset.at = at;
    box.querySelector(":scope > time")?.remove();
    const before = box.previousElementSibling?.dataset.at;
    if (before && Math.abs(new Date(at) - new Date(before)) < BREAK_MS) return;
    box.prepend(h("time", { class: "zk-at", datetime: at }, dayAndTime(at, this.options.lang)));
  }

  #mark(box, status, fault) {
    box.dataset.status = status;
    box.querySelector(":scope > .zk-got, :scope > .zk-fail")?.remove();
    if (status === "failed") {
      const id = [...this.byClient].find(([, known]) => known === box)?.[0];
      // What the server refused for its content is changed, not sent again.
      const content = fault?.status ? fault.status < 500 && ![408, 409, 429].includes(fault.status)
        : fault?.code && !/offline|unavailable|too_many|limit|closed|timeout|internal|failed/.test(fault.code);
      const again = content
        ? button("zk-btn zk-small", this.say.edit, () => this.act.edit(id))
        : button("zk-btn zk-small", this.say.resend, () => this.act.resend(id));
      box.append(h("p", { class: "zk-fail", role: "alert" }, icon("alert"), h("span", {}, fault?.message || this.say.failed), again));
    } else {
      box.append(h("p", { class: "zk-got" }, status === "sending" ? this.say.sending : this.say.sent));
    }
  }

  #draw(message) {
    const { say } = this;
    const { from, text = "", buttons, card, attachment, files = [], script } = message;
    const box = h("div", { class: `zk-msg zk-from-${from}`, "data-from": from, "data-seq": message.seq,
      "data-script": script?.key, "data-version": script?.version });
    if (attachment) box.append(this.#attachment(attachment));
    // A text that only repeats its card or its file is shown once.
    const repeats = attachment ? text.endsWith(attachment.name) : Boolean(card?.question) && text.startsWith(card.question);
    const bare = text.trim() && !repeats;
    if (bare && from === "system" && text.length <= SHORT && !buttons?.length && !text.includes("\n")) {
      box.append(h("p", { class: "zk-at" }, text));
    } else if (bare && from === "agent") {
      const name = message.agent?.name ?? this.agent?.name;
      if (name) box.append(h("p", { class: "zk-by" }, `${name} ${message.at ? hourMinute(message.at) : ""}`));
      box.append(h("div", { class: "zk-say zk-agent" }, prose(text, say.receipt)));
    } else if (bare && from === "customer") {
      box.append(h("div", { class: "zk-say zk-me" }, prose(text)));
    } else if (bare) {
      const filed = card?.kind === "complaint_filed";
      if (filed) box.append(complaintCard(card, say, this.act));
      const rest = filed ? withoutFacts(text, card) : text;
      if (rest) box.append(h("div", { class: "zk-say zk-bot" }, prose(rest, say.receipt)));
    } else if (card?.kind === "complaint_filed") box.append(complaintCard(card, say, this.act));
    for (const file of files) box.append(this.#attachment(file));
    if (card?.kind === "survey") box.append(surveyCard(card, { say, wire: this.wire, memory: this.memory }));
    if (buttons?.length && card?.kind !== "survey") { // the rating slip has its own
      const quick = h("div", { class: "zk-quick", role: "group", "aria-label": say.quick },
        buttons.map((choice) => button("zk-btn", choice.title, () => {
          quick.hidden = true; // one press counts, a double click must not
          this.act.choose(choice);
        })));
      box.append(quick);
    }
    if (from === "customer" && message.seq) this.#mark(box, "sent");
    return box;
  }

  #attachment({ name, size: bytes, kind, url, preview }) {
    const caption = h("span", { class: "zk-cap" }, h("span", { class: "zk-name" }, name), h("span", { class: "zk-nb" }, size(bytes)));
    if (kind?.startsWith("image")) {
      const image = h("img", { alt: `${this.say.photo}：${name}`, decoding: "async" });
      const frame = h("a", { class: "zk-shot", target: "_blank", rel: "noopener" }, image, caption);
      const show = (address) => { image.src = address; frame.href = address; };
      if (preview) show(preview);
      else if (url) this.wire.blob(url).then(show).catch(() => frame.classList.add("is-missing"));
      return frame;
    }
    const link = h("a", { class: "zk-file", download: name, href: "#" }, icon("doc"), caption);
    if (url) {
      link.addEventListener("click", async (event) => {
        if (link.dataset.ready) return;
        event.preventDefault();
        try { link.href = await this.wire.blob(url); link.dataset.ready = "1"; link.click(); } catch { link.classList.add("is-missing"); }
      });
    }
    return link;
  }

  /** A file on its way, with its progress; `progress(share)` and then `fail(message)` or the server's own message. */
  uploading(id, file, fail) {
    const kind = file.type.startsWith("image/") ? "image" : "file";
    const preview = kind === "image" ? URL.createObjectURL(file) : null;
    const box = h("div", { class: "zk-msg zk-from-customer is-pending", "data-from": "customer" },
      this.#attachment({ name: file.name, size: file.size, kind, preview }));
    const bar = h("progress", { max: "1", value: "0", "aria-label": this.say.uploading });
    box.append(bar);
    this.byClient.set(id, box);
    this.list.append(box);
    this.toEnd();
    return {
      progress: (share) => { bar.value = share; },
      done: (seq) => { bar.remove(); if (box.isConnected && seq) this.confirm(id, seq); },
      fail: (message) => {
        bar.remove();
        box.dataset.status = "failed";
        box.append(h("p", { class: "zk-fail", role: "alert" }, icon("alert"), h("span", {}, message || this.say.uploadFailed),
          button("zk-btn zk-small", this.say.resend, () => { box.remove(); this.byClient.delete(id); fail(); })));
      },
    };
  }
}

/* The slip shows number, promise and receipt: of the approved sentence only what goes beyond them stays a bubble. */
function withoutFacts(text, card) {
  const facts = [card.number, card.promised_text, card.receipt_url, "/r/"].filter(Boolean);
  return text.split(/(?<=[。！？\n])/).filter((sentence) => !facts.some((fact) => sentence.includes(fact))).join("").trim();
}
