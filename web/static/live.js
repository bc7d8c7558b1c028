// Keeps an open page fresh: asks for it again, and takes over what changed. Without an answer the last
// numbers stay and are marked as old until one comes. Where the server tells of changes, the page asks
// when it hears of one, and by itself only rarely.
"use strict";

const EVERY = Number(document.body.dataset.every || 0) * 1000;
const FOLLOWS = document.body.dataset.follow;
const RARELY = 10000;
const AFTER_CHANGE = 5000; // when what the server keeps for others is fresh again
const BETWEEN = 700;
const FOLLOW_AGAIN = 30000;
const PATIENCE = 12000;
const LONGEST_PAUSE = 10000;
const banner = document.getElementById("connection");
const known = new Map();
let lastNumbers = new Date();
let failures = 0;
let timer = 0;
let source = null;
let isFollowing = false;
let isAsking = false;
let hasChanged = false;
let askedAt = 0;

const clock = (moment) => moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function localTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.getAttribute("datetime"));
    if (Number.isNaN(moment.valueOf())) continue;
    const isToday = moment.toDateString() === new Date().toDateString();
    each.title = each.textContent;
    each.textContent = isToday ? clock(moment) : `${moment.toLocaleDateString()} ${clock(moment)}`;
  }
}

// Whoever uses the keyboard stays where they were.
function successor(element, region) {
  if (element.id) return document.getElementById(element.id);
  if (element.matches("a[href]")) return region.querySelector(`a[href="${CSS.escape(element.getAttribute("href"))}"]`);
  if (element.matches("details[id] > summary")) return document.getElementById(element.parentElement.id)?.firstElementChild;
  return null;
}

function takeOver(region, fresh) {
  if (known.get(region.id) === fresh.innerHTML) return;
  const focused = region.contains(document.activeElement) ? document.activeElement : null;
  if (focused && focused.matches("input, select, textarea")) return;
  known.set(region.id, fresh.innerHTML);
  const open = new Set([...region.querySelectorAll("details[open][id]")].map((each) => each.id));
  const scrolled = new Map([...region.querySelectorAll(".scroll[id]")].map((each) => [each.id, each.scrollLeft]));
  region.replaceChildren(...fresh.childNodes);
  localTimes(region);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, left] of scrolled) if (document.getElementById(id)) document.getElementById(id).scrollLeft = left;
  if (focused) successor(focused, region)?.focus({ preventScroll: true });
}

function say(isLost) {
  if (banner.hidden === !isLost) return;
  document.body.classList.toggle("old", isLost);
  banner.hidden = !isLost;
  banner.textContent = isLost ? `No connection to Apollo. These numbers are from ${clock(lastNumbers)}; trying again …` : "";
}

async function refresh() {
  const isTold = hasChanged;
  isAsking = true;
  hasChanged = false;
  askedAt = performance.now();
  try {
    const answer = await fetch(location.href, {
      headers: { "X-Live": "1" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.status === 401) return location.assign("/sign-in");
    if (!answer.ok) throw new Error(`${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (document.body.dataset.away) return location.reload();
    for (const region of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(region.id);
      if (fresh) takeOver(region, fresh);
    }
    failures = 0;
    lastNumbers = new Date();
    say(false);
  } catch {
    failures += 1;
    // One lost answer is no lost connection.
    if (failures > 1 && !document.body.dataset.away) say(true);
  }
  isAsking = false;
  return hasChanged ? changed() : next(isTold);
}

function next(isTold = false) {
  const usual = isFollowing ? (isTold ? AFTER_CHANGE : RARELY) : EVERY;
  ask(Math.min(usual * Math.max(1, failures), LONGEST_PAUSE));
}

function ask(pause) {
  clearTimeout(timer);
  timer = setTimeout(() => (document.hidden ? next() : refresh()), pause);
}

function changed() {
  hasChanged = true;
  if (!isAsking) ask(Math.max(0, askedAt + BETWEEN - performance.now()));
}

// A browser has few connections to one server, so only pages that are seen hold one.
function follow() {
  if (!FOLLOWS || source || document.hidden) return;
  source = new EventSource(FOLLOWS);
  source.addEventListener("open", () => { isFollowing = true; });
  source.addEventListener("change", changed);
  source.addEventListener("end", () => { unfollow(); changed(); });
  source.addEventListener("error", () => {
    const isRefused = source.readyState === EventSource.CLOSED;
    if (isFollowing) { isFollowing = false; changed(); }
    if (isRefused) { unfollow(); setTimeout(follow, FOLLOW_AGAIN); }
  });
}

function unfollow() {
  source?.close();
  source = null;
  isFollowing = false;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return unfollow();
  follow();
  if (EVERY) changed();
});

function watchDrops() {
  for (const zone of document.querySelectorAll(".drop")) {
    const input = zone.querySelector("input");
    const name = zone.querySelector("[data-file-name]");
    zone.addEventListener("dragover", () => zone.classList.add("over"));
    for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => zone.classList.remove("over"));
    const tell = () => { if (input.files.length) name.textContent = input.files[0].name; };
    input.addEventListener("change", tell);
    tell(); // a browser that goes back keeps the file
  }
}

function sendOnce() {
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "1";
    setTimeout(() => delete event.target.dataset.sent, 5000);
  });
}

for (const region of document.querySelectorAll("[data-live]")) known.set(region.id, region.innerHTML);
localTimes(document);
watchDrops();
sendOnce();
if (EVERY) next();
follow();
