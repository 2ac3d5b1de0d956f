// Answers are saved while they are given. What the server has not acknowledged stays in this tab, also over a reload,
// and is sent again until it has arrived.

import { activeTime } from "./active.js";
import { hold, holds, release } from "./busy.js";
import * as conflicts from "./conflicts.js";

const PAUSE = 800; // ms without typing after which the text is saved
const FIRST_WAIT = 2_000; // ms before the first new attempt; twice as long each time
const LONGEST_WAIT = 30_000;
const PATIENCE = 30_000; // ms for an answer of the server
const NO_ANSWERS = new Set(["csrfmiddlewaretoken", "page", "base", "sequence", "active", "go", "theirs"]);
const LONGEST_KEPT_ALIVE = 60_000; // bytes: browsers refuse to outlive a page with more

// A field may have any name, such as "action" or "submit": the form's own properties are not to be relied on.
const form = document.getElementById("answers");
const action = form.getAttribute("action");
const store = `foveate.unsaved.${form.getAttribute("data-keep")}`; // this reader's step, whoever uses the tab later
const line = document.getElementById("saving");

const base = new Map(); // answer -> its revision that this page knows: the server keeps what is newer
let sequence = 0; // of this page's saves
let acknowledged = answers();
let failures = 0; // since the last success
let stopped = false; // refused: trying again by itself is of no use
let timer = 0;
let sending = null; // the request under way
let leaving = false;
let passing = false; // another form of the page is on its way
let restored = false;

function answers() {
  return new Map([...new FormData(form)].filter(([name]) => !NO_ANSWERS.has(name)));
}

function unsaved() {
  return [...answers()].filter(([name, value]) => acknowledged.get(name) !== value);
}

/** Of these what can be sent: not an answer of which the reader still has to say which version stays. */
function due() {
  return unsaved().filter(([name]) => !conflicts.undecided(name));
}

/** What a request carries: the page's name, its place among the page's saves, the time at work, and the answers. */
function fields(pairs) {
  sequence += 1;
  const hidden = (name) => form.querySelector(`input[name="${name}"]`).value;
  const own = [
    ["csrfmiddlewaretoken", hidden("csrfmiddlewaretoken")],
    ["page", hidden("page")],
    ["base", pairs.map(([name]) => `${name}:${base.get(name) ?? 0}`).join(" ")],
    ["sequence", String(sequence)],
    ["active", String(activeTime())],
  ];
  return [...own, ...pairs];
}

function say(state, words, link = null) {
  line.setAttribute("data-state", state);
  const status = document.getElementById("status");
  if (status.textContent !== words) status.textContent = words;
  for (const id of ["elsewhere", "sign-in"]) document.getElementById(id).hidden = id !== link;
}

function words(name) {
  return line.getAttribute(`data-${name}`);
}

function keep() {
  const left = unsaved().map(([name, value]) => [name, value, base.get(name) ?? 0]);
  try {
    if (left.length) sessionStorage.setItem(store, JSON.stringify(left));
    else sessionStorage.removeItem(store);
  } catch {
    // no storage in this browser: the guard before leaving is left
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(store)) ?? [];
  } catch {
    return [];
  }
}

function putBack([name, value]) {
  if (NO_ANSWERS.has(name)) return;
  for (const control of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
    if (control.type === "radio") control.checked = control.value === value;
    else control.value = value;
  }
}

function later(reason) {
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures);
  failures += 1;
  schedule(wait);
  say("failed", reason);
  return false;
}

function stop(reason, link) {
  stopped = true;
  say("failed", reason, link);
  return false;
}

/** Note what has arrived, and what another page had saved before. */
function acknowledge(sent, answer) {
  for (const [name, value] of sent) {
    if (!(name in answer.revisions)) continue;
    acknowledged.set(name, value);
    base.set(name, answer.revisions[name]);
  }
  failures = 0;
  keep();
  document.getElementById("answered").textContent = String(answer.answered);
  document.getElementById("progress").value = answer.answered;
}

function succeed(sent, answer) {
  acknowledge(sent, answer);
  tell();
  return true;
}

/** Another tab or device has saved something else since this page was opened: the reader says which one stays. */
function disagree(sent, answer) {
  acknowledge(sent, answer);
  for (const [name, newer] of Object.entries(answer.conflicts)) conflicts.show(name, newer, decide);
  tell();
  return true;
}

/** What is shown is what holds, and what was here is sent or gone as the reader wishes. */
function decide(name, decision) {
  const { value, revision } = conflicts.newer(name);
  const own = answers().get(name) ?? "";
  base.set(name, revision);
  acknowledged.set(name, value);
  conflicts.close(name);
  if (decision === "theirs") putBack([name, value]);
  if (decision === "both") putBack([name, `${own}\n${value}`]);
  keep();
  tell();
  schedule(0);
}

function tell() {
  if (conflicts.anyUndecided()) return say("failed", words("conflict"));
  const clock = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const saved = `${words("saved")} ${clock}`;
  return say(unsaved().length ? "changed" : "saved", restored ? `${words("restored")} ${saved}` : saved);
}

