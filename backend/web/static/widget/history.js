/* Earlier conversations of a customer whom the website vouches for, a page at a time, when they are asked for. */
import { button, h } from "./dom.js";

export class History {
  constructor({ flow, wire, say }) {
    Object.assign(this, { flow, wire, say });
    this.before = null;
    this.more = button("zk-btn zk-small zk-more", say.past, () => this.load());
    this.pages = h("div", { class: "zk-list", role: "group", "aria-label": say.pastLog });
    this.note = h("p", { class: "zk-at", role: "status" });
    flow.past.append(this.note, this.more, this.pages);
  }

  async load() {
    this.more.disabled = true;
    this.note.textContent = this.say.pastLoading;
    try {
      const { conversations, before } = await this.wire.history(this.before);
      const found = conversations.flatMap((one) => this.flow.old(one));
      this.before = before;
      this.pages.prepend(...found);
      this.note.textContent = before ? "" : this.say.pastNone;
      this.more.hidden = !before;
      if (!before) this.flow.log.focus({ preventScroll: true }); // the button that had it is gone
    } catch (fault) {
      this.note.textContent = fault.message || this.say.pastFailed;
    } finally {
      this.more.disabled = false;
    }
  }
}
