// Keeps an open page true: hears which topics have changed, asks for the parts that show them, and swaps these.
// Everything works without it; then the page reloads itself while something runs.

const dialog = document.getElementById("dialog");
const said = document.getElementById("said");
const toggled = new Map(); // what a person opened or shut stays so, whatever the server thinks
const wanted = new Set();
let stream = null;
let asking = false;

const parts = () => [...document.querySelectorAll('#main [data-topics]:not([data-topics=""])')];
const topics = (part) => part.dataset.topics.split(" ");
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

// One stream, and only while somebody looks: a browser has six connections for all tabs of an address together.
function listen() {
  const all = new Set(parts().flatMap(topics));
  if (stream || document.hidden || !all.size) return;
  stream = new EventSource("/events?" + new URLSearchParams([...all].map((topic) => ["topic", topic])));
  stream.onopen = () => changed(all); // whatever happened while we did not listen
  stream.onmessage = (event) => changed(new Set(JSON.parse(event.data)));
}

function hush() {
  stream?.close();
  stream = null;
}

function changed(what) {
  for (const part of parts()) if (topics(part).some((topic) => what.has(topic))) wanted.add(part.id);
  ask();
}

async function ask() {
  if (asking) return;
  asking = true;
  while (wanted.size) {
    const names = [...wanted];
    const began = performance.now();
    wanted.clear();
    // When the server is away there is nothing to do: the stream comes back with it, and asks for everything.
    await refresh(names).catch(() => {});
    // An expensive page asks less often: never more than a fifth of the server's time.
    await pause(Math.max(50, 4 * (performance.now() - began)));
  }
  asking = false;
}

async function refresh(names) {
  const query = new URLSearchParams(location.search);
  const block = names.includes("log") && [...document.querySelectorAll("#log .block")].at(-1);
  if (block) query.set("from", block.dataset.first);
  const page = await fetched(`${location.pathname}?${query}`, names);
  for (const name of names) {
    const fresh = page?.getElementById(name);
    if (fresh && name === "log" && block) grow(fresh);
    else if (fresh) swap(document.getElementById(name), fresh);
  }
}

async function fetched(address, names) {
  const url = new URL(address, location);
  for (const name of names) url.searchParams.append("only", name);
  const answer = await fetch(url);
  return answer.ok ? parsed(await answer.text()) : null;
}

function swap(old, fresh) {
  const before = old.querySelector("[data-say]")?.dataset.say;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  for (const [id, open] of toggled) {
    const same = fresh.querySelector(`details[id="${CSS.escape(id)}"]`);
    if (same) same.open = open;
  }
  old.replaceChildren(...fresh.childNodes);
  if (focused) {
    const same = old.querySelector(`a[href="${CSS.escape(focused.getAttribute("href") ?? "")}"]`);
    (document.getElementById(focused.id) ?? same ?? old).focus({ preventScroll: true });
  }
  const now = old.querySelector("[data-say]")?.dataset;
  if (now && now.say !== before) [said.textContent, document.title] = [now.say, now.title];
}

// A log only grows at its end: its last block is drawn again, what follows is added.
function grow(fresh) {
  const log = document.querySelector("#log .log");
  const follow = document.getElementById("follow")?.checked;
  const first = Number(fresh.querySelector(".block")?.dataset.first ?? Infinity);
  for (const block of log.querySelectorAll(".block")) if (Number(block.dataset.first) >= first) block.remove();
  for (const section of fresh.querySelectorAll(".section")) {
    const known = document.getElementById(section.id);
    if (known) known.append(...section.querySelectorAll(".block"));
    else log.append(section);
  }
  if (follow) log.lastElementChild?.scrollIntoView({ block: "end" });
}

function tick() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("[data-ticks]")) {
    time.dataset.since ??= performance.now() / 1000 - Number(time.dataset.ticks);
    time.textContent = words(performance.now() / 1000 - Number(time.dataset.since));
  }
}

function words(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)}s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours) return `${hours}h ${two(minutes)}m`;
  return minutes ? `${minutes}m ${two(whole % 60)}s` : `${whole}s`;
}

async function open(link) {
  const page = await fetched(link.href, [link.dataset.dialog]);
  const form = page?.getElementById(link.dataset.dialog);
  if (form) show(form.childNodes);
  else location = link.href;
}

function show(nodes) {
  dialog.replaceChildren(...nodes);
  dialog.ariaLabel = dialog.querySelector("h2, [role=alert]")?.textContent ?? "Message";
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input:not([type=hidden]), button"))?.focus();
}

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form));
  button.disabled = true;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "post", body });
    if (answer.ok) arrive(answer.url);
    else refused(parsed(await answer.text()), form);
  } catch (error) {
    complain(`The local Buildkite does not answer: ${error.message}`);
  }
  button.disabled = false;
}

function arrive(address) {
  if (new URL(address).pathname !== location.pathname) return void (location = address);
  if (dialog.open) dialog.close();
  for (const part of parts()) wanted.add(part.id);
  ask();
}

// The same form again with what is wrong in it, or a sentence.
function refused(page, form) {
  const again = page.getElementById(form.closest("[data-form]")?.dataset.form ?? "");
  if (again && dialog.open) show(again.childNodes);
  else if (again) swap(document.getElementById(again.id), again);
  else complain(page.querySelector("[data-message]")?.textContent ?? "That did not work.");
}

function complain(text) {
  const page = parsed('<p role="alert"></p><button type="button" data-close autofocus>Close</button>');
  page.querySelector("p").textContent = text;
  show([...page.body.childNodes]);
}

function reveal() {
  const line = /^#L(\d+)$/.exec(location.hash)?.[1];
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (line && !target && document.querySelector("[data-cut]")) location.replace(`?line=${line}${location.hash}`);
  for (let at = target?.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  target?.scrollIntoView({ block: "center" });
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  const at = (selector) => (plain ? event.target.closest(selector) : null);
  const details = at("summary")?.parentElement;
  if (details?.id) toggled.set(details.id, !details.open);
  const opener = at("a[data-dialog]");
  const closer = dialog.open && at("[data-close]");
  if (opener || closer) event.preventDefault();
  if (opener) open(opener);
  if (closer) dialog.close();
});
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  event.preventDefault();
  send(event.target, event.submitter);
});
let height = 0; // who scrolls up reads, and does not want to be taken away
document.addEventListener("scroll", () => {
  const follow = document.getElementById("follow");
  if (follow && scrollY < height) follow.checked = false;
  height = scrollY;
});
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("pagehide", hush);
addEventListener("hashchange", reveal);
setInterval(tick, 1000);
reveal();
listen();
