/* Filters, deep links into closed entries, and three keys; the page says the same without any of it. */
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const form = document.querySelector(".filters");
  const findings = all(".finding");

  const open = (target) => {
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
  };

  const follow = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    open(target);
    if (target.hidden) { form.reset(); filter(); }
    target.scrollIntoView();
  };

  const filter = () => {
    const chosen = new Set(all("[name=severity]:checked", form).map((box) => box.value));
    const value = (name) => form.elements[name] ? form.elements[name].value : "";
    const words = value("search").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const finding of findings) {
      const data = finding.dataset;
      const text = words.length ? finding.textContent.toLowerCase() : "";
      finding.hidden = !(
        chosen.has(data.severity) &&
        (!value("stage") || data.stage === value("stage")) &&
        (!value("rule") || data.rule === value("rule")) &&
        words.every((word) => text.includes(word))
      );
      shown += finding.hidden ? 0 : 1;
    }
    form.querySelector(".shown").textContent =
      shown === findings.length ? "" : `${shown} of ${findings.length} findings are shown.`;
  };

  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  for (const tools of all(".tools")) {
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const { whole } = event.target.dataset;
      if (whole) event.target.setAttribute("aria-pressed", document.querySelector(whole).classList.toggle("whole"));
      const where = event.target.dataset.open || event.target.dataset.close;
      if (where) for (const entry of all(`${where} details`)) entry.open = Boolean(event.target.dataset.open);
    });
  }

  let current = -1;
  const step = (by) => {
    const visible = findings.filter((finding) => !finding.hidden);
    if (!visible.length) return;
    current = Math.min(Math.max(current + by, 0), visible.length - 1);
    visible[current].focus({ preventScroll: true });
    visible[current].scrollIntoView({ block: "start" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/" && form) { form.elements.search.focus(); event.preventDefault(); }
    if (event.key === "n") step(1);
    if (event.key === "p") step(-1);
  });

  const links = new Map(all(".toc a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(entry.target.id);
      if (link) link.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) watch.observe(section);
  }

  window.addEventListener("hashchange", follow);
  follow();
})();
