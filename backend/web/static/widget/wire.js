/* The line to the server. A WebSocket when there is one, long polling when not, and a look every 20 s as a net.
   Messages are numbered by the server (seq): we ask for what comes after the last one and drop repeats. What
   the customer writes carries an id of ours (client_id): sending it twice is harmless, so we may always resend. */
import { newId } from "./memory.js";

const NET_MS = 20_000;
const ACK_MS = 7_000;
// The conversation itself is over for us. A 404 on a message may only mean an unknown button.
const GONE = new Set(["bad_token", "unauthorised", "session_expired", "conversation_not_found"]);

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Wire {
  /** @param on message, state, ack, failed, typing, read, net, gone: what the panel does about each */
  constructor({ base, memory, on }) {
    Object.assign(this, { base, memory, on });
    this.last = 0;
    this.gap = null; // the last seq before a hole, until a look at the server filled it
    this.socket = null;
    this.tries = 0;
    this.status = "idle";
    this.running = false;
    this.waiting = new Map(); // client_id → timer until we doubt the socket
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.wake(); });
    window.addEventListener("online", () => this.wake());
    window.addEventListener("offline", () => this.#net("offline"));
    setInterval(() => { if (this.running && !document.hidden) this.look(); }, NET_MS);
  }

  get conversation() { return this.memory.conversation; }

  async #fetch(path, { method = "GET", body, headers = {}, timeout = 30_000 } = {}) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeout);
    try {
      const response = await fetch(this.base + path, { method, body, headers, signal: stop.signal, credentials: "omit" });
      const data = await response.json().catch(() => null);
      if (response.ok) return data ?? {};
      throw { status: response.status, code: data?.code ?? "failed", message: data?.message ?? "" };
    } catch (fault) {
      throw fault?.status ? fault : { status: 0, code: "offline", message: "" };
    } finally {
      clearTimeout(timer);
    }
  }

  call(path, options = {}) {
    const { id, token } = this.conversation;
    const headers = { Authorization: `Bearer ${token}`, ...(options.json ? { "Content-Type": "application/json" } : {}) };
    const body = options.json ? JSON.stringify(options.json) : options.body;
    return this.#fetch(`/api/chat/${encodeURIComponent(id)}${path}`, { ...options, headers, body });
  }

  /** Opens a conversation for this visitor, or takes up the kept one. */
  async start() {
    if (this.running) return;
    if (!this.conversation) {
      const made = await this.#fetch("/api/chat/sessions", {
        method: "POST", headers: { "Content-Type": "application/json" }, timeout: 15_000,
        body: JSON.stringify({ channel: "web", customer: { ref: this.memory.visitor } }),
      });
      this.memory.conversation = { id: made.conversation_id, token: made.token };
    }
    this.last = 0;
    this.gap = null;
    this.tries = 0;
    this.running = true;
    this.#dial();
  }

  stop() {
    this.running = false;
    this.epoch = (this.epoch ?? 0) + 1;
    this.socket?.close();
    this.socket = null;
    this.polling = null;
    this.status = "idle";
    clearTimeout(this.again);
    clearTimeout(this.redial);
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
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
    this.look();
  }

  #dial() {
    clearTimeout(this.redial);
    if (!this.running || this.socket) return;
    const { id, token } = this.conversation;
    const address = new URL(`${this.base}/api/chat/${encodeURIComponent(id)}/ws`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    let socket;
    try { socket = new WebSocket(address); } catch { this.#poll(); return; }
    this.socket = socket;
    let live = false;
    const deaf = setTimeout(() => socket.close(), 10_000);
    socket.onopen = () => socket.send(JSON.stringify({ token, after: this.gap ?? this.last }));
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      let frame;
      try { frame = JSON.parse(data); } catch { return; }
      if (!live && frame.type !== "error") {
        live = true;
        clearTimeout(deaf);
        this.tries = 0;
        this.polling = null;
        this.#back();
      }
      this.#heard(frame);
    };
    socket.onclose = (event) => {
      clearTimeout(deaf);
      if (this.socket !== socket) return;
      this.socket = null;
      if (!this.running) return;
      if (event.code === 4401 || event.code === 4404) { this.#lost({ status: 401 }); return; }
      this.tries += 1;
      this.#poll(); // says whether the server is there at all, and carries messages meanwhile
      const wait = Math.min(10_000, 500 * 2 ** Math.min(this.tries, 6)) * (0.75 + Math.random() / 2);
      this.redial = setTimeout(() => this.#dial(), wait);
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
    this.on.message(message);
  }

  #settle(id) {
    clearTimeout(this.waiting.get(id));
    this.waiting.delete(id);
    this.memory.outbox = this.memory.outbox.filter((item) => item.client_id !== id);
  }

  #ack(id, seq) {
    this.#settle(id);
    this.on.ack(id, seq ?? null);
  }

  #refused(id, fault) {
    clearTimeout(this.waiting.get(id));
    this.waiting.delete(id);
    this.on.failed(id, fault);
  }

  /** Text or button. The words are kept until the server has confirmed them. */
  send(content) {
    const item = { client_id: newId(), at: new Date().toISOString(), ...content };
    this.memory.outbox = [...this.memory.outbox, item];
    this.#push(item);
    return item;
  }

  resend(id) {
    const item = this.memory.outbox.find((known) => known.client_id === id);
    if (item) this.#push(item);
  }

  drop(id) { this.#settle(id); }

  /** Sends again, in order, whatever is unconfirmed: after a reconnection or a reload. */
  flush() { for (const item of this.memory.outbox) this.#push(item); }

  #push(item) {
    if (!this.running) return;
    const { client_id, text, button } = item;
    const frame = button ? { client_id, button } : { client_id, text };
    clearTimeout(this.waiting.get(client_id));
    if (this.socket?.readyState === WebSocket.OPEN && this.status === "live") {
      this.socket.send(JSON.stringify(frame));
      // A dead line often looks alive: without an answer we take the other road.
      this.waiting.set(client_id, setTimeout(() => this.#post(frame), ACK_MS));
    } else this.#post(frame);
  }

  async #post(frame) {
    const mine = this.epoch;
    try {
      const answer = await this.call("/messages", { method: "POST", json: frame, timeout: 20_000 });
      if (mine === this.epoch) this.#ack(frame.client_id, answer.seq);
      if (mine === this.epoch && !this.socket) this.look();
    } catch (fault) {
      if (mine !== this.epoch || this.#lost(fault)) return;
      this.#refused(frame.client_id, fault);
      if (fault.status && fault.status < 500) return;
      // Nobody there: try again by ourselves, less and less often.
      this.#net("offline");
      this.misses = (this.misses ?? 0) + 1;
      clearTimeout(this.again);
      this.again = setTimeout(() => this.wake(), Math.min(10_000, 1500 * 2 ** Math.min(this.misses, 4)));
    }
  }

  close() { return this.call("/close", { method: "POST", json: {} }); }

  /** Progress needs XMLHttpRequest; the answer is {seq}. */
  upload(file, id, onProgress) {
    return new Promise((done, fail) => {
      const { id: conversation, token } = this.conversation;
      const form = new FormData();
      form.append("client_id", id);
      form.append("file", file, file.name);
      const request = new XMLHttpRequest();
      request.open("POST", `${this.base}/api/chat/${encodeURIComponent(conversation)}/attachments`);
      request.setRequestHeader("Authorization", `Bearer ${token}`);
      request.timeout = 120_000;
      request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
      const broken = () => fail({ status: 0, code: "offline", message: "" });
      request.onerror = broken;
      request.ontimeout = broken;
      request.onload = () => {
        let data = null;
        try { data = JSON.parse(request.responseText); } catch { /* not ours */ }
        if (request.status >= 200 && request.status < 300) { done(data ?? {}); this.look(); }
        else fail({ status: request.status, code: data?.code ?? "failed", message: data?.message ?? "" });
      };
      request.send(form);
    });
  }

  /** A file of this conversation, as an address only this page can use. */
  async blob(path) {
    const url = new URL(path, location.href);
    const ours = url.origin === new URL(this.base || "/", location.href).origin;
    const headers = ours ? { Authorization: `Bearer ${this.conversation.token}` } : {};
    const response = await fetch(url, { headers, credentials: "omit" });
    if (!response.ok) throw { status: response.status };
    return URL.createObjectURL(await response.blob());
  }

  /** `answer` null: not this time. */
  rate(token, answer) {
    return this.#fetch(`/api/surveys/${encodeURIComponent(token)}${answer ? "" : "/decline"}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(answer ?? {}),
    });
  }
}
