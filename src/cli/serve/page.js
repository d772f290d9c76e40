"use strict";
// Everything that comes in is set as text: nothing of it can become a part of the page.

const at = (id) => document.getElementById(id);
const made = (name, text, className) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const fill = (id, nodes) => at(id).replaceChildren(...nodes);
const show = (id, shown) => { at(id).hidden = !shown; };
const list = (id, items, none) =>
  fill(id, items.length ? items.map((item) => made("li", item)) : [made("li", none, "quiet")]);

const command = (text) => {
  const line = made("div", undefined, "command");
  const button = made("button", "Copy");
  button.setAttribute("aria-label", `Copy the command ${text}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it by hand";
    }
  });
  line.append(made("code", text), button);
  return line;
};

const question = (asked) => {
  const box = made("div", undefined, "question");
  box.append(made("h3", asked.step), made("p", asked.text), made("p", `takes an answer of ${asked.whose}`, "quiet"));
  box.append(...asked.commands.map(command));
  return box;
};

const pairs = (rows) => rows.filter(([, value]) => value).flatMap(([name, value]) => [made("dt", name), made("dd", value)]);

const colour = { done: "good", failed: "bad", waiting: "open", unknown: "open", "cut off": "open" };

const table = (radius) => {
  const frame = made("div", undefined, "scroll");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", `who touched ${radius.secret || "the secret"}`);
  const grid = made("table");
  const callers = radius.unknown_callers;
  grid.append(made("caption", `${radius.secret}: ${callers} unrecognised caller${callers === 1 ? "" : "s"} from ${radius.since} to ${radius.until}`));
  const head = made("tr");
  for (const name of ["who", "", "address", "did", "version", "status", "times", "first", "last"]) {
    const cell = made("th", name || "known");
    cell.scope = "col";
    head.append(cell);
  }
  const body = radius.accesses.map((access) => {
    const row = made("tr");
    const cells = [access.who, access.unknown ? "unknown" : access.kind, access.ip, access.operation, access.version,
      access.status, String(access.count), access.first, access.last];
    cells.forEach((text, index) => row.append(made("td", text, index === 1 && access.unknown ? "bad" : "")));
    return row;
  });
  const [top, rest] = [made("thead"), made("tbody")];
  top.append(head);
  rest.append(...body);
  grid.append(top, rest);
  frame.append(grid);
  return frame;
};

const radius = (one) => {
  if (!one.known) return [made("p", `${one.secret || "the secret"}: who read it is not known: ${one.because}`, "open")];
  const nodes = one.accesses.length ? [table(one)] : [made("p", `${one.secret}: no access in what could be read`)];
  if (one.second_order.length) {
    nodes.push(made("p", "Lateral access: what else the unrecognised callers did"));
    const items = made("ul");
    items.append(...one.second_order.map((other) =>
      made("li", `${other.who}: ${other.vault ? `${other.vault}/` : ""}${other.secret}, ${other.operation}, ${other.count} time${other.count === 1 ? "" : "s"}`)));
    nodes.push(items);
  }
  return nodes;
};

const draw = (room) => {
  show("alarm", Boolean(room.trouble));
  if (room.trouble) {
    // What was known before stays on the page.
    at("alarm").textContent = `As of ${room.read_at} the run cannot be read; what follows is older.\n${room.trouble}`;
    return;
  }
  const report = room.report;
  document.title = `${report.verdict.headline}: ${report.run.id}`;
  show("drill", report.run.drill);
  at("headline").textContent = report.verdict.headline;
  at("leaked").textContent = room.leaked_value ? room.leaked_value.text : "";
  at("leaked").className = `leaked ${{ yes: "bad", no: "good" }[room.leaked_value?.works] ?? "open"}`;
  at("worker").textContent = room.worker ? `at work: ${room.worker}`
    : room.nobody_since ? `nobody works on it: its process is gone or waits for nobody; the last record is of ${room.nobody_since}`
      : `${room.status}; nobody works on it any more`;
  at("worker").className = room.nobody_since ? "open" : "";
  show("asked-section", room.asked.length > 0);
  fill("asked", room.asked.map(question));
  show("next-section", room.next.length > 0);
  fill("next", room.next.map(command));
  fill("leak", pairs([
    ["secret", report.secret], ["found at", report.found_at],
    ["run", `${report.run.id} (${report.run.runbook}), ${room.status}`],
    ["begun", `${report.run.began} by ${report.run.begun_by} on ${report.run.host}`],
    ["taken over", report.run.taken_over ? `${report.run.taken_over} times` : ""],
    ["exposed", report.exposure.from ? `${report.exposure.from} to ${report.exposure.to}` : ""],
  ]));
  show("open-section", report.verdict.open.length > 0);
  list("open", report.verdict.open, "nothing");
  fill("steps", room.steps.map((step) => {
    const row = made("li");
    const took = step.took === "0 s" ? "" : step.took;
    row.append(made("span", step.id), made("span", step.status, colour[step.status] ?? "quiet"),
      made("span", [step.fact, took].filter(Boolean).join("; ")));
    return row;
  }));
  fill("radius", report.blast_radii.flatMap(radius));
  fill("left", report.follow_ups.length ? report.follow_ups.map((task) => {
    const item = made("li", task.what);
    if (task.command) item.append(command(task.command));
    return item;
  }) : [made("li", "nothing that this run knows of yet", "quiet")]);
  list("unseen", report.unseen, "nothing is said to be missing");
  fill("timeline", report.timeline.toReversed().map((moment) => {
    const row = made("li");
    row.append(made("span", moment.at, "quiet"), made("span", moment.step), made("span", moment.what));
    return row;
  }));
  at("proof").textContent = `${report.evidence.records} records, head ${report.evidence.head}`;
};

// The server gives a sign of life every five seconds: what is older is not called live.
let heard = 0;
const fresh = () => {
  const silence = Math.round((Date.now() - heard) / 1000);
  const live = heard > 0 && silence <= 12;
  at("fresh").textContent = live ? "live" : heard > 0
    ? `NOT live: stanch serve has said nothing for ${silence} s; what stands here is older` : "connecting";
  at("fresh").className = live ? "quiet" : "open";
};
const events = new EventSource("events");
events.addEventListener("message", (event) => {
  heard = Date.now();
  draw(JSON.parse(event.data));
  fresh();
});
events.addEventListener("life", () => { heard = Date.now(); fresh(); });
setInterval(fresh, 1000);
