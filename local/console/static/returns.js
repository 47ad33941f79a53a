// What people did in ServiceNow, as the watch tells it to AWS, and what would follow there.

import { element, flash, follow } from "./page.js";

const rows = document.querySelector("#told-rows");

/** Take over the newest changes, which come oldest first. */
export function showTold(told) {
  const initial = rows.childElementCount === 0;
  follow(rows, told.toReversed(), (one) => one.id, createRow, (row, _, isNew) => {
    if (isNew && !initial) flash(row);
  });
  document.querySelector("#told-empty").hidden = told.length > 0;
}

function createRow({ at, number, changes, by, follows }) {
  const cell = (name, text) => element("td", { className: `told ${name}`, role: "cell" }, text);
  return element(
    "tr",
    { role: "row" },
    element("td", { className: "time", title: at, role: "cell" }, at.slice(11, 19)),
    element("td", { role: "cell" }, element("a", { href: `#${number}` }, number)),
    cell("changes-cell", changes || "a comment, or another field"),
    cell("by-cell", by),
    cell("follows-cell", follows || "–"),
  );
}
