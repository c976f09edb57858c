// The X-ray: a list of requests that is asked for every second, and one request as a timeline over three lanes.

import {ask, element, has, micros, poll, say, time, translate} from "/pages/shell.js";

const LANES = ["client", "front", "container"];
const ROW_PX = 21;
const NARROW_PX = 26;

const byId = (id) => document.getElementById(id);
const state = {requests: [], id: "", record: null, isSettled: false, scale: "steps", paused: false, chosen: -1};

translate();

// The list ---------------------------------------------------------------------------------------------------

function clock(seconds) {
  const at = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function statusOf(status) {
  return element("span", {class: `status s${Math.floor(status / 100)}`}, status ? String(status) : "…");
}

function showList() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const found = state.requests.filter(
    (each) => !wanted || `${each.method} ${each.target} ${each.status}`.toLowerCase().includes(wanted));
  byId("count").textContent = String(found.length);
  byId("empty").hidden = state.requests.length > 0;
  byId("rows").replaceChildren(...found.map((each) => {
    const where = each.processes.join(" → ");
    const link = element("a", {href: `#${encodeURIComponent(each.id)}`},
      element("span", {class: "method"}, each.method), ` ${each.target}`);
    const row = element("tr", {"data-id": each.id, "aria-selected": each.id === state.id ? "true" : "false"},
      element("td", {class: "what"}, link, element("div", {class: "by"},
        `${each.received_s ? clock(each.received_s) : ""} · ${say(`by-${each.by}`)} · ${where}`)),
      element("td", {}, statusOf(each.status)),
      element("td", {class: "number"}, each.is_over ? time(each.duration_us) : `${time(each.duration_us)} …`));
    row.addEventListener("click", () => { location.hash = encodeURIComponent(each.id); });
    return row;
  }));
}

async function refresh() {
  if (!state.paused) {
    const found = (await ask("/xray/requests.json")).requests;
    const hasChanged = JSON.stringify(found) !== JSON.stringify(state.requests);
    const isFirst = state.requests.length === 0;
    state.requests = found;
    if (hasChanged) showList();
    if (isFirst) showChosen();
  }
  if (state.id && !state.isSettled) await load(state.id);
}

// One request ------------------------------------------------------------------------------------------------

async function load(id) {
  let record = null;
  try {
    record = await ask(`/xray/requests/${encodeURIComponent(id)}.json`);
  } catch (error) {
    if (id === state.id && !state.record) byId("detail").replaceChildren(element("p", {class: "muted empty"}, say("gone")));
    return;
  }
  if (id !== state.id) return;
  state.isSettled = record.is_over && Boolean(state.record?.is_over);  // the last part of another process comes later
  const hasChanged = JSON.stringify(record) !== JSON.stringify(state.record);
  state.record = record;
  if (hasChanged) showRecord();
}

function idOf(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";  // somebody has typed a % there
  }
}

function chooseFromAddress() {
  state.id = idOf(location.hash);
  state.record = null;
  state.isSettled = false;
  state.chosen = -1;
  showList();
  showChosen();
  if (state.id) load(state.id);
}

function showChosen() {
  document.querySelector('#rows [aria-selected="true"]')?.scrollIntoView({block: "nearest"});
}

const label = (span) => say(`what-${span.what}`, {}, span.what);
const endOf = (span, whole) => span.took_us === null ? whole : span.at_us + span.took_us;

function find(record, what, test = () => true) {
  return record.spans.find((span) => span.what === what && test(span));
}

function story(record) {
  const parts = [];
  const accepted = find(record, "accepted");
  if (accepted) parts.push(say("story-accepted", {pid: accepted.facts.pid, peer: accepted.facts.peer}));
  const files = find(record, "files");
  if (files) parts.push(files.facts.static ? say("story-static") : say("story-delegated", {why: say(`why-${files.facts.why}`)}));
  const backend = find(record, "backend");
  if (backend) parts.push(say("story-backend", {backend: backend.name, why: factValue("why", backend.facts.why)}));
  const queue = find(record, "queue", (span) => span.took_us !== null);
  const thread = find(record, "thread");
  if (queue && thread) parts.push(say(thread.facts.new ? "story-thread-new" : "story-thread-pooled", {thread: thread.name, queue: time(queue.took_us)}));
  const map = find(record, "map");
  if (map) parts.push(say("story-map", {servlet: map.name, pattern: map.facts.pattern || "\"\""}));
  const refused = find(record, "security", (span) => span.facts.allowed === false);
  if (refused) parts.push(say("story-refused"));
  const failed = record.spans.find((span) => span.facts.raised);
  if (failed) parts.push(say("story-raised", {error: failed.facts.raised}));
  return parts.join(" ");
}

