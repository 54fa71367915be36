// A plain page over the public API: log in, pick a machine, watch it, start and stop it.
const byId = (id) => document.getElementById(id);
const writes = { "X-Requested-With": "sunsweep" };
const rows = [
  ["Status", (s) => s.status?.status ?? "–"],
  ["Presence", (s) => s.presence ?? "–"],
  ["Battery", (s) => figure(s.telemetry?.battery, "V", 2)],
  ["Panel", (s) => `${figure(s.telemetry?.solar_v, "V", 1)}  ${figure(s.telemetry?.solar_a, "A", 2)}`],
  ["Tank", (s) => figure(s.telemetry?.water, "%", 0)],
  ["This run", (s) => `${figure(s.status?.energy, "Wh", 1)}  ${figure(s.status?.water, "l", 1)}  ${figure(s.status?.area, "m²", 1)}`],
];
let socket = null;
let state = {};


function figure(value, unit, digits) {
  return typeof value === "number" ? `${value.toFixed(digits)} ${unit}` : `– ${unit}`;
}

// Each renewal is good once: the tabs of a browser take turns, and whoever comes second finds the new cookie.
async function inTurn(work) {
  return navigator.locks ? navigator.locks.request("sunsweep-renew", work) : work();
}

async function call(path, options = {}) {
  let answer = await fetch(`/api/v1${path}`, options);
  if (answer.status === 401 && !path.startsWith("/auth/")) {
    await inTurn(async () => {
      answer = await fetch(`/api/v1${path}`, options);
      if (answer.status !== 401) return;
      const renewed = await fetch("/api/v1/auth/refresh", { method: "POST", headers: writes });
      if (renewed.ok) answer = await fetch(`/api/v1${path}`, options);
    });
  }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(body?.detail ?? answer.statusText);
  return body;
}

function show() {
  byId("values").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    const cell = document.createElement("td");
    head.textContent = name;
    cell.textContent = value(state);
    row.append(head, cell);
    return row;
  }));
}

function take(frame) {
  if (frame.type === "snapshot") state = frame.data;
  if (frame.type === "telemetry") state.telemetry = frame.data;
  if (frame.type === "status") state.status = { ...state.status, ...frame.data };
  if (frame.type === "presence") state.presence = frame.data.presence;
  const line = `${frame.ts.slice(11, 19)}  ${frame.type}  ${JSON.stringify(frame.data)}\n`;
  byId("frames").textContent = (line + byId("frames").textContent).slice(0, 8000);
  show();
}

function watch(machine) {
  socket?.close();
  const mine = socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/realtime/${machine}`);
  byId("frames").textContent = "";
  mine.onopen = () => { byId("link").textContent = "live"; };
  mine.onmessage = (event) => take(JSON.parse(event.data));
  mine.onclose = (event) => {
    if (mine !== socket) return;
    if (event.code === 4401) { again(machine); return; }
    byId("link").textContent = "connection lost, trying again";
    setTimeout(() => mine === socket && watch(machine), 500 + 1500 * Math.random());
  };
}

// The login may only have to be renewed.
async function again(machine) {
  try {
    await call("/me");
    setTimeout(() => watch(machine), 500);
  } catch {
    byId("main").hidden = true;
    byId("login").hidden = false;
  }
}

async function command(name, params) {
  byId("error").textContent = "";
  try {
    await call(`/machines/${byId("machine").value}/commands`, {
      method: "POST",
      headers: { ...writes, "Content-Type": "application/json" },
      body: JSON.stringify({ command: name, params }),
    });
  } catch (error) { byId("error").textContent = error.message; }
}

async function enter() {
  const me = await call("/me");
  const query = me.company_id === null ? "?company_id=1" : "";
  const page = await call(`/machines${query}`);
  byId("machine").replaceChildren(...page.items.map((machine) => new Option(`${machine.machine_id}  ${machine.name}`, machine.machine_id)));
  byId("login").hidden = true;
  byId("main").hidden = false;
  if (page.items.length) watch(byId("machine").value);
}

byId("login").onsubmit = async (event) => {
  event.preventDefault();
  byId("error").textContent = "";
  try {
    await call("/auth/session", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
    await enter();
  } catch (error) { byId("error").textContent = error.message; }
};
byId("machine").onchange = () => watch(byId("machine").value);
byId("start").onclick = () => command("start_cleaning", { speed: 5, mode: "auto" });
byId("stop").onclick = () => command("stop_cleaning", {});
enter().catch(() => {});
