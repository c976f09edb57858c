// What all pages share: words in the page's language, elements, numbers, and asking the server again and again.

const words = JSON.parse(document.getElementById("strings").textContent);

export const language = document.documentElement.lang;

/** The text for a key, with {name} replaced; the key itself where there is none, or the given text. */
export function say(key, values = {}, otherwise = key) {
  const text = words[key] ?? otherwise;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function has(key) {
  return key in words;
}

/** Make an element: element("td", {class: "number", title: "…"}, "text", child, …). */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

/** Put the words into markup that asks for them: data-i18n (text), data-i18n-label (aria-label and placeholder). */
export function translate(root = document) {
  for (const each of root.querySelectorAll("[data-i18n]")) each.textContent = say(each.dataset.i18n);
  for (const each of root.querySelectorAll("[data-i18n-label]")) {
    each.setAttribute("aria-label", say(each.dataset.i18nLabel));
    if (each.matches("input")) each.placeholder = say(each.dataset.i18nLabel);
  }
}

/** A time that is given in µs, in the unit in which it is read best. */
export function time(us) {
  const [value, unit] = us < 1000 ? [us, "unit-us"] : us < 1e6 ? [us / 1e3, "unit-ms"] : [us / 1e6, "unit-s"];
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toLocaleString(language, {minimumFractionDigits: digits, maximumFractionDigits: digits})} ${say(unit)}`;
}

/** Whole and tenths of µs, for columns. */
export function micros(us) {
  return us.toLocaleString(language, {minimumFractionDigits: 1, maximumFractionDigits: 1});
}

export async function ask(path) {
  const answer = await fetch(path, {cache: "no-store"});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Have the server do something; only a page of its own may. */
export async function tell(path) {
  const answer = await fetch(path, {method: "POST", cache: "no-store"});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Call task now and every so many seconds while the page can be seen; it says whether the server answers. */
export function poll(task, everyS, onState) {
  let timer = 0;
  async function round() {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        await task();
        onState(true);
      } catch (error) {
        onState(false);
      }
    }
    timer = setTimeout(round, everyS * 1000);
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) round(); });
  round();
  return round;
}