function showRecord() {
  const record = state.record;
  const whole = Math.max(record.duration_us, ...record.spans.map((span) => endOf(span, 0)));
  const address = `/xray/requests/${encodeURIComponent(record.id)}`;
  const head = element("div", {class: "head"},
    element("h1", {}, element("span", {class: "method"}, record.method), ` ${record.target}`),
    statusOf(record.status),
    element("span", {class: "muted"}, time(record.duration_us)),
    element("span", {class: "actions"},
      element("a", {class: "button", href: `${address}.json`, target: "_blank"}, say("json")),
      element("a", {class: "button", href: `${address}.txt`, target: "_blank"}, say("text"))));
  const scales = ["steps", "time"].map((each) => {
    const button = element("button", {type: "button", "aria-pressed": String(state.scale === each)}, say(`scale-${each}`));
    button.addEventListener("click", () => { state.scale = each; showRecord(); });
    return button;
  });
  byId("detail").replaceChildren(
    head,
    element("p", {class: "story"}, story(record)),
    element("div", {class: "scale"}, say("scale"), ...scales),
    lanes(record, whole),
    decisions(record),
    steps(record),
    record.dropped ? element("p", {class: "muted"}, say("dropped", {count: record.dropped})) : "");
  fitLabels();
  mark();
}

/** Where a time stands between 0 and 1: in proportion, or so that each beginning and end gets the same room. */
function makeScale(record, whole) {
  if (state.scale === "time") return (us) => whole ? us / whole : 0;
  const times = [...new Set([0, whole, ...record.spans.flatMap((span) => [span.at_us, endOf(span, whole)])])];
  times.sort((a, b) => a - b);
  const place = new Map(times.map((each, i) => [each, times.length > 1 ? i / (times.length - 1) : 0]));
  return (us) => place.get(us) ?? (whole ? us / whole : 0);
}

/** Put what overlaps below each other: each span into the first row that is free, below what it lies in. */
function rowsOf(spans, whole) {
  const rows = [];
  return spans.map((span) => {
    let row = span.took_us === 0 ? 0 : span.depth;
    const end = endOf(span, whole);
    while (rows[row] !== undefined && rows[row] > span.at_us) row += 1;
    rows[row] = Math.max(end, rows[row] ?? 0);
    return row;
  });
}

function lanes(record, whole) {
  const scale = makeScale(record, whole);
  const box = element("div", {class: "lanes", role: "group", "aria-label": say("timeline")});
  for (const lane of LANES) {
    const found = record.spans.map((span, i) => [span, i]).filter(([span]) => span.lane === lane);
    if (!found.length) continue;
    const stretches = found.filter(([span]) => span.took_us !== 0);
    const moments = found.filter(([span]) => span.took_us === 0);
    const places = rowsOf(stretches.map(([span]) => span), whole);
    const used = [...new Set(places)].sort((a, b) => a - b);
    const top = moments.length ? 1 : 0;
    const track = element("div", {class: "track"});
    track.style.height = `${(used.length + top) * ROW_PX + 8}px`;
    const add = ([span, i], row, isMoment) => {
      const failed = span.facts.raised || span.facts.failure || span.facts.allowed === false;
      const took = span.took_us === null ? say("goes-on") : time(span.took_us);
      const bar = element("button", {
        type: "button",
        class: `span${isMoment ? " moment" : ""}${failed ? " failed" : ""}${span.took_us === null ? " running" : ""}`,
        title: `${label(span)} ${span.name}: ${isMoment ? time(span.at_us) : took}`,
        "data-step": i,
      }, isMoment ? "" : `${label(span)} ${span.name}`);
      bar.style.left = `${scale(span.at_us) * 100}%`;
      bar.style.width = `${(scale(endOf(span, whole)) - scale(span.at_us)) * 100}%`;
      bar.style.top = `${row * ROW_PX + 5}px`;
      bar.addEventListener("click", () => choose(i, true));
      track.append(bar);
    };
    moments.forEach((each) => add(each, 0, true));
    stretches.forEach((each, n) => add(each, used.indexOf(places[n]) + top, false));
    const who = [...new Set(found.map(([span]) => span.process))].join(", ");
    const small = lane === "client" ? "" : element("small", {}, say("process", {process: who}));
    box.append(element("div", {class: `lane ${lane}`}, element("div", {class: "name"}, say(`lane-${lane}`), small), track));
  }
  const ruler = element("div", {class: "track"});
  const marks = state.scale !== "time" ? [0, 1] : innerWidth < 640 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  for (const part of marks) {
    const tick = element("span", {}, part ? time(whole * part) : "0");
    tick.style.left = `${part * 100}%`;
    ruler.append(tick);
  }
  return element("div", {}, box, element("div", {class: "ticks"}, element("div"), ruler));
}

