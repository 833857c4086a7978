/* Where the customer writes: grows to four lines, Enter sends, files wait in a tray until sent. */
import { button, h, icon } from "./dom.js";
import { ACCEPT, isPicture, MOST_FILES, refusal } from "./files.js";
import { size } from "./format.js";

const grows = CSS.supports("field-sizing", "content");

export class Composer {
  constructor({ options, memory, onText, onFile, onTyping }) {
    const { say } = options;
    Object.assign(this, { options, say, memory, onText, onFile, onTyping });
    this.files = [];
    this.input = h("textarea", { class: "zk-input", rows: "1", "aria-label": say.input, placeholder: say.ask, enterkeyhint: "send", autocomplete: "off" });
    this.input.value = memory.draft;
    this.picker = h("input", { type: "file", accept: ACCEPT, multiple: "", hidden: "", tabindex: "-1", "aria-hidden": "true" });
    this.tray = h("ul", { class: "zk-tray", hidden: "" });
    this.problem = h("p", { class: "zk-fail zk-problem", role: "alert", hidden: "" });
    this.foot = h("p", { class: "zk-foot" }, say.footBot);
    this.footer = h("footer", {}, this.problem, this.tray,
      h("div", { class: "zk-send" },
        button("zk-btn zk-quiet zk-icon", icon("clip"), () => this.picker.click(), { "aria-label": say.attach }), this.picker,
        this.input, button("zk-btn zk-primary zk-icon", icon("send"), () => this.send(), { "aria-label": say.send })),
      this.foot);

    this.input.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word: it must not send half a sentence.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    });
    this.input.addEventListener("input", () => {
      this.#keep();
      this.#grow();
      if (this.input.value.trim()) this.onTyping();
    });
    this.input.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) { event.preventDefault(); this.add(files); }
    });
    this.picker.addEventListener("change", () => { this.add([...this.picker.files]); this.picker.value = ""; });
    this.footer.addEventListener("dragover", (event) => event.preventDefault());
    this.footer.addEventListener("drop", (event) => { event.preventDefault(); this.add([...event.dataTransfer.files]); });
    this.#grow();
  }

  /* A page need not write its storage at every key. */
  #keep() {
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => { this.memory.draft = this.input.value; }, 300);
  }

  #grow() {
    if (!grows) this.input.rows = Math.min(4, Math.max(1, this.input.value.split("\n").length));
  }

  hints(placeholder, foot) {
    if (!this.hinted) this.input.placeholder = placeholder;
    this.foot.textContent = foot;
  }

  focus(hint) {
    if (hint) { this.input.placeholder = hint; this.hinted = true; }
    this.input.focus();
  }

  put(text) {
    this.input.value = this.input.value ? `${text}\n${this.input.value}` : text;
    this.memory.draft = this.input.value;
    this.#grow();
    this.input.focus();
  }

  add(files) {
    const problems = new Set();
    for (const file of files) {
      const why = refusal(file, this.say);
      if (why) problems.add(why);
      else if (this.files.length >= MOST_FILES) problems.add(this.say.tooMany(MOST_FILES));
      else this.files.push(file);
    }
    this.problem.hidden = !problems.size;
    this.problem.replaceChildren(...[...problems].slice(0, 3).map((why) => h("span", {}, icon("alert"), why)));
    this.#showTray();
    this.input.focus();
  }

  #showTray() {
    this.tray.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    this.tray.hidden = this.files.length === 0;
    this.tray.replaceChildren(...this.files.map((file) => h("li", {},
      isPicture(file) ? h("img", { src: URL.createObjectURL(file), alt: "" }) : icon("doc"),
      h("span", { class: "zk-name" }, file.name), h("span", { class: "zk-nb" }, size(file.size)),
      button("zk-btn zk-quiet zk-icon zk-small", icon("x"), () => { this.files = this.files.filter((other) => other !== file); this.#showTray(); },
        { "aria-label": `${this.say.remove}：${file.name}` }))));
  }

  send() {
    const text = this.input.value.trim();
    const files = this.files.splice(0);
    this.problem.hidden = true;
    clearTimeout(this.keeping);
    this.#showTray();
    for (const file of files) this.onFile(file);
    if (text) {
      this.input.value = "";
      this.memory.draft = "";
      this.hinted = false;
      this.#grow();
      this.onText(text);
    }
    this.input.focus({ preventScroll: true });
  }
}
