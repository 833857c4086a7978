/* What is kept between pages: who visits, which conversation is open, words not yet delivered. The frame may have
   no storage of its own (browsers take it from third parties), so the embedding page keeps it in its own. */
export const newId = () => (crypto.randomUUID ? crypto.randomUUID()
  : [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""));

export class Memory {
  /** @param kept what the page has kept so far  @param tell hands a change to the page */
  constructor(kept, tell) { Object.assign(this, { kept: kept ?? {}, tell }); }

  set(name, value) {
    this.kept[name] = value;
    this.tell({ name, value });
  }

  get visitor() {
    if (typeof this.kept.visitor !== "string") this.set("visitor", newId());
    return this.kept.visitor;
  }

  /** {id, token, who}: `who` is the signed reference that it was opened for, or null. */
  get conversation() { return this.kept.conversation ?? null; }
  set conversation(value) { this.set("conversation", value); }

  /* Messages written but not confirmed, in order: they survive a reload. Told one by one, because another tab may
     be writing, too. */
  get outbox() { return this.kept.outbox ?? []; }
  post(item) { this.kept.outbox = [...this.outbox, item]; this.tell({ name: "outbox", add: item }); }
  settle(id) {
    if (!this.outbox.some((item) => item.client_id === id)) return;
    this.kept.outbox = this.outbox.filter((item) => item.client_id !== id);
    this.tell({ name: "outbox", drop: id });
  }

  /** Whether the conversation is over: then no page need wait for news of it. */
  set over(value) { if (Boolean(this.kept.over) !== value) this.set("over", value || null); }
  get seen() { return this.kept.seen ?? 0; }
  set seen(value) { this.set("seen", value); }
  get draft() { return this.kept.draft ?? ""; }
  set draft(value) { this.set("draft", value || null); }

  skippedSurvey(token) { return (this.kept.skipped ?? []).includes(token); }
  skipSurvey(token, skip) {
    const others = (this.kept.skipped ?? []).filter((known) => known !== token);
    this.set("skipped", skip ? [...others, token].slice(-20) : others);
  }
}
