"""Style, script and icons of the page at the portal's root; all of it inside the page."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f3f5f8; --card: #fff; --text: #1d2733; --dim: #66717e; --line: #dfe4ea; --soft: #f3f6f9;
  --accent: #1f6fb8; --glow: #fff3c4; --same: #d9ecff; --good: #1d7a46; --bad: #b3382c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181d; --card: #1e242b; --text: #e4e9ef; --dim: #98a3af; --line: #333c46; --soft: #272f38;
    --accent: #72b4ef; --glow: #4a421c; --same: #1f4263; --good: #5fc78d; --bad: #f0897d;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3rem; }
body { background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif; margin: 0; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
svg { fill: none; height: 1em; stroke: currentColor; stroke-linecap: round; stroke-linejoin: round;
  stroke-width: 2; width: 1em; }
svg.sprite { height: 0; position: absolute; width: 0; }
header { background: var(--card); border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap;
  gap: 0 1rem; padding: .6rem 1rem; }
.bar { align-items: baseline; display: flex; flex: 1; flex-wrap: wrap; gap: 0 1rem; }
h1 { font-size: 1.1rem; margin: 0; }
.dim { color: var(--dim); font-size: .82rem; }
.bar .address { overflow-wrap: anywhere; }
#live { align-items: center; display: none; gap: .35rem; }
#live.on, #live.off { display: flex; }
#live::before { background: var(--good); border-radius: 50%; content: ""; height: .55rem; width: .55rem; }
#live.off::before { background: var(--bad); }
details { flex-basis: 100%; margin-top: .1rem; }
summary { color: var(--dim); cursor: pointer; font-size: .82rem; }
#calls ol { font: 12px/1.5 ui-monospace, monospace; list-style: none; margin: .4rem 0 0; max-height: 40vh;
  overflow: auto; padding: 0; }
#calls li { display: flex; flex-wrap: wrap; gap: 0 .8rem; padding-bottom: .2rem; }
#calls code { color: var(--dim); flex-basis: 100%; font: inherit; overflow-wrap: anywhere;
  padding-left: 1.5rem; }
.bad { color: var(--bad); }
#board { display: grid; gap: .75rem; padding: 0 .75rem .75rem; }
section { min-width: 0; }
h2 { align-items: center; font-size: .95rem; margin: 0; }
section > h2 { background: linear-gradient(var(--kind), var(--kind)) 0 1rem / 100% 3px no-repeat var(--page);
  display: flex; gap: .5rem; justify-content: space-between; padding: 1.6rem .1rem .5rem; position: sticky;
  top: -1rem; z-index: 1; }
.deal { --kind: #2f7de1; } .lead { --kind: #0f9f8f; } .contact { --kind: #8a5cd6; }
.company { --kind: #d98a1c; } .other { --kind: #c2577f; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 0 0 .6rem;
  overflow: hidden; padding: .6rem .75rem; }
article:target, article.here { border-color: var(--accent); box-shadow: 0 0 0 2px var(--accent); }
article.gone { border-style: dashed; }
h3 { font-size: .95rem; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
.facts { align-items: center; display: flex; flex-wrap: wrap; gap: .1rem .6rem; margin-top: .2rem; }
.stage { background: var(--card); border: 1px solid currentColor; border-radius: 1rem; cursor: pointer;
  font: inherit; font-size: .75rem; line-height: 1.35; max-width: 100%; padding: 0 .3rem; }
.fields { margin-top: .2rem; }
.fields dl { display: grid; font-size: .78rem; gap: .1rem .6rem; grid-template-columns: auto 1fr;
  margin: .3rem 0 0; }
.fields dt { color: var(--dim); }
.fields dt, .fields dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.stage.S { color: var(--good); } .stage.F { color: var(--bad); } .stage.P { color: var(--accent); }
ol.timeline { list-style: none; margin: .6rem 0 0; padding: 0; }
ol.timeline > li { border-left: 2px solid var(--line); margin-left: .6rem; padding: 0 0 .5rem 1rem;
  position: relative; }
ol.timeline > li:last-child { padding-bottom: 0; }
.icon { align-items: center; background: var(--soft); border: 2px solid var(--line); border-radius: 50%;
  color: var(--dim); display: flex; font-size: .75rem; height: 1.5rem; justify-content: center;
  left: calc(-.75rem - 1px); position: absolute; top: 0; width: 1.5rem; }
.entry { background: var(--soft); border-radius: .45rem; padding: .4rem .6rem; transition: background .2s; }
.top { align-items: baseline; display: flex; flex-wrap: wrap; font-size: .82rem; gap: 0 .6rem;
  justify-content: space-between; }
.top b { font-weight: 600; }
.entry p { margin: .1rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.same .entry { background: var(--same); }
.new .entry { animation: arrive 6s ease-out; }
@keyframes arrive { from, 40% { background: var(--glow); } }
.also { align-items: baseline; display: flex; flex-wrap: wrap; gap: .2rem .3rem; margin-top: .3rem; }
.also a { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; font-size: .78rem;
  max-width: 100%; overflow: hidden; padding: 0 .5rem; text-overflow: ellipsis; white-space: nowrap; }
.also a::before { background: var(--kind); border-radius: 50%; content: ""; display: inline-block;
  height: .5rem; margin-right: .35rem; width: .5rem; }
.top time { font-size: .78rem; white-space: nowrap; }
.empty { border: 1px dashed var(--line); border-radius: .6rem; margin: 1rem; padding: 2rem 1rem;
  text-align: center; }
@media (min-width: 62rem) {
  body { display: flex; flex-direction: column; height: 100vh; }
  main { flex: 1; min-height: 0; overflow: auto; scroll-padding-top: 3rem; }
  #board { grid-auto-columns: minmax(16.5rem, 1fr); grid-auto-flow: column; }
}
@media (prefers-reduced-motion: reduce) { .new .entry { animation: none; background: var(--glow); } }
"""

