/* Single requests: with the conversation's token, with a time limit, and a coded fault in place of an exception. */
export class Calls {
  constructor(memory) { this.memory = memory; }

  get conversation() { return this.memory.conversation; }
  get proof() { return { Authorization: `Bearer ${this.conversation.token}` }; }
  get path() { return `/api/chat/${encodeURIComponent(this.conversation.id)}`; }

  async fetch(path, { method = "GET", json, headers = {}, timeout = 30_000 } = {}) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeout);
    try {
      const response = await fetch(path, { method, body: json && JSON.stringify(json), signal: stop.signal, credentials: "omit",
        headers: json ? { ...headers, "Content-Type": "application/json" } : headers });
      const data = await response.json().catch(() => null);
      if (response.ok) return data ?? {};
      throw { status: response.status, code: data?.code ?? "failed", message: data?.message ?? "" };
    } catch (fault) {
      throw fault?.status ? fault : { status: 0, code: "offline", message: "" };
    } finally {
      clearTimeout(timer);
    }
  }

  call(path, options = {}) { return this.fetch(this.path + path, { ...options, headers: this.proof }); }
  close() { return this.call("/close", { method: "POST", json: {} }); }

  /** Earlier conversations of a customer whom the website vouches for. */
  history(before) {
    const query = new URLSearchParams({ conversation: this.conversation.id, ...(before ? { before } : {}) });
    return this.fetch(`/api/chat/history?${query}`, { headers: this.proof });
  }

  /** Progress needs XMLHttpRequest; `done` gives {seq}, `cancel` stops it. */
  upload(file, id, onProgress) {
    const request = new XMLHttpRequest();
    const done = new Promise((resolve, reject) => {
      const form = new FormData();
      form.append("client_id", id);
      form.append("file", file, file.name);
      request.open("POST", `${this.path}/attachments`);
      request.setRequestHeader("Authorization", this.proof.Authorization);
      request.timeout = 120_000;
      request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
      request.onerror = request.ontimeout = request.onabort = () => reject({ status: 0, code: "offline", message: "" });
      request.onload = () => {
        let data = null;
        try { data = JSON.parse(request.responseText); } catch { /* not ours */ }
        if (request.status >= 200 && request.status < 300) resolve(data ?? {});
        else reject({ status: request.status, code: data?.code ?? "failed", message: data?.message ?? "" });
      };
      request.send(form);
    });
    return { done, cancel: () => request.abort() };
  }

  /** A file of this conversation, as an address only this page can use. */
  async blob(path) {
    const response = await fetch(path, { headers: this.proof, credentials: "omit" });
    if (!response.ok) throw { status: response.status };
    return URL.createObjectURL(await response.blob());
  }

  /** `answer` null: not this time. */
  rate(token, answer) {
    return this.fetch(`/api/surveys/${encodeURIComponent(token)}${answer ? "" : "/decline"}`, { method: "POST", json: answer ?? {} });
  }
}
