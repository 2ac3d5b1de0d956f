// Answers that another tab or device has saved since this page was opened: shown beside the reader's own until the
// reader says which one stays. Nothing that was typed is replaced before.

const template = document.getElementById("newer");
const open = new Map(); // name of an answer -> { value, shown, revision, box }

export function undecided(name) {
  return open.has(name);
}

export function anyUndecided() {
  return open.size > 0;
}

export function newer(name) {
  return open.get(name);
}

function controls(name) {
  return [...document.querySelectorAll(`#answers [name="${CSS.escape(name)}"]`)];
}

function isText(name) {
  return controls(name)[0].matches("textarea");
}

/** Where the box belongs: below the question, or below the row of one heat-map's ratings. */
function place(name) {
  return controls(name)[0].closest("p.field, fieldset");
}

export function close(name) {
  const held = open.get(name).box.contains(document.activeElement);
  open.get(name).box.remove();
  open.delete(name);
  const [first, ...others] = controls(name);
  if (held) ([first, ...others].find((one) => one.checked) ?? first).focus();
}

/** `decided(name, decision)` is called when a button is pressed: mine, theirs, or both, for texts. */
export function show(name, answer, decided) {
  if (open.has(name)) open.get(name).box.remove();
  const box = template.content.firstElementChild.cloneNode(true);
  box.querySelector(".other").textContent = answer.shown;
  box.querySelector('[data-decision="both"]').hidden = !isText(name) || answer.value === "";
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button !== null) decided(name, button.getAttribute("data-decision"));
  });
  place(name).after(box);
  open.set(name, { ...answer, box });
}

export function pointOut() {
  const [first] = open.values();
  first?.box.focus();
  first?.box.scrollIntoView({ block: "center" });
}

/** What the server has put into the page, where a form was sent without a script: [name, answer] pairs. */
export function fromPage() {
  return [...document.querySelectorAll(".newer[data-name]")].map((box) => {
    const shown = box.querySelector(".other").textContent;
    const answer = { value: box.getAttribute("data-value"), shown, revision: Number(box.getAttribute("data-revision")) };
    box.remove();
    return [box.getAttribute("data-name"), answer];
  });
}
