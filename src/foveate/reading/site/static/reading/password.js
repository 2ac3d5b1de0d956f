// Passwords as they are typed, for those who want to see them, until the form is sent.

const choice = document.getElementById("show-password");
const box = choice.querySelector("input");
const form = choice.closest("form");
const fields = [...form.querySelectorAll('input[type="password"]')];

function show(shown) {
  for (const field of fields) field.type = shown ? "text" : "password";
}

choice.hidden = false;
box.addEventListener("change", () => show(box.checked));
form.addEventListener("submit", () => show(false)); // so that browsers do not keep it as a text
