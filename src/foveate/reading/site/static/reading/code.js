// The return code, copied at a click where the browser allows it.

const button = document.getElementById("copy");

async function copy() {
  await navigator.clipboard.writeText(document.getElementById("code").textContent.trim());
  document.getElementById("copied").textContent = button.getAttribute("data-copied");
}

if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", copy);
}
