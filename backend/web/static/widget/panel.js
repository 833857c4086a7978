/* The dialog: header by who speaks, the conversation, the composer; and what each event of the line means here. */
import { Composer } from "./composer.js";
import { button, h, icon } from "./dom.js";
import { Flow } from "./flow.js";
import { History } from "./history.js";
import { newId } from "./memory.js";
import { Wire } from "./wire.js";

const DAY_MS = 24 * 3_600_000;

export class Panel {
  constructor({ root, memory, options, customer, shell }) {
    Object.assign(this, { root, memory, options, shell, say: options.say });
    this.state = "starting";
    this.isOpen = false;
    this.agent = null;
    this.unreadSeqs = new Set();
    this.uploads = new Map(); // id → what an upload that waits for the line does when it is back
    const on = Object.fromEntries(["message", "state", "ack", "failed", "typing", "read", "net", "gone", "fault"]
      .map((name) => [name, (...args) => this[`on_${name}`](...args)]));
    this.wire = new Wire({ site: options.site, customer, memory, on });
    const act = {
      choose: (choice) => this.say_button(choice.id, choice.title), write: (hint) => this.composer.focus(hint),
      cancelQueue: () => this.say_button("cancel_queue", this.say.cancelQueue),
      restart: () => this.startNew().then(() => this.composer.input.focus()), resend: (id) => this.resend(id), edit: (id) => this.edit(id),
    };
    this.flow = new Flow({ options, wire: this.wire, memory, act });
    this.composer = new Composer({ options, memory, onText: (text) => this.say_text(text), onFile: (file) => this.send_file(file), onTyping: () => { if (this.state === "agent") this.wire.typing(); } });
    if (customer) this.history = new History({ flow: this.flow, wire: this.wire, say: options.say });
    this.#build();
  }

