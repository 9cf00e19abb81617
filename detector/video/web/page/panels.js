// What stands beside the picture: what is in view, counts of lines and zones, and the class filter.

const LINGER = 1500; // ms for which a class that has gone keeps its row, so that rows do not jump
const SCORES = 3; // that are written out for one class

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text; // never HTML: names come from the model
  return made;
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function describe(found) {
  const percent = `${Math.round(100 * (found.kind_score ?? found.score))}%`;
  const track = found.track == null ? "" : `#${found.track} `;
  return `${found.kind ? `${found.kind} ` : ""}${track}${percent}`;
}

/** What is in view now, by class; a row that is pressed asks for its class alone. */
export class FoundList {
  constructor(list, total, none, choose) {
    Object.assign(this, { list, total, none, choose });
    this.rows = new Map();
  }

  update(detections, colours, enabled) {
    const now = performance.now();
    const groups = new Map();
    for (const found of detections) {
      groups.set(found.name, [...(groups.get(found.name) ?? []), found]);
    }
    for (const [name, members] of groups) {
      const row = this.rows.get(name) ?? this.add(name, colours[name]);
      row.seen = now;
      row.button.disabled = !enabled;
      row.item.classList.remove("gone");
      setText(row.many, String(members.length));
      const shown = members.slice(0, SCORES).map(describe).join(" · ");
      setText(row.scores, members.length > SCORES ? `${shown} · …` : shown);
    }
    for (const [name, row] of this.rows) {
      if (groups.has(name)) continue;
      row.item.classList.add("gone");
      setText(row.many, "0");
      if (now - row.seen > LINGER && !row.item.contains(document.activeElement)) {
        row.item.remove();
        this.rows.delete(name);
      }
    }
    setText(this.total, String(detections.length));
    this.none.hidden = this.rows.size > 0;
  }

  add(name, colour) {
    const item = document.createElement("li");
    const button = element("button", "");
    button.type = "button";
    button.title = `Show only ${name}`;
    const swatch = element("span", "swatch");
    swatch.style.setProperty("--colour", colour ?? "#888");
    const scores = element("span", "scores");
    const many = element("span", "many");
    button.append(swatch, element("span", "name", name), scores, many);
    button.addEventListener("click", () => this.choose([name]));
    item.append(button);
    const after = [...this.rows.keys()].filter((other) => other > name).sort()[0];
    this.list.insertBefore(item, after === undefined ? null : this.rows.get(after).item);
    const row = { item, button, scores, many, seen: 0 };
    this.rows.set(name, row);
    return row;
  }
}

/** Lines and zones, a row each. */
export function updateCounts(section, body, counts) {
  section.hidden = counts.length === 0;
  while (body.rows.length > counts.length) body.deleteRow(-1);
  counts.forEach((count, index) => {
    const row = body.rows[index] ?? body.insertRow();
    while (row.cells.length < 4) row.insertCell();
    [count.name, count.in, count.out, count.inside ?? "–"].forEach((value, cell) => {
      setText(row.cells[cell], String(value));
    });
  });
}

/** A chip for each class of the model; none pressed means all. */
export class ClassFilter {
  constructor({ chips, search, summary, all, none }, choose) {
    Object.assign(this, { chips, search, summary, all, none, choose });
    this.entries = new Map();
    this.chosen = null;
    this.enabled = false;
    search.addEventListener("input", () => this.find());
    all.addEventListener("click", () => choose(null));
  }

  build(colours) {
    this.entries.clear();
    this.chips.replaceChildren();
    for (const [name, colour] of Object.entries(colours)) {
      const chip = element("button", "");
      chip.type = "button";
      chip.title = name;
      chip.disabled = !this.enabled;
      const swatch = element("span", "swatch");
      swatch.style.setProperty("--colour", colour);
      const many = element("span", "many");
      chip.append(swatch, element("span", "name", name), many);
      chip.addEventListener("click", () => this.toggle(name));
      this.chips.append(chip);
      this.entries.set(name, { chip, many });
    }
    this.find();
  }

  toggle(name) {
    const chosen = new Set(this.chosen ?? []);
    if (!chosen.delete(name)) chosen.add(name);
    this.choose(chosen.size ? [...chosen] : null);
  }

  find() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    let left = 0;
    for (const [name, { chip }] of this.entries) {
      chip.hidden = !name.toLocaleLowerCase().includes(wanted);
      left += chip.hidden ? 0 : 1;
    }
    setText(this.none, left ? "" : "No class of that name.");
  }

  /** Whether anything comes of a choice. */
  enable(enabled) {
    if (this.enabled === enabled) return;
    this.enabled = enabled;
    for (const { chip } of this.entries.values()) chip.disabled = !enabled;
    this.all.disabled = !enabled || this.chosen === null;
  }

  update(counts, chosen) {
    this.chosen = chosen;
    for (const [name, { chip, many }] of this.entries) {
      setText(many, counts[name] ? String(counts[name]) : "");
      const pressed = String(chosen?.includes(name) ?? false);
      if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
    }
    const size = this.entries.size;
    setText(this.summary, chosen ? `${chosen.length} of ${size}` : `all ${size}`);
    this.all.disabled = !this.enabled || chosen === null;
  }
}
