// The list of incidents, and the one that is selected: its number stands behind the # of the address.

import { act, announce, element, flash, follow, setText } from "./page.js";

const FINAL = new Set(["Closed", "Canceled"]);
const DONE = new Set(["Resolved", ...FINAL]);
const SEARCHED = ["number", "state", "priority", "short_description", "correlation_id"];
const MOST_ANNOUNCED = 3;

const rows = document.querySelector("#incident-rows");
const openOnly = document.querySelector("#open-only");
const search = document.querySelector("#search");
const body = document.querySelector("#record-body");
const noteText = document.querySelector("#note-text");

let incidents = [];
let known = null; // state by number at the last look, to tell what changed
let total = 0;
let shown = ""; // sys_id and version of the record on display
let recordOf = ""; // sys_id alone
let selected = ""; // number of the incident that was chosen

const isOpen = (incident) => !DONE.has(incident.state);

/** Take over a new list. */
export function showIncidents(list, count) {
  incidents = list;
  total = count;
  announceChanges();
  render();
  showRecord();
}

function announceChanges() {
  const now = new Map(incidents.map((each) => [each.number, each.state]));
  if (known) {
    const changes = incidents
      .filter((each) => known.get(each.number) !== each.state)
      .map(({ number, state, short_description: text }) =>
        known.has(number) ? `${number} is now ${state}.` : `${number} opened: ${text}.`,
      );
    const more = changes.length - MOST_ANNOUNCED;
    announce(changes.slice(0, MOST_ANNOUNCED).join(" ") + (more > 0 ? ` And ${more} more.` : ""));
  }
  known = now;
}

function render() {
  const sought = search.value.trim().toLowerCase();
  const matches = incidents.filter((incident) => {
    const text = SEARCHED.map((name) => incident[name]).join("\n").toLowerCase();
    return (!openOnly.checked || isOpen(incident)) && text.includes(sought);
  });
  const initial = rows.childElementCount === 0;
  follow(rows, matches, (incident) => incident.sys_id, createRow, (row, incident, isNew) => {
    const version = `${incident.sys_mod_count} ${incident.sys_updated_on}`;
    if (row.dataset.version !== version) {
      fillRow(row, incident);
      if (!isNew || !initial) flash(row);
      row.dataset.version = version;
    }
    mark(row, incident.number === selected);
  });
  const empty = document.querySelector("#incidents-empty");
  empty.hidden = matches.length > 0;
  setText(empty, incidents.length ? "No incident matches." : "No incidents yet. Fire an alarm to see one open.");
  setText(
    document.querySelector("#incidents-count"),
    matches.length === total ? `${total}` : `${matches.length} of ${total}`,
  );
}

function createRow(incident) {
  const cell = (name, ...children) => element("td", { className: name, role: "cell" }, ...children);
  const row = element(
    "tr",
    { role: "row" },
    cell("number-cell", element("a", { href: `#${incident.number}` }, incident.number)),
    cell("state-cell", element("span", { className: "state" })),
    cell("priority-cell", element("span", { className: "priority" })),
    cell("text-cell"),
    cell("opened-cell time"),
    cell("updated-cell time"),
    cell("correlation-cell mono"),
  );
  row.addEventListener("click", () => {
    if (!String(getSelection())) location.hash = incident.number;
  });
  return row;
}

function fillRow(row, incident) {
  const [, state, priority, text, opened, updated, correlation] = row.children;
  fillState(state.firstChild, incident.state);
  fillPriority(priority.firstChild, incident.priority);
  setText(text, incident.short_description);
  fillTime(opened, incident.opened_at);
  fillTime(updated, incident.sys_updated_on);
  setText(correlation, incident.correlation_id);
  correlation.title = incident.correlation_id;
}

function fillState(node, state) {
  node.dataset.state = state;
  setText(node, state);
}

function fillPriority(node, priority) {
  node.dataset.priority = priority.slice(0, 1);
  setText(node, priority);
}

/** Show the time of today, the date of any other day, and both where the pointer rests. */
function fillTime(node, text) {
  const [date, time] = text.split(" ");
  setText(node, date === new Date().toISOString().slice(0, 10) ? time : date);
  node.title = `${text} UTC`;
}

