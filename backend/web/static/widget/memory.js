/* What the browser keeps: who visits, which conversation is open, and words not yet delivered. */
const uuid = () => (crypto.randomUUID ? crypto.randomUUID()
  : [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""));

export const newId = uuid;

export class Memory {
  constructor(scope) {
    this.prefix = `zk:${scope}:`;
    this.spare = new Map(); // private mode may refuse storage: then it lasts as long as the page
  }

  read(name, store = "localStorage") {
    try {
      return JSON.parse(window[store].getItem(this.prefix + name));
    } catch {
      return this.spare.get(name) ?? null;
    }
  }

  write(name, value, store = "localStorage") {
    this.spare.set(name, value);
    try {
      if (value === null) window[store].removeItem(this.prefix + name);
      else window[store].setItem(this.prefix + name, JSON.stringify(value));
    } catch { /* full or refused */ }
  }

  get visitor() {
    const known = this.read("visitor");
    if (typeof known === "string") return known;
    const fresh = uuid();
    this.write("visitor", fresh);
    return fresh;
  }

  get conversation() { return this.read("conversation"); }
  set conversation(value) { this.write("conversation", value); }

  /** Messages written but not confirmed, in order: they survive a reload. */
  get outbox() { return this.read("outbox") ?? []; }
  set outbox(value) { this.write("outbox", value.length ? value : null); }

  get seen() { return this.read("seen") ?? 0; }
  set seen(value) { this.write("seen", value); }

  get draft() { return this.read("draft", "sessionStorage") ?? ""; }
  set draft(value) { this.write("draft", value || null, "sessionStorage"); }

  get wasOpen() { return this.read("open", "sessionStorage") === true; }
  set wasOpen(value) { this.write("open", value || null, "sessionStorage"); }

  skippedSurvey(token) { return (this.read("skipped") ?? []).includes(token); }
  skipSurvey(token, skip) {
    const others = (this.read("skipped") ?? []).filter((known) => known !== token);
    this.write("skipped", skip ? [...others, token].slice(-20) : others);
  }
}
