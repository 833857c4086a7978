/* Sign-in: show the password, say that caps lock is on, fill a demo account. */
const form = document.querySelector("form");
const password = document.getElementById("password");
const show = document.getElementById("show-password");
const caps = document.getElementById("caps");

show.addEventListener("click", () => {
  const visible = password.type === "text";
  password.type = visible ? "password" : "text";
  show.setAttribute("aria-pressed", String(!visible));
  show.setAttribute("aria-label", visible ? "显示密码" : "隐藏密码");
  password.focus();
});

for (const kind of ["keydown", "keyup"]) {
  password.addEventListener(kind, (event) => {
    caps.textContent = event.getModifierState && event.getModifierState("CapsLock") ? "大写锁定已打开" : "";
  });
}

for (const account of document.querySelectorAll("[data-username]")) {
  account.addEventListener("click", () => {
    form.elements.username.value = account.dataset.username;
    if (account.dataset.password) password.value = account.dataset.password;
    password.focus();
  });
}

form.addEventListener("submit", () => {
  // A second click must not try the same password twice: tries are counted.
  form.querySelector("button.primary").setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => form.querySelector("button.primary").removeAttribute("aria-busy"));
