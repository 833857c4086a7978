/* Every write carries the CSRF token; every failure says what happened and what to do next. */
import { toast } from "./toast.js";

export const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Calls our own API with JSON. Throws {status, code, message, fields} on a coded error. */
export async function call(url, { method = "GET", body, ...rest } = {}) {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", ...rest });
  } catch {
    throw { status: 0, code: "offline", message: "网络断了，内容还在。连上后再试一次" };
  }
  const data = await response.json().catch(() => null);
  if (!response.ok) {
    throw { status: response.status, code: data?.code ?? "failed", fields: data?.fields,
      message: data?.message ?? "没有办成，内容还在。请再试一次" };
  }
  return data;
}

const isHtml = (xhr) => (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html");

function signInAgain() {
  const back = encodeURIComponent(location.pathname + location.search);
  toast("登录过期了，写好的内容还在", { kind: "danger", action: { label: "重新登录", href: `/login?next=${back}` } });
}

export function wireHtmx() {
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRF-Token"] = csrf();
  });
  // A refused form comes back as the form itself with its errors (422, 409): show it. A coded JSON error: say it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if ((xhr.status === 422 || xhr.status === 409) && isHtml(xhr)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 401) return signInAgain();
    let said = null;
    try { said = JSON.parse(xhr.responseText).message; } catch { /* not a coded error */ }
    toast(said ?? "没有办成，内容还在。请再试一次", { kind: "danger" });
  });
  for (const kind of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(kind, () => toast("网络断了，没有保存，内容还在。连上后再试一次", { kind: "danger" }));
  }
}
