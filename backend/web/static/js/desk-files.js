/* Files that the agent sends: chosen, pasted or dropped, looked at before they go. The server judges them by
   their bytes; what is plainly too large or of no use is said here at once. */
const $ = (id) => document.getElementById(id);
const MOST_BYTES = 10 * 1024 * 1024;
const MOST = 6;
const KINDS = /^(image\/(png|jpeg|gif|webp)|application\/pdf|audio\/.+|video\/(mp4|webm))$/u;
let waiting = []; // {file, url}
let refuse = () => {};
let allowed = () => false;

const size = (bytes) => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);

function draw() {
  const tray = $("tray");
  if (!tray) return;
  tray.hidden = waiting.length === 0;
  tray.replaceChildren(...waiting.map((one, index) => {
    const item = document.createElement("li");
    if (one.url) {
      const picture = document.createElement("img");
      picture.src = one.url;
      picture.alt = "";
      item.append(picture);
    } else {
      const icon = document.createElement("i");
      icon.className = "i i-doc";
      icon.setAttribute("aria-hidden", "true");
      item.append(icon);
    }
    const name = document.createElement("span");
    name.className = "clip";
    name.textContent = one.file.name;
    const much = document.createElement("span");
    much.className = "ink3 xs nb";
    much.textContent = size(one.file.size);
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "btn quiet icon s";
    drop.setAttribute("aria-label", `不发${one.file.name}`);
    const cross = document.createElement("i");
    cross.className = "i i-x";
    cross.setAttribute("aria-hidden", "true");
    drop.append(cross);
    drop.addEventListener("click", () => { forget(waiting.splice(index, 1)); draw(); $("words").focus(); });
    item.append(name, much, drop);
    return item;
  }));
}

const forget = (some) => some.forEach((one) => { if (one.url) URL.revokeObjectURL(one.url); });

export function addFiles(list) {
  const files = [...(list ?? [])];
  if (!files.length) return;
  if (!allowed()) { refuse("接待后才能给客户发文件"); return; }
  for (const file of files) {
    if (waiting.length >= MOST) { refuse(`一次最多发 ${MOST} 个文件`); break; }
    if (!KINDS.test(file.type)) { refuse(`「${file.name}」发不了，只能发图片、PDF、语音或视频`); continue; }
    if (file.size > MOST_BYTES) { refuse(`「${file.name}」超过 10 MB，请压缩后再发`); continue; }
    if (!file.size) { refuse(`「${file.name}」是空的，请换一个`); continue; }
    waiting.push({ file, url: file.type.startsWith("image/") ? URL.createObjectURL(file) : "" });
  }
  draw();
  $("words").focus();
}

/** Hands out what waits to be sent, and keeps nothing. */
export function takeFiles() {
  const some = waiting;
  waiting = [];
  draw();
  return some;
}

export const hasFiles = () => waiting.length > 0;

/** One request for one file; throws what http.js's call throws, so that the outbox treats both alike. */
export async function upload(room, file, clientId, csrf) {
  const form = new FormData();
  form.append("file", file, file.name);
  form.append("client_id", clientId);
  let response;
  try {
    response = await fetch(`/api/desk/${room}/attachments`, {
      method: "POST", body: form, credentials: "same-origin", headers: { Accept: "application/json", "X-CSRF-Token": csrf } });
  } catch { throw { status: 0, code: "offline", message: "网络断了，文件还在" }; }
  const data = await response.json().catch(() => null);
  if (!response.ok) throw { status: response.status, code: data?.code ?? "failed", message: data?.message ?? "没有发出去" };
  return data;
}

/** Called once for each conversation that is opened. `may`: whether files may be sent now; `say`: a short refusal. */
export function openFiles(may, say) {
  forget(waiting);
  waiting = [];
  allowed = may;
  refuse = say;
  const talk = $("talk");
  if (!$("attach")) return;
  $("attach").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { addFiles($("file").files); $("file").value = ""; });
  $("words").addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (files?.length) { event.preventDefault(); addFiles(files); }
  });
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  talk.addEventListener("dragenter", (event) => { if (carries(event)) { depth += 1; talk.classList.add("dropping"); } });
  talk.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  talk.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) talk.classList.remove("dropping"); });
  talk.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    talk.classList.remove("dropping");
    addFiles(event.dataTransfer.files);
  });
}

// A file dropped beside the talk must not carry the page away.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if ([...(event.dataTransfer?.types ?? [])].includes("Files")) event.preventDefault();
  });
}