/** One request with all that is not saved yet; whether it has arrived. */
async function request() {
  const sent = due();
  const body = new URLSearchParams(fields(sent));
  stopped = false;
  if (failures === 0) line.setAttribute("data-state", "saving");
  let response;
  try {
    response = await fetch(action, {
      method: "POST",
      headers: { "X-Requested-With": "fetch" },
      body,
      redirect: "manual",
      keepalive: body.toString().length < LONGEST_KEPT_ALIVE,
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    return later(words("offline"));
  }
  return judge(response, sent);
}

async function judge(response, sent) {
  if (response.type === "opaqueredirect") return stop(words("elsewhere"), "elsewhere");
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return succeed(sent, answer);
  if (response.status === 409 && answer?.conflicts) return disagree(sent, answer);
  if (response.status === 401) return stop(words("signed-out"), "sign-in");
  if (response.ok || response.status === 429 || response.status >= 500) {
    return later(answer === null ? words("offline") : `${words("refused")} ${answer.text} ${words("kept")}`);
  }
  return stop(`${words("refused")} ${answer === null ? response.status : answer.text}`);
}

/** Save until nothing is left that can be; false where that did not succeed. One request at a time. */
async function save() {
  clearTimeout(timer);
  do {
    sending ??= request().finally(() => {
      sending = null;
    });
    if (!(await sending)) return false;
  } while (due().length);
  return !conflicts.anyUndecided();
}

function schedule(wait) {
  clearTimeout(timer);
  timer = setTimeout(save, wait);
}

function changed(event) {
  leaving = false; // loading was stopped, perhaps
  keep();
  if (event.target.closest("fieldset.choice")) document.getElementById("wrong")?.remove(); // chosen now
  settle();
  if (!due().length) return;
  if (failures) return; // the next attempt is on its way
  if (!stopped) line.setAttribute("data-state", "changed");
  schedule(event.type === "change" ? 0 : PAUSE);
}

/** Who has typed what the other page says agrees with it. */
function settle() {
  for (const [name, value] of unsaved()) {
    if (conflicts.undecided(name) && conflicts.newer(name).value === value) decide(name, "theirs");
  }
}

/** Send the page's last word as a form would, and let the server say where to go. The answers are there already. */
function leave(go) {
  leaving = true;
  const last = document.createElement("form");
  last.method = "post";
  last.action = action;
  last.hidden = true;
  for (const [name, value] of [...fields([]), ["go", go]]) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    last.append(input);
  }
  document.body.append(last);
  last.submit();
}

/** A button was pressed: what was entered is saved first, so that a lost connection shows no page of the browser's. */
async function submitted(event) {
  event.preventDefault();
  if (holds(form)) return;
  const button = event.submitter ?? form.querySelector("button[name=go]");
  const go = button.value;
  hold(form, button);
  if (await save()) {
    leave(go);
  } else {
    stay();
    conflicts.pointOut();
  }
}

function stay() {
  leaving = false;
  release(form);
}

/** Another form of the page, such as the one that signs out: what was entered is saved before it is sent. */
async function other(event) {
  if (event.target === form || passing || !unsaved().length) return;
  event.preventDefault();
  await save();
  passing = true;
  event.target.requestSubmit(event.submitter); // what is still not saved, the guard asks about
  passing = false;
}

async function followed(event) {
  const link = event.target.closest("a[href]");
  const other = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (link === null || link.target || other || !unsaved().length) return;
  event.preventDefault();
  await save();
  location.assign(link.href); // what is still not saved, the guard asks about
}

function guard(event) {
  if (leaving || !unsaved().length) return;
  event.preventDefault();
  event.returnValue = "";
}

function retry() {
  if (due().length) save();
}

function returned(event) {
  if (event.persisted) stay();
}

/** The revisions that the server wrote into the page, and where it has put two versions of an answer side by side. */
function beginBase() {
  const known = form.querySelector('input[name="base"]').value.split(" ");
  for (const [name, number] of known.map((one) => one.split(":"))) base.set(name, Number(number));
  for (const [name, newer] of conflicts.fromPage()) {
    acknowledged.set(name, newer.value);
    conflicts.show(name, newer, decide);
  }
  if (conflicts.anyUndecided()) tell();
}

function begin() {
  beginBase();
  const left = kept();
  left.forEach(putBack);
  for (const [name, value, known] of left) { // typed on a page that may be older than what is stored by now
    if (acknowledged.get(name) !== value && known !== undefined) base.set(name, known);
  }
  restored = unsaved().length > 0;
  keep();
  retry();
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
form.addEventListener("submit", submitted);
document.addEventListener("submit", other);
document.addEventListener("click", followed);
document.addEventListener("visibilitychange", retry); // away: save now; back, perhaps signed in again: try again
window.addEventListener("focus", retry);
window.addEventListener("online", retry);
window.addEventListener("beforeunload", guard);
window.addEventListener("pageshow", returned);
begin();
