/* The line to the server. A WebSocket when there is one, long polling when not. Messages are numbered by the server
   (seq): we ask for what comes after the last one and drop repeats. What the customer writes carries an id of ours
   (client_id): sending it twice is harmless, so we may always resend; it is always sent in the order of writing. */
import { Calls } from "./calls.js";
import { newId } from "./memory.js";

const BEAT_MS = 20_000;
const ANSWER_MS = 7_000;
const MARK_MS = 400;
const TYPING_MS = 2_500;
// The conversation itself is over for us. A 404 on a message may only mean an unknown button.
const GONE = new Set(["bad_token", "unauthorised", "session_expired", "conversation_not_found"]);
// Nobody there, or not now: the same words may be sent again later. Anything else was refused for its content.
const passing = (fault) => (fault.status ? fault.status >= 500 || fault.status === 408 || fault.status === 429
  : /offline|database_busy|too_many|unavailable|internal/.test(fault.code ?? "offline"));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Wire extends Calls {
  /** @param on message, state, ack, failed, typing, read, net, gone, fault: what the panel does about each */
  constructor({ site, customer, memory, on }) {
    super(memory);
    Object.assign(this, { site, customer, on });
    this.last = 0;
    this.gap = null; // the last seq before a hole, until a look at the server filled it
    this.socket = null;
    this.tries = 0;
    this.status = "idle";
    this.running = false;
    this.doubts = new Map(); // client_id → timer until we doubt the socket
    this.refused = new Set(); // kept for the customer to change, not sent again by ourselves
    this.marks = { read: 0, delivered: 0 };
    this.told = { read: 0, delivered: 0 };
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.wake(); });
    window.addEventListener("online", () => this.wake());
    window.addEventListener("offline", () => this.#net("offline"));
    setInterval(() => this.#beat(), BEAT_MS);
  }

  get live() { return this.socket?.readyState === WebSocket.OPEN && this.status === "live"; }

  /** Opens a conversation for this visitor, or takes up the kept one. */
  async start() {
    if (this.running) return;
    const { customer, memory } = this;
    const who = customer?.ref ?? null;
    if (who && this.conversation && !this.conversation.who) await this.#introduce(customer, who);
    if (!this.conversation || (this.conversation.who ?? null) !== who) {
      const made = await this.fetch("/api/chat/sessions", {
        method: "POST", timeout: 15_000,
        json: { channel: "web", site: this.site, customer: customer ?? { ref: memory.visitor } },
      });
      memory.conversation = { id: made.conversation_id, token: made.token, who };
      memory.seen = 0;
      memory.over = false;
    }
    this.last = 0;
    this.gap = null;
    this.tries = 0;
    this.marks = { read: 0, delivered: 0 };
    this.told = { read: 0, delivered: 0 };
    this.running = true;
    this.#dial();
  }

  /* Signed in since the conversation began: it goes on, now under the customer's name. */
  async #introduce(customer, who) {
    try {
      const { token } = await this.call("/identity", { method: "POST", json: { site: this.site, customer } });
      this.memory.conversation = { id: this.conversation.id, token, who };
    } catch (fault) {
      if (!fault.status) throw fault; // nobody there: neither yes nor no
    }
  }

  stop() {
    this.running = false;
    this.epoch = (this.epoch ?? 0) + 1;
    this.socket?.close();
    this.socket = null;
    this.polling = null;
    this.draining = false;
    this.status = "idle";
    for (const timer of [this.again, this.redial, this.marking, this.deaf, ...this.doubts.values()]) clearTimeout(timer);
    this.doubts.clear();
    this.refused.clear();
  }

  #lost(fault) {
    const gone = fault.status === 401 || GONE.has(fault.code);
    if (gone && this.running) { this.stop(); this.on.gone(fault); }
    return gone;
  }

  #net(status) {
    if (this.status === status) return;
    this.status = status;
    this.on.net(status);
  }

  wake() {
    if (!this.running) return;
    if (!this.socket) { this.tries = 0; this.#dial(); }
    this.#ask();
    this.look();
  }

  /* Timers stand still while a machine sleeps: a beat that comes late means that the line is not to be trusted. */
  #beat() {
    const slept = Date.now() - (this.beat ?? Date.now()) > 2.5 * BEAT_MS;
    this.beat = Date.now();
    if (!this.running || document.hidden) return;
    if (slept) this.wake(); else this.#ask();
  }

  /* A dead line often looks alive: whoever does not answer is hung up on, and dialled again. */
  #ask() {
    const { socket } = this;
    if (!this.live || this.deaf) return;
    socket.send('{"type":"ping"}');
    this.deaf = setTimeout(() => { this.deaf = null; if (this.socket === socket) this.#hangUp(); }, ANSWER_MS);
  }

  #hangUp() {
    const { socket } = this;
    this.socket = null; // its own closing may take the browser a minute
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#fallen();
  }

  #fallen() {
    clearTimeout(this.deaf);
    this.deaf = null;
    if (!this.running) return;
    this.tries += 1;
    this.#poll(); // says whether the server is there at all, and carries messages meanwhile
    const wait = Math.min(10_000, 500 * 2 ** Math.min(this.tries, 6)) * (0.75 + Math.random() / 2);
    clearTimeout(this.redial);
    this.redial = setTimeout(() => this.#dial(), wait);
  }

  #dial() {
    clearTimeout(this.redial);
    if (!this.running || this.socket) return;
    const address = new URL(`${this.path}/ws`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    let socket;
    try { socket = new WebSocket(address); } catch { this.#poll(); return; }
    this.socket = socket;
    let live = false;
    const mute = setTimeout(() => { if (this.socket === socket) this.#hangUp(); }, 10_000);
    socket.onopen = () => socket.send(JSON.stringify({ token: this.conversation.token, after: this.gap ?? this.last }));
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      let frame;
      try { frame = JSON.parse(data); } catch { return; }
      clearTimeout(this.deaf);
      this.deaf = null;
      if (!live && frame.type !== "error") {
        live = true;
        clearTimeout(mute);
        this.tries = 0;
        this.polling = null;
        this.#back();
      }
      this.#heard(frame);
    };
    socket.onclose = (event) => {
      clearTimeout(mute);
      if (this.socket !== socket) return;
      this.socket = null;
      if (event.code === 4401 || event.code === 4404) { this.#lost({ status: 401 }); return; }
      this.#fallen();
    };
  }

  /* Only one loop at a time: a later one makes an earlier one, still waiting for its answer, leave. */
  async #poll() {
    if (this.polling) return;
    const mine = (this.polling = {});
    let failures = 0;
    while (this.polling === mine && this.running) {
      const answered = await this.look(this.status === "polling" ? 20 : 0);
      if (this.polling !== mine || !this.running) return;
      if (answered) {
        failures = 0;
        this.#back();
      } else {
        failures += 1;
        this.#net("offline");
        await pause(Math.min(5_000, 500 * 2 ** Math.min(failures, 4)) * (0.75 + Math.random() / 2));
      }
    }
  }

  /* The server answers (again): what could not be delivered goes out now. */
  #back() {
    const status = this.polling ? "polling" : "live";
    if (this.status === status) return;
    this.#net(status);
    this.misses = 0;
    this.flush();
    this.#mark();
  }

  /** Asks for what we have not seen. True when the server answered. */
  async look(wait = 0) {
    if (!this.running) return false;
    const mine = this.epoch;
    try {
      const after = this.gap ?? this.last;
      const page = await this.call(`/messages?after=${after}&wait=${wait}`, { timeout: (wait + 15) * 1000 });
      if (mine !== this.epoch) return true;
      this.gap = null;
      for (const message of page.messages ?? []) this.#message(message, true);
      if (page.state) this.on.state(page);
      if (page.read) this.on.read(page.read);
      if (this.status === "offline" && (this.socket || this.polling)) this.#back();
      return true;
    } catch (fault) {
      const refused = fault.status === 403 || fault.status === 404;
      if (mine === this.epoch) this.#lost(refused ? { status: 401 } : fault);
      return false;
    }
  }

  #heard(frame) {
    if (frame.type === "message") this.#message(frame.message);
    else if (frame.type === "state") this.on.state(frame);
    else if (frame.type === "ack") this.#ack(frame.client_id, frame.seq);
    else if (frame.type === "typing") this.on.typing(frame.from);
    else if (frame.type === "read") this.on.read(frame.seq);
    else if (frame.type === "error") {
      if (this.#lost({ code: frame.code })) return;
      if (frame.client_id) this.#refused(frame.client_id, frame);
      else this.on.fault(frame);
    }
  }

  #message(message, looked = false) {
    if (!Number.isInteger(message?.seq)) return;
    if (message.seq > this.last + 1 && !looked && this.gap === null) { this.gap = this.last; this.look(); }
    this.last = Math.max(this.last, message.seq);
    if (message.client_id) this.#settle(message.client_id);
    this.mark("delivered", this.last);
    this.on.message(message);
  }

  /** Tells the other side, now and then, how far we have received or read; what is read was received. */
  mark(kind, seq) {
    if (seq <= this.marks[kind]) return;
    this.marks[kind] = seq;
    clearTimeout(this.marking);
    this.marking = setTimeout(() => this.#mark(), MARK_MS);
  }

  #mark() {
    const { marks: { read, delivered }, told } = this;
    if (!this.running) return;
    if (read > told.read) {
      told.read = read;
      if (this.live) this.socket.send(JSON.stringify({ type: "read", seq: read }));
      else this.call("/read", { method: "POST", json: { seq: read } }).catch(() => { told.read = 0; });
    }
    // Without a socket, asking for what comes after a number tells as much.
    if (this.live && delivered > Math.max(read, told.delivered)) this.socket.send(JSON.stringify({ type: "delivered", seq: delivered }));
    told.delivered = delivered;
  }

  /** The customer is writing: worth a frame only to a person, and only now and then. */
  typing() {
    if (!this.live || Date.now() - (this.typed ?? 0) < TYPING_MS) return;
    this.typed = Date.now();
    this.socket.send('{"type":"typing"}');
  }

  #settle(id) {
    clearTimeout(this.doubts.get(id));
    this.doubts.delete(id);
    this.refused.delete(id);
    this.memory.settle(id);
  }

  #ack(id, seq) {
    this.#settle(id);
    this.on.ack(id, seq ?? null);
  }

  #refused(id, fault) {
    clearTimeout(this.doubts.get(id));
    this.doubts.delete(id);
    if (passing(fault)) this.#later(); else this.refused.add(id);
    this.on.failed(id, fault, passing(fault));
  }

  #later() {
    this.misses = (this.misses ?? 0) + 1;
    clearTimeout(this.again);
    this.again = setTimeout(() => { this.wake(); this.flush(); }, Math.min(20_000, 1500 * 2 ** Math.min(this.misses, 4)));
  }

  /** Text or button. The words are kept until the server has confirmed them. */
  send(content) {
    const item = { client_id: newId(), at: new Date().toISOString(), ...content };
    this.memory.post(item);
    this.#push(item);
    return item;
  }

  resend(id) {
    this.refused.delete(id);
    this.flush();
  }

  drop(id) { this.#settle(id); }

  /** Sends again, in order, whatever is unconfirmed: after a reconnection or a reload. */
  flush() { for (const item of this.memory.outbox) this.#push(item); }

  #push(item) {
    if (!this.running || this.refused.has(item.client_id)) return;
    clearTimeout(this.doubts.get(item.client_id));
    if (!this.live || this.draining) { this.#drain(); return; }
    this.socket.send(JSON.stringify(frameOf(item)));
    this.doubts.set(item.client_id, setTimeout(() => this.#drain(), ANSWER_MS)); // unanswered: by the other road
  }

  /* One after the other by HTTP, in the order of writing: two requests at once could overtake each other. */
  async #drain() {
    if (this.draining || !this.running) return;
    this.draining = true;
    const mine = this.epoch;
    let item;
    while ((item = this.memory.outbox.find((one) => !this.refused.has(one.client_id)))) {
      try {
        const answer = await this.call("/messages", { method: "POST", json: frameOf(item), timeout: 20_000 });
        if (mine !== this.epoch) return;
        this.#ack(item.client_id, answer.seq);
        if (!this.live) this.look();
      } catch (fault) {
        if (mine !== this.epoch || this.#lost(fault)) return;
        this.#refused(item.client_id, fault);
        if (!passing(fault)) continue;
        if (!fault.status) this.#net("offline");
        break;
      }
    }
    this.draining = false;
  }
}

const frameOf = ({ client_id, text, button }) => (button ? { client_id, button } : { client_id, text });
