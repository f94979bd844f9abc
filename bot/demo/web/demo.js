// The page of the demo: sends what is typed and pressed, and shows what the server has made ready.
"use strict";

const LOOK = 400; // milliseconds between two looks for news
const at = (id) => document.getElementById(id);
const shown = new Map(); // by the id of an entry: its HTML and its element
let seen = "";

function who() {
  return document.querySelector("input[name=who]:checked").value;
}

async function send(path, body) {
  at("problem").textContent = "";
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
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

function showEntries(entries) {
  const kept = new Set(entries.map((entry) => entry.id));
  for (const [id, old] of shown) {
    if (!kept.has(id)) {
      old.element.remove();
      shown.delete(id);
    }
  }
  for (const { id, html } of entries) {
    const old = shown.get(id);
    if (old && old.html === html) continue;
    const fresh = element(html);
    fresh.classList.add("new");
    if (old) {
      openFolds(old.element, fresh);
      old.element.replaceWith(fresh);
    } else {
      at("thread").append(fresh);
    }
    shown.set(id, { html, element: fresh });
  }
  at("empty").hidden = entries.length > 0;
}

function show(news) {
  seen = news.version;
  showEntries(news.entries);
  at("head").textContent = news.head;
  at("runs").innerHTML = news.runs;
  at("calls").innerHTML = news.calls;
  for (const [deed, armed] of Object.entries(news.armed)) {
    document.querySelector(`[data-deed=${deed}]`).setAttribute("aria-pressed", String(armed));
  }
}

async function look() {
  try {
    const answer = await fetch(`/news?seen=${seen}`);
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
  if (await send("/comment", { who: who(), text: at("text").value })) at("text").value = "";
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("say").requestSubmit();
});
for (const button of document.querySelectorAll("[data-deed]")) {
  button.addEventListener("click", () => send(`/do/${button.dataset.deed}`, { who: who() }));
}
for (const button of document.querySelectorAll("[data-text]")) {
  button.addEventListener("click", () => {
    at("text").value = button.dataset.text;
    at("text").focus();
  });
}
look();