# Asks every second whether there is something new, which costs the portal nothing if there is not.
SCRIPT = """
(() => {
  const live = document.getElementById("live");
  const GLOW = 6000;
  const arrived = new Map();
  const shown = {};
  let version = document.documentElement.dataset.version;

  const entries = () => [...document.querySelectorAll("li[data-entry]")];
  const place = (entry) => entry.dataset.entry + "@" + entry.closest("article").id;

  function mark() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (const card of document.querySelectorAll("article.here")) card.classList.remove("here");
    if (target) target.classList.add("here");
  }

  // An entry that has just arrived glows for some seconds, however often the page changes meanwhile.
  function glow(known) {
    const now = performance.now();
    for (const entry of entries()) {
      const key = place(entry);
      if (!known.has(key)) arrived.set(key, now);
      const age = now - (arrived.get(key) ?? -GLOW);
      entry.classList.toggle("new", age < GLOW);
      if (age < GLOW) entry.querySelector(".entry").style.animationDelay = `-${age}ms`;
    }
  }

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const known = new Set(entries().map(place));
    const open = [...document.querySelectorAll("details[open]")].map((part) => part.id);
    const scrolled = document.querySelector("#calls ol").scrollTop;
    for (const name of ["bar", "calls", "board"]) {
      const part = fresh.getElementById(name);
      if (shown[name] === part.outerHTML) continue;
      shown[name] = part.outerHTML;
      document.getElementById(name).replaceWith(part);
    }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    document.querySelector("#calls ol").scrollTop = scrolled;
    glow(known);
    mark();
  }

  // A stage is chosen in a list that a new page would close.
  const choosing = () => document.activeElement?.matches("select.stage");

  async function look() {
    try {
      if (choosing()) return;
      const page = location.pathname + location.search;
      const answer = await fetch(page, { headers: { "If-None-Match": version }, cache: "no-store" });
      if (answer.status === 200) {
        version = answer.headers.get("ETag");
        show(await answer.text());
      }
      live.className = "dim on";
      live.textContent = "live";
    } catch {
      live.className = "dim off";
      live.textContent = "not reachable";
    } finally {
      setTimeout(look, document.hidden ? 5000 : 1000);
    }
  }

  async function move(event) {
    const stage = event.target.closest?.("select.stage");
    if (!stage) return;
    const [, kind, number] = stage.closest("article").id.match(/^(.*)-(\\d+)$/);
    const body = JSON.stringify({ name: "set_stage", args: [kind, Number(number), stage.value] });
    stage.blur();
    const headers = { "Content-Type": "application/json" };
    const done = await fetch("/_portal/do", { method: "POST", headers, body }).catch(() => null);
    if (!done?.ok) version = shown.board = ""; // shows the stage that the item still has
  }

  function same(event, on) {
    const entry = event.target.closest?.("li[data-entry]");
    if (!entry) return;
    for (const other of entries()) {
      if (other.dataset.entry === entry.dataset.entry) other.classList.toggle("same", on);
    }
  }

  document.addEventListener("mouseover", (event) => same(event, true));
  document.addEventListener("mouseout", (event) => same(event, false));
  document.addEventListener("change", move);
  addEventListener("hashchange", mark);
  mark();
  setTimeout(look, 1000);
})();
"""

_PATHS = {
    "comment": "M4 5h16v11H10l-5 4v-4H4z",
    "log": "M12 11v6M12 7h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "call": "M5 4h4l2 5-3 2a12 12 0 0 0 5 5l2-3 5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z",
    "todo": "M4 12l5 5L20 6",
    "email": "M3 6h18v12H3zM3 7l9 7 9-7",
    "meeting": "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
    "other": "M12 7v5l3 3M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
}
SPRITE = (
    '<svg class="sprite" aria-hidden="true">'
    + "".join(
        f'<symbol id="i-{name}" viewBox="0 0 24 24"><path d="{path}"/></symbol>'
        for name, path in _PATHS.items()
    )
    + "</svg>"
)


def icon(name: str) -> str:
    """Return an icon; an unknown one is a clock."""
    known = name if name in _PATHS else "other"
    return f'<span class="icon" aria-hidden="true"><svg><use href="#i-{known}"/></svg></span>'


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Nothing that anyone wrote into the CRM can run, or load anything, even if it got past the escaping.
POLICY = (
    f"default-src 'none'; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
