// What the other modules build the page with: elements, lists that keep their nodes, requests, announcements.

const announcer = document.querySelector("#announcer");
const outcome = document.querySelector("#outcome");
const token = document.querySelector("meta[name=console-token]").content;

/** Create an element; `properties` are set on it, `data` goes to its dataset. */
export function element(name, { data = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/** Change an element's text only where it differs, so that nothing is announced or repainted for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Make the children of `parent` follow `items`. A child whose key stays is kept, with the focus that it may have.
 * `create(item)` returns a new child, `update(child, item, isNew)` fills it.
 */
export function follow(parent, items, keyOf, create, update) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(items.map((item) => String(keyOf(item))));
  // What has to go goes first: a child that stays would lose the focus if it were moved.
  for (const [key, child] of kept) if (!keys.has(key)) child.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const known = kept.get(key);
    const child = known ?? create(item);
    child.dataset.key = key;
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item, !known);
  }
}

/** Let a row light up for a moment. */
export function flash(node) {
  node.classList.remove("fresh");
  void node.offsetWidth; // without a layout in between, the animation would not start again
  node.classList.add("fresh");
  node.addEventListener("animationend", () => node.classList.remove("fresh"), { once: true });
}

/** Say something to people who do not see the page. */
export function announce(text) {
  if (text) announcer.textContent = text;
}

/** Send a change and show what came of it below the buttons. Return whether it was done. */
export async function act(path, content, button) {
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Console-Token": token },
      body: JSON.stringify(content),
    });
    const { done, error } = await answer.json();
    show(done ?? error, answer.ok);
    return answer.ok;
  } catch {
    show("The console does not answer. Does `make local` still run?", false);
    return false;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function show(text, isDone) {
  outcome.dataset.kind = isDone ? "done" : "failed";
  outcome.textContent = text;
}
