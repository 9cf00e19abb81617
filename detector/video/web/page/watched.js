// Keeps a page up to date: asks for it again and changes what has changed, and nothing else.

const SHORTEST_WAIT = 1000;
const LONGEST_WAIT = 10000;

/** Make an element equal to another one; what is open, scrolled or has the focus stays so. */
function update(shown, fresh) {
  if (shown.nodeType !== fresh.nodeType || shown.nodeName !== fresh.nodeName) {
    shown.replaceWith(document.importNode(fresh, true));
  } else if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.nodeValue !== fresh.nodeValue) shown.nodeValue = fresh.nodeValue;
  } else if (!shown.isEqualNode(fresh)) {
    updateAttributes(shown, fresh);
    const before = [...shown.childNodes];
    const after = [...fresh.childNodes];
    after.forEach((node, index) =>
      index < before.length ? update(before[index], node) : shown.append(document.importNode(node, true)),
    );
    before.slice(after.length).forEach((node) => node.remove());
  }
}

function updateAttributes(shown, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  for (const { name } of [...shown.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") shown.removeAttribute(name);
  }
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  document.title = fresh.title;
  update(document.body, fresh.body);
}

/** The server is gone without a word: the page stays, and says so. */
function tellLost() {
  const state = document.querySelector(".state");
  if (state) state.textContent = "The connection to the training is lost; trying again.";
}

async function follow() {
  let known = "";
  let wait = SHORTEST_WAIT;
  for (;;) {
    try {
      const answer = await fetch(`news?known=${encodeURIComponent(known)}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      if (answer.status === 200) show(await answer.text());
      known = answer.headers.get("X-Now");
      wait = SHORTEST_WAIT;
      if (answer.headers.get("X-Over") === "yes") return;
    } catch {
      known = "";
      tellLost();
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }
}

follow();
