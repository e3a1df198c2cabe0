"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const $ = (id) => document.getElementById(id);
  const bodies = [...table.tBodies];
  const controls = { q: $("q"), verdict: $("verdict"), ns: $("ns"), kind: $("kind"), hand: $("hand") };
  // Rows beyond these are shown when one comes near them.
  const STEP = 200;
  let most = STEP;
  const { texts, workloads } = JSON.parse($("details").textContent);
  const text = (body, column) => body.rows[0].querySelector(column).textContent;
  const rows = bodies.map((body, index) => ({
    body,
    index,
    order: Number(body.dataset.order),
    verdict: body.dataset.verdict,
    ns: body.dataset.ns || "(none)",
    kind: body.dataset.kind,
    hand: body.dataset.hand === "1",
    cells: {},
    words: "",
  }));
  // Read only once they are sorted by.
  const cell = (row, column) => (row.cells[column] ??= text(row.body, column).toLowerCase());
  // What is the same for many workloads (advice, the sidecar's lines) is not searched.
  const words = (row) => {
    if (!row.words) {
      const { message, ways, risks = [], notices = [], rule = 0 } = workloads[row.index];
      const own = [message, ...ways.flat(), ...risks.flatMap((risk) => risk.slice(1, 4)), ...notices, rule];
      row.words = `${row.body.textContent} ${own.map((id) => texts[id]).join(" ")}`.toLowerCase();
    }
    return row.words;
  };

  const element = (tag, name, ...children) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...children);
    return made;
  };
  const list = (name, items) => element("ul", name, ...items);
  const way = ([verdict, how, target, place, pointer, container, mount]) => {
    const reach = element("span", "");
    if (container) reach.append(element("b", "", texts[container]), " ");
    reach.append(element("span", "how", texts[how]), " ", element("code", "", texts[target]));
    if (mount) reach.append(" at ", element("code", "", texts[mount]));
    const where = element("span", "");
    if (place) where.append(element("span", "file", texts[place]), " ");
    where.append(element("span", "pointer", texts[pointer]));
    return element("li", "", element("span", `badge b-${texts[verdict]}`, texts[verdict]), reach, where);
  };
  const risk = ([weight, container, title, seen, help]) =>
    element("li", `w-${texts[weight]}`, element("b", "", texts[container]), `: ${texts[title]} (`,
      element("code", "", texts[seen]), "). ", element("span", "help", texts[help]));
  const CLASSES = { "+": "a", "-": "r", "@": "h" };
  const diff = (runs) => {
    const lines = runs.split(" ").flatMap((run) => {
      const [first, last = first] = run.split("-").map(Number);
      return texts.slice(first, last + 1);
    });
    const count = (sign) => lines.filter((line) => line[0] === sign).length;
    const summary = element("summary", "", "Before and after ", element("span", "plus", `+${count("+")}`), " ",
      element("span", "minus", `−${count("-")}`));
    const pre = element("pre", "", ...lines.map((line) => element("span", CLASSES[line[0]] || "s", `${line}\n`)));
    pre.tabIndex = 0;
    pre.setAttribute("aria-label", "The Pod before and after");
    return element("details", "diff", summary, pre);
  };
  const render = (body, index) => {
    const inside = body.querySelector(".inside");
    if (inside.firstChild) return;
    const one = workloads[index];
    inside.append(element("p", "why", element("strong", "", `${texts[one.verdict]}.`), ` ${texts[one.message]}`));
    if (one.hand) {
      const [name, advice] = one.hand;
      inside.append(element("p", "advice", element("strong", "", texts[name]), ` ${texts[advice]}`));
    }
    inside.append(element("h3", "", "Ways to the node's runtime"), list("ways", one.ways.map(way)));
    if (one.risks) {
      inside.append(element("h3", "", "Works differently with a daemon of its own"), list("risks", one.risks.map(risk)));
    }
    if (one.notices) {
      const items = one.notices.map((id) => element("li", "", texts[id]));
      inside.append(element("h3", "", "Shown to the author"), list("", items));
    }
    if (one.rule) inside.append(element("p", "rule", "Decided by rule ", element("code", "", texts[one.rule])));
    if (one.diff) inside.append(diff(one.diff));
  };

  const fold = (body, isOpen) => {
    if (isOpen) render(body, Number(body.rows[1].id.slice(1)));
    body.querySelector(".open").setAttribute("aria-expanded", String(isOpen));
    body.rows[1].hidden = !isOpen;
    body.classList.toggle("is-open", isOpen);
  };
  bodies.forEach((body) => fold(body, false));
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr.row");
    if (!row || String(getSelection())) return;
    const button = row.querySelector(".open");
    fold(row.parentElement, button.getAttribute("aria-expanded") === "false");
  });

  const apply = () => {
    const wanted = controls.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const match =
        (!controls.verdict.value || row.verdict === controls.verdict.value) &&
        (!controls.ns.value || row.ns === controls.ns.value) &&
        (!controls.kind.value || row.kind === controls.kind.value) &&
        (!controls.hand.checked || row.hand) &&
        wanted.every((word) => words(row).includes(word));
      row.body.hidden = !match || shown >= most;
      shown += match ? 1 : 0;
    }
    const all = rows.length;
    $("shown").textContent = shown === all ? `${all} shown` : `${shown} of ${all} shown`;
    $("more").hidden = shown <= most;
    $("none").hidden = shown > 0;
    table.hidden = shown === 0;
    const filtered = controls.q.value || controls.verdict.value || controls.ns.value ||
      controls.kind.value || controls.hand.checked;
    $("reset").disabled = !filtered;
    for (const button of document.querySelectorAll("[data-facet]")) {
      const facet = button.dataset.facet;
      const value = button.dataset.value || "(none)";
      const on = facet === "hand" ? controls.hand.checked : controls[facet].value === value;
      button.setAttribute("aria-pressed", String(on));
    }
  };
  // The filters are in the address, so that a view can be passed on and opened again.
  const keep = () => {
    const parameters = new URLSearchParams();
    for (const [name, control] of Object.entries(controls)) {
      const value = control.type === "checkbox" ? (control.checked ? "1" : "") : control.value;
      if (value) parameters.set(name, value);
    }
    const query = parameters.toString();
    history.replaceState(null, "", query ? `#${query}` : location.pathname + location.search);
  };
  const restore = () => {
    const parameters = new URLSearchParams(location.hash.slice(1));
    for (const [name, control] of Object.entries(controls)) {
      const value = parameters.get(name) || "";
      if (control.type === "checkbox") control.checked = value === "1";
      else control.value = value;
      // A choice that this report does not have.
      if (control.value !== value && control.type !== "checkbox") control.value = "";
    }
  };
  const filter = () => {
    most = STEP;
    apply();
    keep();
  };
  for (const control of Object.values(controls)) control.addEventListener("input", filter);
  addEventListener("hashchange", () => {
    // A link to a part of the page is no filter.
    if (document.getElementById(location.hash.slice(1))) return;
    restore();
    most = STEP;
    apply();
  });
  $("reset").addEventListener("click", () => {
    controls.q.value = controls.verdict.value = controls.ns.value = controls.kind.value = "";
    controls.hand.checked = false;
    filter();
    controls.q.focus();
  });
  for (const button of document.querySelectorAll("[data-facet]")) {
    button.addEventListener("click", () => {
      const facet = button.dataset.facet;
      const value = button.dataset.value || "(none)";
      if (facet === "hand") controls.hand.checked = !controls.hand.checked;
      else controls[facet].value = controls[facet].value === value ? "" : value;
      filter();
      $("workloads").scrollIntoView();
    });
  }

  const look = $("look");
  if (look) {
    look.hidden = false;
    look.addEventListener("click", () => {
      $("reset").click();
      controls.q.value = look.dataset.search;
      filter();
      $("workloads").scrollIntoView();
    });
  }

  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const keys = {
    order: (a, b) => a.order - b.order,
    name: (a, b) => compare(cell(a, ".name"), cell(b, ".name")),
    ns: (a, b) => compare(a.ns, b.ns),
    reach: (a, b) => compare(cell(a, ".c-reach"), cell(b, ".c-reach")),
    hand: (a, b) => Number(b.hand) - Number(a.hand) || compare(cell(a, ".c-hand"), cell(b, ".c-hand")),
    where: (a, b) => compare(cell(a, ".c-where"), cell(b, ".c-where")),
  };
  const sort = (head, descending) => {
    const by = keys[head.dataset.key];
    const sign = descending ? -1 : 1;
    rows.sort((a, b) => sign * by(a, b) || a.index - b.index);
    table.append(...rows.map((row) => row.body));
    most = STEP;
    apply();
    for (const other of table.tHead.rows[0].cells) {
      if (other === head) other.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else other.removeAttribute("aria-sort");
    }
  };
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      sort(head, head.getAttribute("aria-sort") === "ascending");
    });
  }

  const more = () => {
    most += STEP;
    apply();
  };
  $("more").addEventListener("click", more);
  const near = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    more();
    // It may still be near, and is told of only when that changes.
    near.unobserve($("more"));
    near.observe($("more"));
  }, { rootMargin: "600px" });
  near.observe($("more"));
  addEventListener("beforeprint", () => {
    most = Infinity;
    apply();
    bodies.filter((body) => !body.hidden).forEach((body) => fold(body, true));
  });
  $("filters").hidden = false;
  document.documentElement.classList.add("js");
  restore();
  apply();
})();
