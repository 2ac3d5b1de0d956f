// A form that was sent is not sent again while its answer is on the way: its buttons say so, and do nothing.
// The server answers a form that arrives twice all the same; this saves people the second request and the doubt.

const LONGEST = 8_000; // ms: after a download, or when loading was stopped, the page is still there and is used again

const held = new Map(); // of a form: what sets its buttons free

/** Hold a form's buttons back; the one that was pressed says that it is at work. */
export function hold(form, pressed) {
  const buttons = [...form.querySelectorAll("button:not([type=button])")];
  const before = pressed?.textContent;
  // Not `disabled`: a pressed button would lose the focus, and the form its name and value.
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  if (pressed) {
    pressed.style.minWidth = `${pressed.offsetWidth}px`;
    pressed.textContent = words();
  }
  say(words());
  const timer = setTimeout(() => release(form), LONGEST);
  held.set(form, () => {
    clearTimeout(timer);
    for (const button of buttons) button.removeAttribute("aria-disabled");
    if (pressed) pressed.textContent = before;
    say("");
  });
}

export function release(form) {
  held.get(form)?.();
  held.delete(form);
}

export function holds(form) {
  return held.has(form);
}

function words() {
  return document.getElementById("busy").getAttribute("data-busy");
}

function say(text) {
  document.getElementById("busy").textContent = text;
}

/** The last to hear of it: forms that scripts send themselves are theirs. */
function submitted(event) {
  if (event.defaultPrevented) return;
  if (holds(event.target)) event.preventDefault();
  else hold(event.target, event.submitter);
}

function returned(event) {
  if (event.persisted) for (const form of [...held.keys()]) release(form); // by the browser's Back button
}

window.addEventListener("submit", submitted);
window.addEventListener("pageshow", returned);
