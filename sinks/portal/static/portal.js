// What makes pages better where scripts run: charts to point at, and numbers that follow what comes in.
"use strict";

let vega = null;

function loadVega() {
  vega ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/static/vega.js";
    script.onload = () => done(window.vegaEmbed);
    script.onerror = failed;
    document.head.append(script);
  });
  return vega;
}

async function draw(place) {
  try {
    const [embed, answer] = await Promise.all([loadVega(), fetch(place.dataset.spec)]);
    if (!answer.ok) return;
    const drawing = document.createElement("div");
    const spec = await answer.json();
    // letters stay as large on a phone and on a wall screen: the chart is drawn as wide as its place
    if (typeof spec.width === "number") spec.width = Math.max(300, Math.min(place.clientWidth, 1400));
    await embed(drawing, spec, { ast: true, actions: false, renderer: "svg" });
    const image = place.querySelector("img");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", image ? image.alt : "");
    place.replaceChildren(drawing);
  } catch {
    // the picture that the server drew stays
  }
}

function drawWhenSeen(root) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  });
  for (const place of root.querySelectorAll(".drawing[data-spec]")) seen.observe(place);
}

function follow(place) {
  let waiting = false, again = false, lost = false, last = new Date();
  const say = (state, words) => {
    const line = document.querySelector("main .live");
    if (!line) return;
    line.className = `live ${state}`;
    if (line.textContent !== words) line.textContent = words;
  };
  const words = () => document.querySelector("main .live").dataset;
  const load = async () => {
    if (waiting) { again = true; return; }
    const active = document.activeElement;
    if (active && active.closest("main form")) return; // nobody's half-filled form is taken away
    waiting = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main > div");
      const old = document.querySelector("main > div");
      const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.id).filter(Boolean));
      for (const one of fresh.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = true;
      for (const one of old.querySelectorAll(".drawing[data-spec]")) {
        const next = fresh.querySelector(`.drawing[data-spec="${CSS.escape(one.dataset.spec)}"]`);
        if (next && one.firstElementChild && one.firstElementChild.tagName !== "IMG") draw(next);
      }
      old.replaceWith(fresh);
      drawWhenSeen(fresh);
      last = new Date();
      lost = false;
      say("now", words().said);
    } catch {
      stale();
    }
    waiting = false;
    if (again) { again = false; setTimeout(load, 1000); }
  };
  const stale = () => {
    lost = true;
    say("stale", `${words().stale} ${last.toLocaleTimeString(document.documentElement.lang)}`);
  };
  const source = new EventSource(place);
  source.addEventListener("open", () => {
    if (lost) load(); // what came in meanwhile
    else { last = new Date(); say("now", words().said); }
  });
  source.addEventListener("news", load);
  source.addEventListener("error", stale);
}

drawWhenSeen(document);
const live = document.querySelector("[data-live]");
if (live) follow(live.dataset.live);
