// The process-model lab: three servers side by side, asked for twice a second, and switches for what clients do.

import {ask, element, has, language, poll, say, tell, time, translate} from "/pages/shell.js";

const KINDS = ["idle", "slow", "stuck"];
const EVERY_S = 0.5;
const NEW_FOR_S = 8;
const CHART = {width: 240, height: 44};
const SVG = "http://www.w3.org/2000/svg";
const LEGEND = ["_", "W", "R", "K", "S", "C", "G"];

const byId = (id) => document.getElementById(id);
const switches = {};
const columns = {};
let last = null;

translate();

const number = (value, digits = 0) =>
  value.toLocaleString(language, {minimumFractionDigits: digits, maximumFractionDigits: digits});

// Switches ---------------------------------------------------------------------------------------------------

function makeSwitches(now) {
  for (const kind of KINDS) {
    const title = say(`clients-${kind}`);
    const count = element("input", {type: "number", min: 1, max: now.limits[kind], value: now.clients[kind] || now.defaults[kind],
      "aria-label": say("how-many", {kind: title})});
    const button = element("button", {type: "button", "aria-pressed": "false"}, title);
    const isOn = () => button.getAttribute("aria-pressed") === "true";
    const wanted = () => Math.min(Math.max(Math.round(Number(count.value)) || 1, 1), now.limits[kind]);
    button.addEventListener("click", () => set(kind, isOn() ? 0 : wanted()));
    count.addEventListener("change", () => { count.value = wanted(); if (isOn()) set(kind, wanted()); });
    switches[kind] = button;
    byId("switches").append(element("div", {class: "switch"},
      element("div", {class: "row"}, button, count),
      element("div", {class: "muted help"}, say(`help-${kind}`))));
  }
  const kill = element("button", {type: "button", class: "danger", id: "kill"}, say("kill"));
  kill.addEventListener("click", () => act("/lab/kill"));
  byId("switches").append(element("div", {class: "switch"},
    element("div", {class: "row"}, kill),
    element("div", {class: "muted help"}, say("kill-help"))));
}

function showSwitches(clients) {
  for (const kind of KINDS) switches[kind].setAttribute("aria-pressed", String(clients[kind] > 0));
}

async function set(kind, count) {
  switches[kind].setAttribute("aria-pressed", String(count > 0));
  await act(`/lab/switch?kind=${kind}&count=${count}`);
}

async function act(path) {
  try {
    await tell(path);
  } catch (error) {
    byId("offline").hidden = false;
  }
  again();
}

// A server ---------------------------------------------------------------------------------------------------

function makeColumn(model) {
  const value = (key, label = key) => {
    const box = element("dd", {});
    return [box, element("div", {class: `fact ${key}`}, element("dt", {}, say(label)), box)];
  };
  const figures = {};
  const list = element("dl", {class: "figures"});
  for (const key of ["rate", "p50", "p99", "waiting", "taken", "backlog", "open", "failed", "memory"]) {
    const [box, fact] = value(key, has(`${key}-${model}`) ? `${key}-${model}` : key);
    figures[key] = box;
    list.append(fact);
  }
  const board = element("div", {class: "board"});
  const chart = document.createElementNS(SVG, "svg");
  for (const [name, text] of [["viewBox", `0 0 ${CHART.width} ${CHART.height}`], ["preserveAspectRatio", "none"],
    ["role", "img"], ["aria-label", say("chart", {model})], ["class", "chart"]]) chart.setAttribute(name, text);
  const kill = element("button", {type: "button", class: "danger", title: say("kill-one", {model}), "aria-label": say("kill-one", {model})}, "kill -9");
  kill.addEventListener("click", () => act(`/lab/kill?model=${model}`));
  const column = element("article", {class: "model", id: `model-${model}`},
    element("header", {},
      element("h2", {}, model), kill, element("span", {class: "muted"}, say(`what-${model}`))),
    list,
    chart,
    element("div", {class: "key muted"}, element("span", {class: "line-rate"}, say("rate")), element("span", {class: "line-p99"}, say("p99"))),
    element("h3", {}, say("scoreboard")),
    board);
  byId("models").append(column);
  columns[model] = {column, figures, board, chart};
}

/** The letters of a process's threads; of event, whose scoreboard has requests, those that are taken and free. */
function letters(now, process, i) {
  if (process.state !== "_") return process.state;
  if (now.model !== "event") return process.threads;
  const threads = Math.round(now.units / now.expected);
  const taken = Math.min(threads, now.in_servlets[i]);
  return "W".repeat(taken) + "_".repeat(threads - taken);
}

