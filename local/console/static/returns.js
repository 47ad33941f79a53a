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
  return element(
    "tr",
    {},
    element("td", { className: "time", title: at }, at.slice(11, 19)),
    element("td", {}, element("a", { href: `#${number}` }, number)),
    element("td", { className: "told" }, changes || "a comment, or another field"),
    element("td", { className: "told" }, by),
    element("td", { className: "told" }, follows || "–"),
  );
}
