// Click or Enter on a small image shows it large; Escape or a click anywhere closes it again.
const dialog = document.querySelector("dialog");
for (const button of document.querySelectorAll("button.zoom")) {
  button.addEventListener("click", () => {
    const image = button.querySelector("img");
    dialog.querySelector("img").src = image.src;
    dialog.querySelector("img").alt = image.alt;
    dialog.querySelector("p").textContent = button.dataset.text;
    dialog.showModal();
  });
}
dialog.addEventListener("click", () => dialog.close());
