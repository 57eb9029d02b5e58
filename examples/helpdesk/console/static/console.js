// Keeps what is on the screen fresh. Without it every page works the same, and shows what was when it was loaded.
"use strict";

const pause = 2000; // milliseconds between two looks

// Parts of a page that may be replaced carry data-live and an id. One that holds the focus is left alone, so that
// nobody's button or selection vanishes under their hands.
function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || part.innerHTML === next.innerHTML) continue;
    if (part.contains(document.activeElement) && part !== document.activeElement) continue;
    const atEnd = part.scrollHeight - part.scrollTop - part.clientHeight < 40;
    localise(next);
    part.replaceChildren(...next.childNodes);
    if (atEnd) toEnd(part);
  }
}

function toEnd(part) {
  if (part.hasAttribute("data-bottom")) part.scrollTop = part.scrollHeight;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload(); // signed out
    if (!answer.ok) return;
    swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The desk is away; the next look tells.
  }
}

// localise writes times in the zone and the manner of whoever looks.
function localise(root) {
  const today = new Date().toDateString();
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    t.title = at.toLocaleString();
    const clock = { hour: "2-digit", minute: "2-digit" };
    t.textContent = at.toDateString() === today
      ? at.toLocaleTimeString([], clock)
      : at.toLocaleString([], { day: "numeric", month: "short", ...clock });
  }
}

// Fields that depend on a switch are shown while it stands right.
function dependants() {
  for (const field of document.querySelectorAll("[data-when]")) {
    const off = field.dataset.when.startsWith("!");
    const box = field.closest("form").elements[field.dataset.when.replace("!", "")];
    const show = () => { field.hidden = box.checked === off; };
    if (box) { box.addEventListener("change", show); show(); }
  }
}

// Ctrl+Enter sends a reply, as in most desks.
document.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || e.target.tagName !== "TEXTAREA") return;
  const form = e.target.form;
  form.requestSubmit(form.querySelector("button.primary") ?? undefined);
});

document.documentElement.classList.add("scripted");
localise(document);
dependants();
document.querySelectorAll("[data-bottom]").forEach(toEnd);
// A page that answers a form is not at an address of its own, so looking again would show something else.
if (document.querySelector("[data-live]") && !document.querySelector("[role=alert]")) setInterval(refresh, pause);
