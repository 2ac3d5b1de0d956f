// The images of a case: enlarged and moved together, so that the same place is seen in every panel.

const SMALLEST = 1;
const LARGEST = 8;
const STEP = 1.25; // of a button or key
const UPRIGHT = 1; // width by height, at the most
const PANORAMA = 2.5; // at the least
const REST = 400; // ms after zooming out in which the wheel does not scroll the page yet
const STORE = "foveate.view"; // in localStorage: a reader's settings on this device

const panels = document.getElementById("panels");
const stages = [...panels.querySelectorAll(".stage")];
const plain = document.getElementById("plain");
const large = document.getElementById("large");
const sliders = ["opacity", "brightness", "contrast"].map((name) => document.getElementById(name));

// x, y: where the image's upper left corner lies, in shares of a panel's width and height
const view = { scale: 1, x: 0, y: 0 };

function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function draw() {
  panels.style.setProperty("--scale", view.scale);
  panels.style.setProperty("--x", `${view.x * 100}%`);
  panels.style.setProperty("--y", `${view.y * 100}%`);
  panels.classList.toggle("zoomed", view.scale > SMALLEST);
  const percent = `${Math.round(view.scale * 100)} %`;
  const output = document.getElementById("zoom");
  if (output.textContent !== percent) output.textContent = percent;
}

function move(right, down) {
  view.x = within(view.x + right, 1 - view.scale, 0);
  view.y = within(view.y + down, 1 - view.scale, 0);
  draw();
}

/** Enlarge by a factor; the point `at` of the panels, in shares of their size, stays where it is. */
function zoom(factor, at = { x: 0.5, y: 0.5 }) {
  const scale = within(view.scale * factor, SMALLEST, LARGEST);
  const grown = scale / view.scale;
  view.scale = scale;
  move((at.x - view.x) * (1 - grown), (at.y - view.y) * (1 - grown));
}

function reset() {
  Object.assign(view, { scale: 1, x: 0, y: 0 });
  draw();
}

function point(stage, event) {
  const box = stage.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

// The wheel zooms; where there is nothing left to reduce it scrolls the page, so that nobody is caught in a panel.
let zoomedAt = -Infinity;

function wheel(event) {
  const out = event.deltaY > 0;
  if (out && view.scale === SMALLEST && event.timeStamp - zoomedAt > REST && !event.ctrlKey) return;
  event.preventDefault();
  zoomedAt = event.timeStamp;
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 16;
  const speed = event.ctrlKey ? 0.01 : 0.002; // with ctrl: a touchpad's pinch, in small numbers
  zoom(Math.exp(-within(lines, -300, 300) * speed), point(event.currentTarget, event));
}

// One finger or the mouse drags, two fingers pinch.
const held = new Map(); // pointer -> its point

function press(event) {
  if (event.button !== 0) return;
  event.currentTarget.setPointerCapture(event.pointerId);
  held.set(event.pointerId, point(event.currentTarget, event));
}

function middle(points) {
  const sum = (axis) => points.reduce((total, one) => total + one[axis], 0) / points.length;
  return { x: sum("x"), y: sum("y") };
}

function spread(stage, [one, other]) {
  return Math.hypot((one.x - other.x) * stage.clientWidth, (one.y - other.y) * stage.clientHeight);
}

function drag(event) {
  if (!held.has(event.pointerId)) return;
  const before = [...held.values()];
  held.set(event.pointerId, point(event.currentTarget, event));
  const after = [...held.values()];
  const from = middle(before);
  const to = middle(after);
  move(to.x - from.x, to.y - from.y);
  if (after.length === 2) {
    zoom(spread(event.currentTarget, after) / Math.max(1, spread(event.currentTarget, before)), to);
  }
}

function release(event) {
  held.delete(event.pointerId);
}

const ARROWS = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };

function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in ARROWS && view.scale > SMALLEST) move(...ARROWS[event.key]);
  else if (event.key === "+" || event.key === "=") zoom(STEP);
  else if (event.key === "-") zoom(1 / STEP);
  else return;
  event.preventDefault();
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {}; // no storage in this browser, or not ours
  }
}

function remember() {
  const values = Object.fromEntries(sliders.map((slider) => [slider.id, slider.value]));
  try {
    localStorage.setItem(STORE, JSON.stringify({ ...values, large: pressed(large) }));
  } catch {
    // then the settings last for this page
  }
}

function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

function setPressed(button, name, on) {
  button.setAttribute("aria-pressed", String(on));
  panels.classList.toggle(name, on);
}

function adjust() {
  for (const slider of sliders) panels.style.setProperty(`--${slider.id}`, slider.value);
}

function beginSettings() {
  const known = remembered();
  for (const slider of sliders) {
    if (known[slider.id] !== undefined) slider.value = known[slider.id]; // a range takes no value beyond its ends
    slider.addEventListener("input", adjust);
    slider.addEventListener("change", remember);
  }
  setPressed(large, "large", known.large === true);
  adjust();
  document.getElementById("restore").addEventListener("click", () => {
    for (const slider of sliders) slider.value = slider.defaultValue;
    adjust();
    remember();
  });
  large.addEventListener("click", () => {
    setPressed(large, "large", !pressed(large));
    remember();
  });
  plain.addEventListener("click", () => setPressed(plain, "plain", !pressed(plain)));
}

function beginZoom() {
  document.getElementById("zoom-in").addEventListener("click", () => zoom(STEP));
  document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / STEP));
  document.getElementById("zoom-reset").addEventListener("click", reset);
  for (const stage of stages) {
    stage.addEventListener("wheel", wheel, { passive: false });
    stage.addEventListener("pointerdown", press);
    stage.addEventListener("pointermove", drag);
    stage.addEventListener("pointerup", release);
    stage.addEventListener("pointercancel", release);
    stage.addEventListener("dblclick", reset);
    stage.addEventListener("keydown", key);
  }
}

/** Upright images need little width, very wide ones much of it. */
function fitShape() {
  const picture = panels.querySelector("img");
  const ratio = Number(picture.getAttribute("width")) / Number(picture.getAttribute("height"));
  panels.classList.toggle("upright", ratio <= UPRIGHT);
  panels.classList.toggle("panorama", ratio >= PANORAMA);
}

function loaded(picture) {
  if (picture.complete) return picture.naturalWidth > 0;
  return new Promise((resolve) => {
    picture.addEventListener("load", () => resolve(true), { once: true });
    picture.addEventListener("error", () => resolve(false), { once: true });
  });
}

/** Show all panels at once: which one loads last must tell nothing, and a missing map must not look like a blank. */
async function beginPictures() {
  panels.classList.add("loading");
  const whole = await Promise.all([...panels.querySelectorAll("img")].map(loaded));
  panels.classList.remove("loading");
  document.getElementById("broken").hidden = whole.every(Boolean);
}

fitShape();
beginSettings();
beginZoom();
beginPictures();
document.getElementById("tools").hidden = false;
