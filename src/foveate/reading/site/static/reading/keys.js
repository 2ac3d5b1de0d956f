// Keyboard shortcuts of a case. They can be switched off, and are silent wherever a key means something already.

const STORE = "foveate.keys"; // in localStorage: "off" where a reader wants none

const form = document.getElementById("answers");
const help = document.getElementById("help");
const wanted = document.getElementById("keys");

function focused() {
  return document.activeElement ?? document.body;
}

function writes(element) {
  return element.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");
}

/** A digit chooses a letter, unless the focus is in another control: among ratings it would look like a rating. */
function choose(digit) {
  if (focused().matches("input:not([data-key])")) return false;
  const radio = form.querySelector(`input[data-key="${digit}"]`);
  if (radio === null) return false;
  radio.checked = true;
  radio.dispatchEvent(new Event("input", { bubbles: true }));
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

function go(name) {
  const button = document.getElementById(name);
  const free = focused() === document.body || focused() === document.getElementById("main");
  if (button === null || !free) return false;
  form.requestSubmit(button);
  return true;
}

function press(name) {
  document.getElementById(name).click();
  return true;
}

/** The digit of a key's place: on some keyboards the upper row gives digits with Shift only. */
function digit(event) {
  const place = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  const moves = event.code.startsWith("Numpad") && event.key.length > 1; // Num Lock is off
  return place === null || moves || event.shiftKey ? null : place[1];
}

function obey(event) {
  if (digit(event) !== null) return choose(digit(event));
  switch (event.key) {
    case "p":
    case "P":
      return press("plain");
    case "+":
    case "=":
      return press("zoom-in");
    case "-":
      return press("zoom-out");
    case "?":
      return press("show-help");
    case "ArrowLeft":
      return go("back");
    case "ArrowRight":
      return go("next");
    default:
      return false;
  }
}

function heard(event) {
  const modified = event.ctrlKey || event.altKey || event.metaKey;
  if (!wanted.checked || help.open || modified || event.repeat || event.isComposing || event.defaultPrevented) return;
  if (!writes(focused()) && obey(event)) event.preventDefault();
}

function remembered() {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true; // no storage in this browser
  }
}

function remember() {
  try {
    localStorage.setItem(STORE, wanted.checked ? "on" : "off");
  } catch {
    // then the wish lasts for this page
  }
}

wanted.checked = remembered();
wanted.addEventListener("change", remember);
document.addEventListener("keydown", heard);
document.getElementById("show-help").addEventListener("click", () => help.showModal());
document.getElementById("close-help").addEventListener("click", () => help.close());