function showBoard(now, board) {
  const nowS = Date.now() / 1000;
  const rows = now.processes.map((process, i) => {
    const cells = [...letters(now, process, i)].map((letter, n) =>
      element("span", {class: `cell c${letter === "_" ? "free" : letter}`, title: process.doing[n] || say(`state-${letter}`, {}, letter)}, letter));
    const isNew = now.kill && now.kill.new_pid === process.pid && nowS - now.kill.at_s < NEW_FOR_S;
    return element("div", {class: `process${isNew ? " new" : ""}`, "data-pid": process.pid},
      element("span", {class: "pid"}, String(process.pid || "…")),
      element("span", {class: "cells"}, ...cells),
      isNew && element("span", {class: "tag good"}, say("new")),
      now.model === "event" && process.state === "_"
        && element("span", {class: "loop muted"}, say("in-loop", {count: process.open_connections})));
  });
  if (now.kill && nowS - now.kill.at_s < NEW_FOR_S) {
    rows.push(element("div", {class: "process gone"}, element("span", {class: "pid"}, String(now.kill.pid)),
      element("span", {class: "tag bad"}, say("ended"))));
  }
  board.replaceChildren(...rows);
}

function showColumn(now) {
  if (!columns[now.model]) makeColumn(now.model);
  const {column, figures, board, chart} = columns[now.model];
  const ms = (value) => value === null ? "–" : time(value * 1000);
  const failed = now.timed_out + now.broken;
  figures.rate.textContent = number(now.rate, now.rate < 10 ? 1 : 0);
  figures.p50.textContent = ms(now.p50_ms);
  figures.p99.textContent = ms(now.p99_ms);
  figures.waiting.replaceChildren(String(now.waiting),
    now.oldest_s >= 1 ? element("small", {}, ` · ${time(now.oldest_s * 1e6)}`) : "");
  figures.taken.textContent = say("of", {busy: now.busy, units: now.units});
  const backlog = now.backlog === null ? "?" : number(now.backlog);
  figures.backlog.textContent = now.model === "event" ? `${backlog} · ${number(now.queue)}` : backlog;
  figures.open.textContent = number(now.open_connections);
  figures.failed.textContent = number(failed);
  figures.memory.textContent = `${number(now.memory_bytes / 1e6)} ${say("mb")}`;
  const isFull = now.busy >= now.units;
  const marks = {rate: now.rate === 0, waiting: now.is_starving || now.oldest_s >= 1, taken: isFull, failed: failed > 0, backlog: now.backlog > 8 || now.queue > 0};
  for (const [key, isBad] of Object.entries(marks)) figures[key].classList.toggle("bad", isBad);
  column.classList.toggle("starving", now.is_starving);
  showBoard(now, board);
  showChart(now.history, chart);
}

/** Two lines, each in proportion to its own highest value; p99 has gaps where nothing was answered. */
function showChart(history, chart) {
  const points = 120;
  const line = (values, most, name) => {
    let path = "";
    let isDown = false;
    values.forEach((value, i) => {
      if (value === null) { isDown = false; return; }
      const x = CHART.width * (points - values.length + i) / (points - 1);
      const y = CHART.height - 2 - (CHART.height - 4) * Math.min(1, value / most);
      path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      isDown = true;
    });
    const drawn = document.createElementNS(SVG, "path");
    drawn.setAttribute("d", path);
    drawn.setAttribute("class", name);
    drawn.setAttribute("vector-effect", "non-scaling-stroke");
    return drawn;
  };
  const rates = history.map(([rate]) => rate);
  const p99s = history.map(([, p99]) => p99);
  chart.replaceChildren(
    line(p99s, Math.max(...p99s, 20), "line-p99"),
    line(rates, Math.max(...rates, 1) * 1.1, "line-rate"));
}

// ------------------------------------------------------------------------------------------------------------

function showSeen(seen) {
  byId("seen").replaceChildren(...seen.map((each) => element("li", {class: each.level},
    element("b", {}, each.model || say("all")), " ",
    each.parts.map(([key, values]) => say(`saw-${key}`, values)).join(" "))));
}

function showLegend(models) {
  const there = new Set(["_"]);
  for (const now of models) now.processes.forEach((process, i) => [...letters(now, process, i)].forEach((letter) => there.add(letter)));
  byId("legend").replaceChildren(...LEGEND.filter((letter) => there.has(letter)).map((letter) => element("span", {},
    element("span", {class: `cell c${letter === "_" ? "free" : letter}`}, letter), ` ${say(`state-${letter}`)}`)));
}

async function refresh() {
  const now = await ask("/lab/now.json");
  if (!last) makeSwitches(now);
  showSwitches(now.clients);
  const minutes = Math.floor(now.remaining_s / 60);
  byId("remaining").textContent = say("remaining", {time: `${minutes}:${String(Math.floor(now.remaining_s % 60)).padStart(2, "0")}`});
  byId("limit").hidden = !now.is_spent;
  if (!last || now.number !== last.number) {
    now.models.forEach(showColumn);
    showSeen(now.seen);
    showLegend(now.models);
  }
  last = now;
}

const again = poll(refresh, EVERY_S, (answers) => {
  byId("offline").hidden = answers;
  if (!answers && last) byId("offline").textContent = say(last.remaining_s < 3 ? "over" : "offline");
});