function fitLabels() {
  for (const bar of document.querySelectorAll(".span:not(.moment)")) {
    const isNarrow = bar.getBoundingClientRect().width < NARROW_PX;
    bar.classList.toggle("narrow", isNarrow);
    bar.style.fontSize = isNarrow ? "0" : "";
  }
}

const HIDDEN_FACTS = new Set(["pid", "decision", "known", "first", "new", "requests"]);

function factValue(key, value) {
  const session = key === "why" && /^session of (.+)$/.exec(value);
  if (session) return say("why-session", {route: session[1]});
  if (value === true || value === false) return say(value ? "yes" : "no");
  return say(`${key}-${value}`, {}, String(value));
}

function facts(span) {
  const shown = Object.entries(span.facts).filter(([key]) => !HIDDEN_FACTS.has(key));
  return shown.map(([key, value]) => {
    const isBad = key === "raised" || key === "failure" || (key === "allowed" && !value);
    return element("span", {class: isBad ? "bad" : ""}, `${say(`fact-${key}`, {}, key)} `, element("b", {}, factValue(key, value)));
  });
}

/** What a step is, in a sentence; some have another one depending on what has happened. */
function help(span) {
  if (span.what === "accepted") return say("help-accepted", {pid: span.facts.pid});
  if (span.what === "thread") return say(span.facts.new ? "help-thread-new" : "help-thread-pooled", {count: span.facts.requests});
  if (span.what === "servlet" && span.facts.first) return say("help-servlet-first");
  return has(`help-${span.what}`) ? say(`help-${span.what}`) : "";
}

/** The lines of descriptors, each with what it decided; one that decided twice is there once. */
function decisions(record) {
  const known = new Map();
  record.spans.forEach((span, i) => {
    for (const line of span.because) {
      if (!known.has(line.where)) known.set(line.where, {line, steps: []});
      known.get(line.where).steps.push([span, i]);
    }
  });
  const cards = [...known.values()].map(({line, steps}) => {
    const [span, i] = steps[0];
    const card = element("div", {class: `decision ${span.lane}`, "data-step": i},
      element("div", {}, element("span", {class: "label"}, label(span)), " ", element("span", {class: "who"}, span.name)),
      line.text && element("code", {}, line.text),
      element("div", {class: "where"}, line.where));
    card.addEventListener("click", () => choose(i, false));
    return card;
  });
  if (!cards.length) return "";
  return element("section", {class: "decisions"}, element("h2", {}, say("because")), element("div", {class: "cards"}, ...cards));
}

function steps(record) {
  const rows = record.spans.map((span, i) => {
    const told = help(span);
    const shown = facts(span);
    const took = span.took_us === null ? say("goes-on") : span.took_us ? micros(span.took_us) : "";
    const row = element("tr", {class: span.lane, id: `step-${i}`, "data-step": i},
      element("td", {},
        element("div", {class: `step indent${Math.min(span.depth, 6)}`},
          element("div", {},
            element("span", {class: "label"}, label(span)), " ",
            element("span", {class: "who"}, span.name),
            told && element("div", {class: "help"}, told),
            shown.length > 0 && element("div", {class: "facts"}, ...shown),
            ...span.because.map((line) => element("div", {class: "where"}, line.where))))),
      element("td", {class: "number began"}, micros(span.at_us)),
      element("td", {class: "number"}, took));
    row.addEventListener("click", () => choose(i, false));
    return row;
  });
  return element("table", {class: "steps"},
    element("thead", {}, element("tr", {},
      element("th", {}, say("step")), element("th", {class: "number"}, say("began")),
      element("th", {class: "number"}, say("took-us")))),
    element("tbody", {}, ...rows));
}

function choose(i, scroll) {
  state.chosen = state.chosen === i ? -1 : i;
  mark();
  if (scroll && state.chosen >= 0) byId(`step-${i}`).scrollIntoView({block: "nearest"});
}

function mark() {
  for (const each of document.querySelectorAll("[data-step]")) {
    each.classList.toggle("chosen", Number(each.dataset.step) === state.chosen);
  }
}

// ------------------------------------------------------------------------------------------------------------

byId("filter").addEventListener("input", showList);
byId("pause").addEventListener("click", (event) => {
  state.paused = !state.paused;
  event.target.setAttribute("aria-pressed", String(state.paused));
});
addEventListener("hashchange", chooseFromAddress);
addEventListener("resize", fitLabels);
for (const each of document.querySelectorAll(".languages a")) {  // the request that is shown stays
  each.addEventListener("click", () => { each.hash = location.hash; });
}
chooseFromAddress();
poll(refresh, 1, (answers) => { byId("offline").hidden = answers; });