  #build() {
    const { say, options } = this;
    this.face = h("span", { class: "zk-face", "aria-hidden": "true" }, icon("bot"));
    this.heading = h("h2", { id: "zk-title" }, say.title);
    this.sub = h("p", { class: "zk-sub" }, say.starting);
    this.human = button("zk-btn zk-human", [icon("headset"), say.human], () => {
      this.human.disabled = true; // until the server has said what became of it: one press, one place in the queue
      this.say_button("request_human", say.human);
    }, { hidden: "" });
    this.leave = button("zk-btn zk-quiet", say.cancelQueue, () => this.say_button("cancel_queue", say.cancelQueue), { hidden: "" });
    this.endItem = button("", say.end, () => this.end(), { role: "menuitem" });
    this.newItem = button("", say.startNew, () => { this.menu(false); this.startNew(); }, { role: "menuitem", hidden: "" });
    this.items = h("div", { class: "zk-menu", role: "menu", id: "zk-menu", hidden: "" }, this.endItem, this.newItem);
    this.moreButton = button("zk-btn zk-quiet zk-icon", icon("more"), () => this.menu(this.items.hidden),
      { "aria-label": say.more, "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": "zk-menu", hidden: "" });
    const fold = button("zk-btn zk-quiet zk-icon", icon("down"), () => this.fold(), { "aria-label": say.fold });
    this.note = h("p", { class: "zk-idnote" }, icon("info"), h("span", {}, say.note(options.bot)));
    this.notice = h("div", { class: "zk-notice", role: "status" });
    this.panel = h("section", { class: "zk-panel", id: "zk-dialog", role: "dialog", "aria-labelledby": "zk-title", tabindex: "-1" },
      h("header", {}, this.face, h("div", { class: "zk-grow" }, this.heading, this.sub), this.human, this.leave, this.moreButton, fold, this.items),
      this.note, this.notice, this.flow.spoken, h("div", { class: "zk-body" }, this.flow.log, this.flow.jump), this.composer.footer);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      if (!this.items.hidden) { this.menu(false); this.moreButton.focus(); } else this.fold();
    });
    this.panel.addEventListener("pointerdown", (event) => { if (!this.items.contains(event.target) && !this.moreButton.contains(event.target)) this.menu(false); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#seen(); });
    this.root.append(this.panel);
    for (const item of this.memory.outbox) this.flow.pending(item);
    this.#show();
  }

  /* Opening and folding ---------------------------------------------------------------------------------- */
  open() {
    if (!this.isOpen) {
      this.isOpen = true;
      this.flow.toEnd();
      // On a phone the keyboard would cover the greeting: focus the dialog there, the field elsewhere.
      if (window.matchMedia("(pointer: coarse)").matches) this.panel.focus({ preventScroll: true });
      else this.composer.input.focus({ preventScroll: true });
      this.#seen();
    }
    this.resume();
  }

  /** Folded from in here: what comes before the page has done it is not read any more. */
  fold() {
    this.closed();
    this.shell.close();
  }

  /** The page has folded us away. */
  closed() {
    this.isOpen = false;
    this.menu(false);
    this.#count();
  }

  menu(show) {
    this.items.hidden = !show;
    this.moreButton.setAttribute("aria-expanded", String(show));
    this.endItem.textContent = this.say.end;
    this.sure = false;
    if (show) this.items.querySelector("button:not([hidden])")?.focus();
  }

  /* The conversation -------------------------------------------------------------------------------------- */
  resume() {
    if (this.wire.running || this.gone) return this.starting ?? Promise.resolve();
    this.starting ??= this.wire.start()
      .then(() => this.banner(null))
      .catch((fault) => this.banner(fault.message || this.say.cannotStart, this.say.tryAgain, () => this.resume()))
      .finally(() => { this.starting = null; });
    return this.starting;
  }

  startNew() {
    this.wire.stop();
    this.gone = false;
    this.filed = false;
    this.fresh = false;
    this.memory.conversation = null;
    this.memory.seen = 0;
    this.unreadSeqs.clear();
    this.#count();
    // Words not yet delivered go along; a button of the old conversation means nothing in the new one.
    for (const item of this.memory.outbox) {
      if (!item.text || Date.now() - Date.parse(item.at) > DAY_MS) this.memory.settle(item.client_id);
    }
    this.flow.archive();
    this.flow.ended(false);
    this.flow.queue(null);
    this.flow.typing(null);
    for (const item of this.memory.outbox) this.flow.pending(item);
    this.banner(null);
    this.state = "starting";
    this.agent = this.flow.agent = null;
    this.#show();
    return this.resume();
  }

  #send(content) {
    if (this.state === "closed" || this.gone) this.startNew();
    const item = this.wire.send(content);
    this.flow.pending(item);
    if (!this.wire.running) this.resume();
    this.#show();
  }

  say_text(text) { this.#send({ text }); }
  say_button(id, title) { this.#send({ button: id, title }); }

  async send_file(file) {
    if (this.state === "closed" || this.gone) this.startNew();
    const id = newId(); // the same for every try: a file that did arrive is not stored twice
    let stopped = false;
    let cancel = () => {};
    const row = this.flow.uploading(id, file, {
      stop: () => { stopped = true; this.uploads.delete(id); cancel(); }, again: () => send(),
    });
    const send = async () => {
      this.uploads.delete(id);
      row.sending();
      try {
        await this.resume();
        if (stopped) return;
        if (!this.wire.running) throw { status: 0 };
        const upload = this.wire.upload(file, id, row.progress);
        cancel = upload.cancel;
        row.done((await upload.done).seq);
        this.wire.look();
      } catch (fault) {
        if (stopped) return;
        if (fault.status) row.fail(fault.message);
        else { this.uploads.set(id, send); row.later(); }
      }
      this.#show();
    };
    await send();
  }

  resend(id) {
    const item = this.memory.outbox.find((known) => known.client_id === id);
    if (!item) return;
    if (this.state === "closed" || this.gone) { this.startNew(); return; }
    this.flow.pending(item);
    this.wire.resend(id);
  }

  edit(id) {
    const item = this.memory.outbox.find((known) => known.client_id === id);
    this.wire.drop(id);
    this.flow.confirm(id, null);
    if (item?.text) this.composer.put(item.text);
  }

  async end() {
    if (!this.sure) { this.sure = true; this.endItem.textContent = this.say.endSure; return; }
    this.menu(false);
    this.composer.input.focus({ preventScroll: true });
    try { await this.wire.close(); this.wire.look(); } catch (fault) { this.banner(fault.message || this.say.cannotStart); }
  }

  /* What the line tells us --------------------------------------------------------------------------------- */
  on_message(message) {
    if (!this.flow.put(message)) return;
    if (message.from !== "customer" && message.seq > this.memory.seen) this.unreadSeqs.add(message.seq);
    if (message.from === "agent" && message.agent?.name && this.state !== "bot") this.agent = this.flow.agent = message.agent;
    if (message.card?.kind === "complaint_filed") this.filed = true;
    if (message.from === "customer" && this.state === "bot" && this.fresh) this.flow.typing(this.options.bot);
    this.#seen();
    this.#show();
  }

  on_state({ state, queue, agent }) {
    this.human.disabled = false;
    this.fresh = true; // the history is in: what comes now is new
    this.flow.log.removeAttribute("aria-busy");
    this.state = state;
    this.flow.state = state;
    this.memory.over = state === "closed";
    if (agent?.name) this.agent = this.flow.agent = agent;
    if (state !== "agent" && state !== "closed") this.agent = this.flow.agent = null;
    if (state !== "bot") this.flow.typing(null);
    this.flow.queue(state === "queued" ? queue ?? {} : null);
    this.flow.ended(state === "closed");
    this.#show();
  }

  on_ack(id, seq) {
    this.flow.confirm(id, seq);
    if (seq !== null && this.state === "bot") this.flow.typing(this.options.bot);
  }

  on_failed(id, fault, passing) {
    this.human.disabled = false;
    if (/closed/.test(fault.code ?? "")) { this.state = this.flow.state = "closed"; this.#show(); }
    this.flow.failed(id, fault, passing);
  }

  on_typing(from) { if (from === "agent") this.flow.typing(this.agent?.name ?? this.say.title, 6_000); else this.flow.typing(this.options.bot); }
  on_read(seq) { this.flow.read(seq); }
  on_fault(frame) { if (frame.message) this.banner(frame.message); }

  on_net(status) {
    this.root.dataset.net = status;
    clearTimeout(this.offlineTimer);
    if (status !== "offline") {
      if (this.offlineShown) this.banner(null);
      this.offlineShown = false;
      for (const send of [...this.uploads.values()]) send();
      return;
    }
    // A blink of the line is not news.
    this.offlineTimer = setTimeout(() => {
      this.offlineShown = true;
      this.banner(this.say.offline, this.say.reconnect, () => this.wire.wake());
    }, navigator.onLine ? 2500 : 300);
  }

  on_gone() {
    this.gone = true;
    this.memory.conversation = null;
    this.state = this.flow.state = "closed";
    this.flow.queue(null);
    this.flow.typing(null);
    this.banner(this.say.expired, this.say.startNew, () => this.startNew());
    this.#show();
  }

  /* Showing ------------------------------------------------------------------------------------------------ */
  banner(text, label, run) {
    this.notice.replaceChildren(...(text ? [icon(this.root.dataset.net === "offline" ? "off" : "info"), h("span", { class: "zk-grow" }, text),
      label ? button("zk-btn zk-small", label, run) : button("zk-btn zk-quiet zk-icon zk-small", icon("x"), () => this.banner(null), { "aria-label": this.say.fold })] : []));
  }

  #show() {
    const { say, options, state } = this;
    this.root.dataset.state = state;
    const person = this.agent && (state === "agent" || state === "closed");
    this.face.replaceChildren(person ? [...this.agent.name][0] : icon("bot"));
    this.heading.textContent = person ? this.agent.name : say.title;
    this.sub.textContent = { starting: this.gone ? say.closedSub : say.starting, bot: say.auto(options.bot), queued: say.queuedSub, agent: say.agentSub, closed: say.closedSub }[state] ?? "";
    this.human.hidden = state !== "bot";
    this.leave.hidden = state !== "queued";
    this.moreButton.hidden = state === "starting" || !this.flow.spoke;
    this.endItem.hidden = state === "closed";
    this.newItem.hidden = state !== "closed";
    this.note.hidden = !(state === "bot" || state === "starting");
    this.composer.hints({ bot: this.filed ? say.askMore : say.ask, queued: say.askQueue, agent: say.askAgent, closed: say.askClosed }[state] ?? say.ask,
      state === "bot" || state === "starting" || !options.hours ? say.footBot : say.footHours(options.hours));
  }

  #seen() {
    if (this.isOpen && !document.hidden) {
      if (this.wire.last > this.memory.seen) this.memory.seen = this.wire.last;
      this.wire.mark("read", this.wire.last);
      this.unreadSeqs.clear();
    }
    this.#count();
  }

  #count() { this.shell.unread(this.unreadSeqs.size); }
}
