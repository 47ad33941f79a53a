// The calls that reach ServiceNow, and the queue in front of them.

import { announce, element, flash, follow, setText } from "./page.js";

const PREFIX = /^\/api\/(now\/)?(v\d+\/)?/; // what all have in common; the whole stands in the title
const SYS_ID = /\b([0-9a-f]{6})[0-9a-f]{26}\b/g;

const rows = document.querySelector("#call-rows");
const letters = document.querySelector("#letters-list");
let dead = 0;

/** Take over the newest calls, which come oldest first. */
export function showCalls(calls) {
  const initial = rows.childElementCount === 0;
  follow(rows, calls.toReversed(), (call) => call.id, createRow, (row, call, isNew) => {
    fillRow(row, call);
    if (isNew && !initial) flash(row);
  });
  document.querySelector("#calls-empty").hidden = calls.length > 0;
}

/** Shorten what is called to what tells one call from another. */
function summary({ path, query }) {
  const sought = new URLSearchParams(query).get("sysparm_query");
  return (path.replace(PREFIX, "") + (sought ? ` ${sought}` : "")).replace(SYS_ID, "$1…");
}

function createRow(call) {
  const target = call.path + (call.query ? `?${call.query}` : "");
  return element(
    "tr",
    {},
    element("td", { className: "time" }, new Date(call.at).toISOString().slice(11, 19)),
    element(
      "td",
      { className: "request", title: `${call.method} ${target}` },
      element(
        "span",
        { className: "method", data: { kind: call.token ? "token" : call.method } },
        call.token ? "TOKEN" : call.method,
      ),
      element("span", { className: "mono" }, summary(call)),
    ),
    element("td", { className: "status" }),
    element("td", { className: "number mono" }),
  );
}

function fillRow(row, call) {
  const [, , status, duration] = row.children;
  const ended = call.milliseconds !== null;
  const kind = call.status === null ? (ended ? "failed" : "running") : call.status < 400 ? "done" : "failed";
  status.dataset.kind = kind;
  setText(status, call.status === null ? (ended ? "no answer" : "waiting") : `${call.status}`);
  setText(duration, ended ? `${call.milliseconds}` : "");
}

/** Take over the dead letters, of which there may be more than these. */
export function showDeadLetters(list, count) {
  document.querySelector("#letters").hidden = count === 0;
  if (count > dead) announce(`A message was refused: ${list[0]?.reason ?? "look at the dead-letter queue"}.`);
  dead = count;
  // The same message may be there twice.
  follow(letters, [...list.entries()], ([place, { reason, body }]) => `${place} ${reason} ${body}`, createLetter, () => {});
}

function createLetter([, { reason, body }]) {
  return element(
    "li",
    {},
    element("strong", {}, reason || "No reason was given."),
    element("span", { className: "mono", title: body }, body.slice(0, 300)),
  );
}
