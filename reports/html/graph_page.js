/* Search, filter by kind, and following data with the keyboard; the pictures and the table say the same without it. */
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const form = document.querySelector(".filters");
  if (!form) return;
  const { next, groups, stages } = JSON.parse(document.getElementById("following").textContent);
  const previous = next.map(() => []);
  next.forEach((targets, from) => { for (const to of targets) previous[to].push(from); });

  const rows = all("tr[data-n]");
  const nodes = all(".pipeline [data-n]");
  const edges = all(".pipeline [data-ends]").map((path) => [path, path.dataset.ends.split(" ")]);
  const drawn = new Map();
  for (const node of nodes) {
    const link = node.closest("a");
    const entry = link || node;
    if (!link) node.setAttribute("tabindex", "-1");
    const known = drawn.get(node.dataset.n) || [];
    known.push(entry);
    drawn.set(node.dataset.n, known);
  }
  const members = (mark) => mark[0] === "g" ? groups[Number(mark.slice(1))] : [Number(mark)];
  const name = (number) => rows[number] ? rows[number].querySelector("b").textContent : "";
  const say = (words) => { form.querySelector(".shown").textContent = words; };
  const counted = (number) => `${number} stage${number === 1 ? "" : "s"}`;

  const reached = (start, neighbours) => {
    const seen = new Set();
    const waiting = [...start];
    while (waiting.length) {
      for (const other of neighbours[waiting.pop()]) {
        if (!seen.has(other)) { seen.add(other); waiting.push(other); }
      }
    }
    return seen;
  };

  /* What a search, a filter or a question leaves */
  let shown = (number) => true;
  const filter = () => {
    const kinds = new Set(all("[name=kind]:checked", form).map((box) => box.value));
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = rows.map((row) => {
      const text = words.length ? row.textContent.toLowerCase() : "";
      return kinds.has(row.dataset.kind) && words.every((word) => text.includes(word));
    });
    shown = (number) => number >= stages || matches[number];
    rows.forEach((row, number) => { row.hidden = !matches[number]; });
    const off = (mark) => !members(mark).some(shown);
    for (const node of nodes) node.classList.toggle("off", off(node.dataset.n));
    for (const [path, ends] of edges) path.classList.toggle("off", ends.some(off));
    const count = matches.filter(Boolean).length;
    say(count === stages ? "" : `${count} of ${counted(stages)} ${count === 1 ? "is" : "are"} shown.`);
  };

  const ask = (wanted) => {
    for (const picture of all(".pipeline:not(.sign)")) picture.classList.toggle("asked", Boolean(wanted));
    const on = (mark) => Boolean(wanted) && members(mark).some((number) => wanted.has(number));
    for (const node of nodes) node.classList.toggle("on", on(node.dataset.n));
    for (const [path, ends] of edges) path.classList.toggle("on", ends.every(on));
  };

  const question = (mark, neighbours, direction) => {
    const start = members(mark);
    const found = reached(start, neighbours);
    ask(new Set([...start, ...found]));
    const others = [...found].filter((number) => number < stages && !start.includes(number)).length;
    const who = mark[0] === "g" ? "This group" : name(start[0]) || "This artifact";
    say(`${who}: ${counted(others)} ${direction}.`);
  };

  /* Going from stage to stage */
  const show = (entry) => {
    for (let node = entry; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    entry.focus({ preventScroll: true });
    entry.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const place = (mark, near) => {
    const entries = drawn.get(mark) || [];
    const picture = near && near.closest("svg");
    return entries.find((entry) => entry.closest("svg") === picture) || entries[0];
  };

  /* The nearest that are drawn: artifacts may stand between two stages, or not. */
  const neighboursOf = (mark, neighbours, near) => {
    const own = new Set(members(mark));
    const found = new Map();
    const seen = new Set(own);
    let waiting = [...own];
    const inOverview = mark[0] === "g" && near.closest("#overview");
    while (waiting.length) {
      const further = [];
      for (const from of waiting) {
        for (const to of neighbours[from]) {
          if (seen.has(to)) continue;
          seen.add(to);
          const group = inOverview ? `g${groups.findIndex((one) => one.includes(to))}` : String(to);
          const entry = group !== mark && place(group, near);
          if (entry) found.set(group, entry); else further.push(to);
        }
      }
      waiting = further;
    }
    return [...found.values()];
  };

  let choices = [];
  const markOf = (entry) => (entry.dataset.n ? entry : entry.querySelector("[data-n]")).dataset.n;
  const follow = (entry, neighbours) => {
    const found = neighboursOf(markOf(entry), neighbours, entry);
    if (!found.length) return;
    choices = found;
    show(found[0]);
  };
  const choose = (entry, by) => {
    const list = choices.includes(entry) ? choices : all("a", entry.closest("svg"));
    const at = list.indexOf(entry);
    if (at >= 0) show(list[(at + by + list.length) % list.length]);
  };

  const keys = {
    ArrowRight: (entry) => follow(entry, next),
    ArrowLeft: (entry) => follow(entry, previous),
    ArrowDown: (entry) => choose(entry, 1),
    ArrowUp: (entry) => choose(entry, -1),
    d: (entry) => question(markOf(entry), next, "downstream"),
    u: (entry) => question(markOf(entry), previous, "upstream"),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { form.elements.search.value = ""; ask(null); filter(); return; }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    if (event.key === "/") { form.elements.search.focus(); event.preventDefault(); return; }
    const entry = event.target.closest(".drawing a, .drawing [data-n]");
    if (entry && keys[event.key]) { keys[event.key](entry); event.preventDefault(); }
  });

  /* Links into what is folded, for browsers that do not open it themselves */
  const open = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    for (let node = id && document.getElementById(id); node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      if (node.tagName === "TR" && node.hidden) { form.reset(); filter(); }
    }
    const target = id && document.getElementById(id);
    if (!target) return;
    if (target.closest(".pipeline")) {
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: "center", inline: "center" });
    } else {
      (target.closest("details") || target).scrollIntoView();
    }
  };

  let scale = 1;
  const zoom = (by) => {
    scale = by ? Math.min(Math.max(scale * (by > 0 ? 1.25 : 0.8), 0.1), 4) : 0;
    for (const picture of all(".drawing > .pipeline")) {
      const width = picture.viewBox.baseVal.width;
      picture.setAttribute("width", scale ? width * scale : Math.min(width, picture.parentElement.clientWidth || width));
    }
    scale = scale || 1;
  };

  for (const entry of all("[hidden]", form)) entry.hidden = false;
  document.querySelector(".keys").hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = rows.findIndex((row) => !row.hidden);
    const entry = first >= 0 && place(String(first), null);
    if (entry) show(entry);
  });
  form.addEventListener("click", (event) => {
    const { zoom: by, fold } = event.target.dataset;
    if (by) zoom(Number(by));
    if (fold) for (const part of all(".part")) part.open = fold === "open";
  });
  window.addEventListener("hashchange", open);
  if (location.hash) open();
})();
