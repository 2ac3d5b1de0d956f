// Time at work on a page: the page in view, and the reader moving now and then.

const ACTIVE = 60_000; // ms after the last movement in which a reader still counts as at work
const TICK = 1_000;

let active = 0; // ms
let counted = performance.now();
let used = performance.now();

function count() {
  const now = performance.now();
  const passed = Math.min(now - counted, 2 * TICK); // no more after a sleep
  counted = now;
  if (document.visibilityState === "visible" && now - used < ACTIVE) active += passed;
}

function use() {
  used = performance.now();
}

/** Whole milliseconds since the page was opened. */
export function activeTime() {
  return Math.round(active);
}

for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "scroll"]) {
  window.addEventListener(name, use, { capture: true, passive: true });
}
setInterval(count, TICK);
