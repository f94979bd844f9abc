// The page of the demo: sends what is typed and pressed, and shows what the server has made ready.
"use strict";

const LOOK = 400; // milliseconds between two looks for news
const at = (id) => document.getElementById(id);
const pull = `/pull/${document.body.dataset.pull}`;
const shown = new Map(); // by the id of an entry: its HTML and its element
let seen = "";

async function send(path, body) {
  at("problem").textContent = "";
  try {
    const answer = await fetch(pull + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ who: at("who").value, ...body }),
    });
    if (!answer.ok) at("problem").textContent = (await answer.json()).error;
    return answer.ok;
  } catch {
    return false; // `look` says it
  }
}

// The server escapes all that comes from people; what arrives here is its own HTML.
function element(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content.firstElementChild;
}

function openFolds(old, fresh) {
  const before = old.querySelectorAll("details");
  fresh.querySelectorAll("details").forEach((fold, place) => {
    fold.open = Boolean(before[place] && before[place].open);
  });
}

function isInView(entry) {
  const { top, bottom } = entry.getBoundingClientRect();
  return top >= 0 && bottom <= at("say").getBoundingClientRect().top;
}

// The style sheet keeps it clear of the form, and says whether it glides there.
function scrollTo(entry) {
  entry.scrollIntoView({ block: "nearest" });
}

function showEntries(entries) {
  const kept = new Set(entries.map((entry) => entry.id));
  for (const [id, old] of shown) {
    if (!kept.has(id)) {
      old.element.remove();
      shown.delete(id);
    }
  }
  let target = null; // what is new, or has grown while it was looked at
  for (const { id, html } of entries) {
    const old = shown.get(id);
    if (old && old.html === html) continue;
    const fresh = element(html);
    fresh.id = id;
    fresh.classList.add("new");
    if (old) {
      if (isInView(old.element)) target = fresh;
      openFolds(old.element, fresh);
      old.element.replaceWith(fresh);
    } else {
      target = fresh;
      at("thread").append(fresh);
    }
    shown.set(id, { html, element: fresh });
  }
  at("empty").hidden = entries.length > 0;
  // At first there is only what was there before, and perhaps an entry that a link leads to.
  const first = location.hash ? at(location.hash.slice(1)) : null;
  if (seen ? target : first) scrollTo(seen ? target : first);
}

function show(news) {
  showEntries(news.entries);
  seen = news.version;
  at("head").textContent = news.head;
  // A button that is there already stays, so that no click on it is lost.
  if (at("newest").dataset.html !== news.newest) {
    at("newest").innerHTML = at("newest").dataset.html = news.newest;
  }
  at("runs").innerHTML = news.runs;
  at("calls").innerHTML = news.calls;
  for (const [action, isPressed] of Object.entries(news.pressed)) {
    document.querySelector(`[data-action=${action}]`).setAttribute("aria-pressed", String(isPressed));
  }
}

async function look() {
  try {
    const answer = await fetch(`${pull}/news?seen=${seen}`);
    if (answer.status === 200) show(await answer.json());
    document.body.classList.remove("gone");
  } catch {
    document.body.classList.add("gone");
    at("problem").textContent = "The demo does not answer: it has been stopped.";
  }
  setTimeout(look, LOOK);
}

at("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send("/comment", { text: at("text").value })) at("text").value = "";
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("say").requestSubmit();
});
at("newest").addEventListener("click", (event) => {
  const line = event.target.dataset.say;
  if (line) send("/comment", { text: line });
});
for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => send(`/do/${button.dataset.action}`, {}));
}
for (const button of document.querySelectorAll("[data-text]")) {
  button.addEventListener("click", () => {
    at("text").value = button.dataset.text;
    at("text").focus();
  });
}
// Who one is stays so on the other pull request.
at("who").value = sessionStorage.getItem("who") ?? at("who").value;
at("who").addEventListener("change", () => sessionStorage.setItem("who", at("who").value));
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--form", `${at("say").offsetHeight}px`);
}).observe(at("say"));
look();