function mark(row, isSelected) {
  const link = row.querySelector("a");
  if (isSelected) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

function select() {
  if (location.hash === "#incidents") return; // the skip link
  selected = location.hash.slice(1);
  render();
  showRecord();
  bringIntoView();
}

/** Show what was chosen: the incident where it stands below the list, else its row in the list. */
function bringIntoView() {
  const row = rows.querySelector("tr:has([aria-current])");
  const record = document.querySelector(".record");
  if (row) (matchMedia("(max-width: 980px)").matches ? record : row).scrollIntoView({ block: "nearest" });
}

async function showRecord() {
  const incident = incidents.find((each) => each.number === selected);
  document.querySelector("#record-empty").hidden = Boolean(incident);
  body.hidden = !incident;
  document.querySelector("#person").hidden = !incident || FINAL.has(incident.state);
  const version = incident ? `${incident.sys_id} ${incident.sys_mod_count} ${incident.sys_updated_on} ${incident.attachments}` : "";
  if (version === shown) return;
  shown = version;
  setText(document.querySelector("#record-title"), incident ? incident.number : "Incident");
  fillState(document.querySelector("#record-state"), incident ? incident.state : "");
  fillPriority(document.querySelector("#record-priority"), incident ? incident.priority : "");
  if (!incident) return;
  const answer = await fetch(`/incidents/${incident.sys_id}`).catch(() => null);
  if (!answer?.ok) {
    shown = ""; // the next look tries again
    return;
  }
  const record = await answer.json();
  if (shown === version) fillRecord(record);
}

function fillRecord(record) {
  const isSame = recordOf === record.sys_id;
  recordOf = record.sys_id;
  if (!isSame) body.parentElement.scrollTop = 0;
  setText(document.querySelector("#record-description"), record.short_description);
  const text = record.fields.find(({ name }) => name === "description")?.value ?? "";
  const description = document.querySelector("#record-text");
  setText(description, text);
  description.hidden = !text;
  if (!isSame) description.scrollTop = 0;
  document.querySelector("#attachments-title").hidden = !record.attachments.length;
  follow(document.querySelector("#attachments"), record.attachments, (one) => one.sys_id, createAttachment, () => {});
  const journal = document.querySelector("#journal");
  follow(journal, record.journal, (entry) => entry.sys_id, createEntry, (entry, _, isNew) => {
    if (isNew && isSame) flash(entry);
  });
  if (!record.journal.length) journal.replaceChildren(element("li", { className: "empty" }, "No entries."));
  const others = record.fields.filter(({ name }) => name !== "description");
  const fields = others.flatMap(({ name, label, value }) => [
    element("dt", {}, label),
    element("dd", { data: { field: name } }, value),
  ]);
  document.querySelector("#fields").replaceChildren(...fields);
}

function createAttachment({ sys_id, name, type, size }) {
  const caption = element("figcaption", {}, `${name} (${Math.ceil(size / 1024)} KB)`);
  if (type !== "image/png") return element("figure", {}, caption);
  const source = `/attachments/${sys_id}`;
  return element("figure", {}, element("img", { src: source, alt: `Picture: ${name}` }), caption);
}

function createEntry(entry) {
  const initials = entry.by
    .split(" ")
    .map((word) => word[0])
    .join("")
    .slice(0, 2);
  return element(
    "li",
    {},
    element("span", { className: "avatar", ariaHidden: "true" }, initials),
    element(
      "div",
      {},
      element(
        "p",
        { className: "byline" },
        element("strong", {}, entry.by),
        element("span", { className: "kind" }, entry.element),
        element("time", { dateTime: `${entry.at.replace(" ", "T")}Z` }, entry.at),
      ),
      element("p", { className: "entry" }, entry.text),
    ),
  );
}

const change = (content, button) => act(`/incidents/${recordOf}`, content, button);

openOnly.addEventListener("change", render);
search.addEventListener("input", render);
addEventListener("hashchange", select);
document.querySelector("#person").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) change({ state: button.dataset.state }, button);
});
document.querySelector("#note").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await change({ work_note: noteText.value }, event.submitter)) noteText.value = "";
});
select();
