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
    if (!answer.ok) throw new Error(answer.status);
    const drawing = document.createElement("div");
    const spec = await answer.json();
    // letters stay as large on a phone and on a wall screen: the chart is drawn as wide as its place
    if (typeof spec.width === "number") spec.width = Math.max(300, Math.min(place.clientWidth, 1400));
    // its own stylesheets would stand in the page, where the policy lets none be: what it needs is in portal.css
    const without = { defaultStyle: false, tooltip: { disableDefaultStyle: true } };
    await embed(drawing, spec, { ast: true, actions: false, renderer: "svg", ...without });
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", place.dataset.says);
    // one picture with a name: no mark of it, and some are empty, is read out by itself; a table has the numbers
    drawing.querySelector("svg").setAttribute("aria-hidden", "true");
    place.replaceChildren(drawing);
  } catch {
    const image = new Image(); // as the server draws it
    image.src = place.dataset.picture;
    image.alt = place.dataset.says;
    if (!place.querySelector("svg")) place.replaceChildren(image);
  }
}

function drawWhenSeen(root) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "50%" });
  for (const place of root.querySelectorAll(".drawing[data-spec]")) seen.observe(place);
}

// Brings a part of the page to what the server says now, and touches nothing else: whoever reads, has opened or scrolled
// something, or goes by the keyboard stays where they are. `was` is the part as the server wrote it the last time.
function bring(now, was, fresh) {
  if (was.isEqualNode(fresh)) return;
  if (now.matches("form") && (now.dataset.touched || now.contains(document.activeElement))) return; // half filled in
  if (now.matches(".drawing")) {
    now.dataset.says = fresh.dataset.says;
    return;
  }
  const together = now.tagName === fresh.tagName && now.children.length === fresh.children.length;
  const words = [...fresh.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
  if (!together || words || !fresh.children.length) {
    replace(now, document.importNode(fresh, true));
    return;
  }
  for (const { name } of [...now.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "open") now.setAttribute(name, value);
  [...now.children].forEach((one, place) => bring(one, was.children[place] ?? one, fresh.children[place]));
  const drawn = now.matches("figure.chart") ? now.querySelector(".drawing:has(svg)") : null;
  if (drawn) draw(drawn);
}

function replace(now, fresh) {
  if (now.querySelector("form[data-touched]")) return; // likewise
  const at = now.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  now.replaceWith(fresh);
  if (at) [...fresh.querySelectorAll("a")].find((one) => one.getAttribute("href") === at)?.focus();
  drawWhenSeen(fresh);
}

function follow(place) {
  let waiting = false, again = false, lost = false, last = new Date();
  let was = document.querySelector("main > div").cloneNode(true);
  const words = () => document.querySelector("main .live").dataset;
  const say = (state, said) => {
    const line = document.querySelector("main .live");
    line.className = `live ${state}`;
    if (line.textContent !== said) line.textContent = said;
  };
  const follows = () => {
    last = new Date();
    lost = false;
    say("now", words().said);
  };
  const stale = () => {
    lost = true;
    say("stale", `${words().stale} ${last.toLocaleTimeString(document.documentElement.lang)}`);
  };
  const load = async () => {
    if (waiting) { again = true; return; }
    waiting = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.status); // the log-in has run out, say
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main > div");
      bring(document.querySelector("main > div"), was, fresh);
      was = fresh;
      follows();
      soon();
    } catch {
      stale();
    }
    waiting = false;
    if (again) { again = false; setTimeout(load, 1000); }
  };
  // numbers that were worked out a while ago: newer ones are under way, with or without any news
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    if ("old" in was.dataset) timer = setTimeout(load, 5000);
  };
  soon();
  const source = new EventSource(place);
  source.addEventListener("open", () => (lost ? load() : follows())); // what came in while it was lost
  source.addEventListener("news", load);
  source.addEventListener("error", stale);
}

document.addEventListener("input", (event) => {
  if (event.target.form) event.target.form.dataset.touched = "yes";
});
const live = document.querySelector("[data-live]");
if (live) follow(live.dataset.live);
drawWhenSeen(document);
