/* What is put in at the caret: emoji from our own short list, and fields with what is known. By keyboard too:
   arrows walk, Enter inserts, Esc closes and goes back to the words. */
const $ = (id) => document.getElementById(id);
const ROW = 8;
// Calm ones that fit a shop's voice; names are read out and searched.
const EMOJI = [
  ["🙂", "微笑"], ["😊", "开心"], ["😄", "大笑"], ["😉", "眨眼"], ["🤗", "抱抱"], ["🤝", "握手"], ["🙏", "感谢"], ["👍", "赞"],
  ["👌", "好的"], ["👏", "鼓掌"], ["💪", "加油"], ["👋", "招手"], ["✌️", "胜利"], ["🫶", "比心"], ["❤️", "爱心"], ["🌹", "玫瑰"],
  ["😅", "尴尬"], ["😥", "抱歉"], ["😢", "难过"], ["😔", "遗憾"], ["🤔", "思考"], ["😮", "惊讶"], ["😴", "晚安"], ["🥳", "庆祝"],
  ["🎉", "撒花"], ["🎁", "礼物"], ["📦", "包裹"], ["🚚", "送货"], ["🧾", "票据"], ["💰", "退款"], ["🔧", "维修"], ["🪑", "椅子"],
  ["🛋️", "沙发"], ["🛏️", "床"], ["📷", "拍照"], ["📞", "电话"], ["⏰", "时间"], ["📅", "日期"], ["✅", "完成"], ["⚠️", "注意"],
];

/** Puts text where the caret stands; an open field is selected so that it can be written over. */
export function insertAtCaret(text) {
  const area = $("words");
  const [from, to] = [area.selectionStart ?? area.value.length, area.selectionEnd ?? area.value.length];
  area.focus();
  area.setRangeText(text, from, to, "end");
  const hole = /^〔[^〕]*〕$/u.test(text);
  if (hole) area.setSelectionRange(from, from + text.length);
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function shown(pop, show, back = true) {
  const opener = $(`${pop.id}-open`);
  pop.hidden = !show;
  opener?.setAttribute("aria-expanded", String(show));
  if (show) (pop.querySelector("[data-here]") ?? pop.querySelector("button"))?.focus();
  else if (back) $("words")?.focus();
}

export function togglePick(id) {
  const pop = $(id);
  if (!pop || $("words").disabled || /\b(shut|noting)\b/u.test($("comp").className)) return;
  for (const other of ["emoji", "fields"]) if (other !== id && $(other) && !$(other).hidden) shown($(other), false, false);
  shown(pop, pop.hidden);
}

const timeNow = () => new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "Asia/Shanghai" }).format(new Date());

function pick(button) {
  const pop = button.closest(".pick-pop");
  shown(pop, false);
  insertAtCaret(button.dataset.field === "time" ? timeNow() : button.dataset.insert);
}

function walk(event) {
  const pop = event.currentTarget;
  const all = [...pop.querySelectorAll("button")];
  const here = all.indexOf(document.activeElement);
  const across = pop.id === "emoji" ? { ArrowRight: 1, ArrowLeft: -1, ArrowDown: ROW, ArrowUp: -ROW } : { ArrowDown: 1, ArrowUp: -1 };
  if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); shown(pop, false); return; }
  if (event.key === "Tab") { event.preventDefault(); all[(here + (event.shiftKey ? -1 : 1) + all.length) % all.length]?.focus(); return; }
  if (event.key === "Home" || event.key === "End") { event.preventDefault(); all.at(event.key === "Home" ? 0 : -1)?.focus(); return; }
  if (pop.id === "fields" && /^[1-9]$/u.test(event.key) && all[Number(event.key) - 1]) { event.preventDefault(); pick(all[Number(event.key) - 1]); return; }
  const by = across[event.key];
  if (!by) return;
  event.preventDefault();
  all[Math.min(all.length - 1, Math.max(0, here + by))]?.focus();
}

/** Called once for each conversation that is opened. */
export function openPicks() {
  const emoji = $("emoji");
  if (!emoji) return;
  emoji.replaceChildren(...EMOJI.map(([sign, name]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.dataset.insert = sign;
    button.title = name;
    button.setAttribute("aria-label", name);
    return button;
  }));
  for (const id of ["emoji", "fields"]) {
    $(`${id}-open`).addEventListener("click", () => togglePick(id));
    $(id).addEventListener("keydown", walk);
    $(id).addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) pick(button); });
  }
  $("words").addEventListener("keydown", (event) => {
    if (event.key !== "{" || event.isComposing || event.ctrlKey || event.metaKey || $("comp").classList.contains("noting")) return;
    event.preventDefault();
    togglePick("fields");
  });
}

document.addEventListener("pointerdown", (event) => {
  for (const id of ["emoji", "fields"]) {
    const pop = $(id);
    if (pop && !pop.hidden && !event.target.closest(`#${id}, #${id}-open`)) shown(pop, false, false);
  }
});
