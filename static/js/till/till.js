// On every page of the till. Forms are sent without leaving the page, so that a lost
// network loses nothing: what was typed stays, and the same token is sent again.
import { scan } from "./scanner.js";

const PATIENCE = 20_000;
let waiting = null;

const find = (selector) => document.querySelector(selector);

// --- Sending ----------------------------------------------------------------------------

function fields(form, submitter) {
  const data = new FormData(form);
  if (submitter?.name) data.append(submitter.name, submitter.value);
  return data;
}

function show(page, address) {
  // Somebody else's page, such as the one for a wrong token: let the browser show it.
  if (!page.body.classList.contains("till")) {
    location.assign(address || location.href);
    return;
  }
  document.title = page.title;
  document.body.className = page.body.className;
  document.body.replaceChildren(...page.body.childNodes);
  if (address) history.pushState({}, "", address);
  scrollTo(0, 0);
  find("[autofocus]")?.focus();
}

async function send(form, submitter) {
  if (form.dataset.sent) return;
  form.dataset.sent = "yes";
  submitter?.setAttribute("aria-busy", "true");
  find("[data-trouble]").hidden = true;
  waiting = { form, submitter };
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: fields(form, submitter),
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.status >= 500) throw new Error(`${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    waiting = null;
    show(page, response.redirected ? response.url : "");
  } catch {
    // Whether it arrived, nobody knows; sent again under its token it counts once.
    find("[data-trouble]").hidden = false;
    find("[data-retry]").focus();
  } finally {
    delete form.dataset.sent;
    submitter?.removeAttribute("aria-busy");
  }
}

function again() {
  if (waiting) send(waiting.form, waiting.submitter);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if ("plain" in form.dataset) {
    event.submitter?.setAttribute("aria-busy", "true");
    return;
  }
  event.preventDefault();
  send(form, event.submitter);
});

window.addEventListener("online", again);
window.addEventListener("popstate", () => location.reload());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// --- Scanning ---------------------------------------------------------------------------

async function scanInto(button) {
  const form = document.getElementById(button.dataset.scan);
  const field = form.querySelector("[name=q]");
  const code = await scan(find("[data-scanner]"));
  if (code) {
    field.value = code;
    form.requestSubmit();
  } else {
    field.focus();
  }
}

// A scanner in the hand types into whatever is focused; nothing is, after a tap elsewhere.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, button, a, summary, dialog");
  if (isTyping || event.key.length !== 1 || event.ctrlKey || event.metaKey) return;
  find("[data-look-up] [name=q]")?.focus();
});

// --- Typing money and lines -------------------------------------------------------------

const digits = (text) => text.replace(/\D/g, "");
const grouped = (text) => text.replace(/\B(?=(\d{3})+$)/g, ".");

function groupMoney(field) {
  const behind = digits(field.value.slice(field.selectionStart)).length;
  field.value = grouped(digits(field.value).slice(0, 13).replace(/^0+(?=\d)/, ""));
  let place = field.value.length;
  for (let passed = 0; place > 0 && passed < behind; place -= 1) {
    if (field.value[place - 1] !== ".") passed += 1;
  }
  field.setSelectionRange(place, place);
}

function addUp(table) {
  const sum = find("[data-sum]");
  if (!sum) return;
  let total = 0;
  for (const row of table.querySelectorAll("[data-line]")) {
    const many = Number(row.querySelector("[name=quantity]").value.replace(",", ".")) || 0;
    total += Math.round(many * Number(digits(row.querySelector("[name=price]").value)));
  }
  sum.textContent = `${grouped(String(total))} ${sum.dataset.sum}`;
}

function addLine(table) {
  const rows = table.querySelectorAll("[data-line]");
  const row = rows[rows.length - 1].cloneNode(true);
  row.querySelector("[name=quantity]").value = "1";
  row.querySelector("[name=price]").value = "";
  rows[rows.length - 1].after(row);
  row.querySelector("[name=price]").focus();
}

document.addEventListener("input", (event) => {
  const field = event.target;
  if ("money" in field.dataset) groupMoney(field);
  const table = field.closest("[data-lines]");
  if (table) addUp(table);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.scan) scanInto(button);
  if ("retry" in button.dataset) again();
  if ("addLine" in button.dataset) addLine(find("[data-lines]"));
});
