// Listens to the server and deals out what it says; ties the buttons to what they do.

import { showIncidents } from "./incidents.js";
import { act, announce, setText } from "./page.js";
import { showTold } from "./returns.js";
import { showCalls, showDeadLetters } from "./traffic.js";

const LABELS = { healthy: "Healthy", slow: "Slow", limited: "Rate-limited", down: "Down", other: "Other faults" };
const KINDS = { healthy: "good", down: "bad" };

const connection = document.querySelector("#connection");
const names = document.querySelector("#alarm-names");
const severity = document.querySelector("#alarm-severity");

function fact(name, text, kind = "") {
  const tile = document.querySelector(`#fact-${name}`);
  tile.dataset.kind = kind;
  setText(tile.querySelector("dd"), text);
}

function showCondition({ name, text }) {
  fact("condition", LABELS[name], KINDS[name] ?? "warning");
  setText(document.querySelector("#condition-hint"), text);
  for (const button of document.querySelectorAll("#condition button")) {
    button.setAttribute("aria-pressed", String(button.dataset.condition === name));
  }
}

function showQueue(queue) {
  if (!queue) {
    fact("queue", "not known", "warning");
    fact("dead", "not known", "warning");
    return;
  }
  const parts = [];
  if (queue.waiting) parts.push(`${queue.waiting} waiting`);
  if (queue.hidden) parts.push(`${queue.hidden} held`);
  fact("queue", parts.join(", ") || "Empty", parts.length ? "warning" : "");
  fact("dead", `${queue.dead}`, queue.dead ? "bad" : "");
}

function showConnection(state, text) {
  if (connection.dataset.state !== "waiting") announce(state === connection.dataset.state ? "" : text);
  connection.dataset.state = state;
  setText(connection, text);
}

const events = new EventSource("/events");
events.addEventListener("open", () => showConnection("live", "Live"));
events.addEventListener("error", () => showConnection("lost", "No connection"));
events.addEventListener("message", ({ data }) => {
  const now = JSON.parse(data);
  showCondition(now.condition);
  showQueue(now.queue);
  fact("open", `${now.open_count}`);
  fact("tokens", `${now.token_requests}`);
  fact("calls", `${now.api_calls}`);
  showIncidents(now.incidents, now.incident_count);
  showCalls(now.calls);
  showTold(now.told);
  showDeadLetters(now.dead_letters, now.queue?.dead ?? 0);
});

document.querySelector("#alarms").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = { state: event.submitter?.value ?? "ALARM", names: names.value, severity: severity.value };
  act("/alarms", content, event.submitter);
});
names.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
document.querySelector("#condition").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) act("/condition", { condition: button.dataset.condition }, button);
});
document.querySelector("#finding").addEventListener("click", ({ target }) => act("/findings", {}, target));
document.querySelector("#revoke").addEventListener("click", ({ target }) => act("/token/revoke", {}, target));
document.querySelector("#rotate-both").addEventListener("click", ({ target }) =>
  act("/secret/rotate", { in_secrets_manager: true }, target),
);
document.querySelector("#rotate-one").addEventListener("click", ({ target }) =>
  act("/secret/rotate", { in_secrets_manager: false }, target),
);
