/* The conversation as it is seen: one wrapper a message, in the order of the server's numbers; unconfirmed words
   of the customer stand last. Waiting, typing and the queue live in the tail, below all messages. */
import { complaintCard, surveyCard } from "./cards.js";
import { button, h, icon, prose } from "./dom.js";
import { isPicture } from "./files.js";
import { dayAndTime, hourMinute, size } from "./format.js";

const BREAK_MS = 10 * 60_000; // a new time line after ten quiet minutes
const QUEUE_ICONS = { leave_message: "chat", call_back: "phone", bot_meanwhile: "bot", stay_in_queue: "okc", cancel_queue: "x" };
const SHORT = 30; // a system line longer than this reads better as a bubble

export class Flow {
  constructor({ options, wire, memory, act }) {
    Object.assign(this, { options, say: options.say, wire, memory, act });
    this.state = "bot";
    this.bySeq = new Map();
    this.byClient = new Map();
    this.past = h("div", { class: "zk-past", "aria-live": "off" });
    this.list = h("div", { class: "zk-list" });
    this.tail = h("div", { class: "zk-tail" });
    this.dots = h("div", { class: "zk-say zk-bot zk-typing", "aria-hidden": "true", hidden: "" }, h("i"), h("i"), h("i"));
    this.flow = h("div", { class: "zk-flow" }, this.past, this.list, this.tail);
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

  /** `passing`: it will be sent again by itself, which is no reason for alarm. */
  failed(id, fault, passing) {
    const box = this.byClient.get(id);
    if (box) this.#mark(box, passing && !fault.message ? "later" : "failed", fault, passing);
    this.tidy();
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

  typing(who, ms = 20_000) {
    clearTimeout(this.typingEnds);
    const was = this.dots.hidden;
    this.dots.hidden = !who;
    if (!who) { this.spoken.textContent = ""; return; }
    if (was) this.spoken.textContent = this.say.typing(who);
    this.typingEnds = setTimeout(() => this.typing(null), ms);
  }

  queue(queue) {
    const had = this.card ? [...this.card.querySelectorAll("button, a")].indexOf(document.activeElement) : -1;
    this.card?.remove();
    this.card = null;
    if (queue) {
      const { say, options } = this;
      const minutes = Number.isFinite(queue.eta_seconds) ? Math.ceil(queue.eta_seconds / 60) : null;
      const row = (name, label, act) => h(act.href ? "a" : "button", act.href ? act : { type: "button", onclick: act },
        icon(name), h("span", {}, label), icon("right"));
      // What the approved words offer goes before what we would offer by ourselves.
      const offered = this.#queueChoices().map((choice) => row(QUEUE_ICONS[choice.action] ?? "doc", choice.title, () => this.act.choose(choice)));
      // Nobody on duty (no estimate): being first then means nothing, and 马上到您 would be untrue.
      const ahead = Number.isInteger(queue.ahead) && (queue.ahead > 0 || minutes !== null) ? queue.ahead : null;
      this.card = h("div", { class: "zk-queue" },
        h("div", { class: "zk-slip" },
          h("div", { class: "zk-pos", role: "status" },
            ahead !== null && h("div", {}, h("span", {}, say.ahead), h("b", {}, ahead ? say.people(ahead) : say.next)),
            minutes !== null && h("div", {}, h("span", {}, say.eta), h("b", {}, minutes > 1 ? say.minutes(minutes) : say.underMinute))),
          h("div", { class: "zk-alt" }, offered.length ? offered : [
            row("chat", say.leave, () => this.act.write()),
            options.hotline && row("phone", say.call(options.hotline), { href: `tel:${options.hotline.replace(/[^\d+]/g, "")}` }),
            row("bot", say.noWait, () => this.act.cancelQueue())])),
        h("p", { class: "zk-at" }, say.mayLeave));
      this.tail.prepend(this.card);
      if (had >= 0) this.card.querySelectorAll("button, a")[had]?.focus({ preventScroll: true }); // the place moved, the finger did not
    }
    this.tidy();
  }

  #queueChoices() {
    const box = [...this.list.querySelectorAll(":scope > .zk-msg")].findLast((one) => one.choices?.some((choice) => QUEUE_ICONS[choice.action]));
    return box?.choices ?? [];
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
    const lastRead = boxes.findLast((box) => box.dataset.read !== undefined);
    const open = this.state === "bot" || this.state === "queued";
    for (const box of boxes) {
      // While a person serves, only the house itself still asks (whether the bot may go on).
      const asks = this.state === "agent" && box.dataset.from === "system";
      const quick = box.querySelector(".zk-quick");
      const inCard = this.card && box.choices?.some((choice) => QUEUE_ICONS[choice.action]); // its card has them
      if (quick) quick.hidden = !(open || asks) || inCard || box !== lastTheirs || this.#chosen(box, boxes, quick);
      const got = box.querySelector(".zk-got");
      if (!got || box.dataset.status !== "sent") continue;
      const newest = box === boxes.at(-1) && !this.card;
      got.textContent = box === lastRead ? this.say.read : this.say.sent;
      got.hidden = !newest && box !== lastRead;
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

  #mark(box, status, fault, passing) {
    box.dataset.status = status;
    box.querySelector(":scope > .zk-got, :scope > .zk-fail")?.remove();
    if (status === "failed") {
      const id = [...this.byClient].find(([, known]) => known === box)?.[0];
      // What the server refused for its content is changed, not sent again.
      const again = passing || /closed/.test(fault?.code ?? "")
        ? button("zk-btn zk-small", this.say.resend, () => this.act.resend(id))
        : button("zk-btn zk-small", this.say.edit, () => this.act.edit(id));
      box.append(h("p", { class: "zk-fail", role: "alert" }, icon("alert"), h("span", {}, fault?.message || this.say.failed), again));
    } else {
      box.append(h("p", { class: "zk-got" }, { sending: this.say.sending, later: this.say.later }[status] ?? this.say.sent));
    }
  }

  /** Messages of an earlier conversation: to be read only. */
  old({ opened_at: at, messages }) {
    return [h("p", { class: "zk-at zk-rule" }, dayAndTime(at, this.options.lang)), ...messages.map((message) => {
      const box = this.#draw(message);
      box.querySelectorAll(".zk-got").forEach((part) => part.remove());
      return box;
    })];
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
      box.choices = buttons;
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
      else if (url) this.wire.blob(url).then(show).catch(() => { frame.classList.add("is-missing"); caption.append(` ${this.say.missing}`); });
      return frame;
    }
    const link = h("a", { class: "zk-file", download: name, href: "#" }, icon("doc"), caption);
    if (url) {
      link.addEventListener("click", async (event) => {
        if (link.dataset.ready) return;
        event.preventDefault();
        try { link.href = await this.wire.blob(url); link.dataset.ready = "1"; link.click(); } catch { link.classList.add("is-missing"); caption.append(` ${this.say.missing}`); }
      });
    }
    return link;
  }

  /** A file on its way: its progress, a way to stop it, and what became of it. `act`: {stop, again}. */
  uploading(id, file, act) {
    const kind = isPicture(file) ? "image" : "file";
    const preview = kind === "image" ? URL.createObjectURL(file) : null;
    const box = h("div", { class: "zk-msg zk-from-customer is-pending", "data-from": "customer", "data-status": "sending" },
      this.#attachment({ name: file.name, size: file.size, kind, preview }));
    const bar = h("progress", { max: "1", value: "0", "aria-label": `${this.say.uploading}：${file.name}` });
    const note = h("p", { class: "zk-got" });
    const gone = () => { box.remove(); this.byClient.delete(id); };
    const way = (...parts) => note.replaceChildren(...parts);
    const sending = () => {
      box.dataset.status = "sending";
      bar.value = 0;
      way(bar, button("zk-btn zk-quiet zk-icon zk-small", icon("x"), () => { act.stop(); gone(); }, { "aria-label": `${this.say.stop}：${file.name}` }));
    };
    const remove = () => button("zk-btn zk-quiet zk-icon zk-small", icon("x"), () => { act.stop(); gone(); }, { "aria-label": `${this.say.remove}：${file.name}` });
    sending();
    box.append(note);
    this.byClient.set(id, box);
    this.list.append(box);
    this.toEnd();
    return {
      gone, sending,
      progress: (share) => { bar.value = share; },
      done: (seq) => { note.remove(); if (box.isConnected && seq) this.confirm(id, seq); },
      later: () => { box.dataset.status = "later"; way(this.say.uploadLater, remove()); },
      fail: (message) => {
        box.dataset.status = "failed";
        way(h("span", { class: "zk-fail", role: "alert" }, icon("alert"), h("span", {}, message || this.say.uploadFailed)),
          button("zk-btn zk-small", this.say.resend, act.again), remove());
      },
    };
  }
}

/* The slip shows number, promise and receipt: of the approved sentence only what goes beyond them stays a bubble. */
function withoutFacts(text, card) {
  const facts = [card.number, card.promised_text, card.receipt_url, "/r/"].filter(Boolean);
  return text.split(/(?<=[。！？\n])/).filter((sentence) => !facts.some((fact) => sentence.includes(fact))).join("").trim();
}
