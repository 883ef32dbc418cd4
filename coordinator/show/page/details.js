/* What else is known: what was computed, the machine, files. */

const open = (id, title, ...content) => {
    const section = document.getElementById(id);
    section.setAttribute("aria-labelledby", `${id}-title`);
    section.append(ggdm.heading(id, title), ...content.flat().filter(Boolean));
    section.hidden = false;
};

const pre = (label, text) => ggdm.h("pre", { tabindex: 0, role: "region", "aria-label": label }, text);

const fold = (title, ...content) => ggdm.h("details", { class: "fold" }, ggdm.h("summary", {}, title), content);

const digestText = (digest) => (digest ? ggdm.h("code", { class: "digest" }, digest) : "–");

/* ---- what was computed ------------------------------------------------------------------------- */

const constants = () => {
    const list = ggdm.run.constants ?? [];
    return list.length ? ggdm.table("Parameters that all cells have in common", ["parameter", "value"], list.map((c) => [c.path, String(c.value)])) : null;
};

const recipes = () => {
    const { run } = ggdm;
    if (!run.recipes?.length) return null;
    const cellsOf = d3.group(run.cells, (k) => k.trajectory);
    const names = (id) => (cellsOf.get(id) ?? []).map((k) => k.cell);
    const title = (r) => `${ggdm.short(names(r.trajectory).join(", "), 60)}${names(r.trajectory)[0] ? `: ${ggdm.short(run.says(cellsOf.get(r.trajectory)[0]), 80)}` : ""}`;
    const options = run.recipes.map((r) => ({ value: String(r.trajectory), text: title(r) }));
    const place = ggdm.h("div");
    const show = () => {
        const id = document.getElementById("recipe")?.value ?? pick.value;
        place.replaceChildren(pre("Recipe", run.recipes.find((r) => String(r.trajectory) === id).text));
    };
    const pick = ggdm.choice("recipe", "Cells that share it", options, options[0].value, show);
    show();
    return fold(`Recipes (${run.recipes.length})`,
        ggdm.h("p", { class: "intro" }, "What is computed, as a text; the key of a cell is made of it, and cells of equal recipes share their images."),
        ggdm.h("div", { class: "controls" }, pick.node), place);
};

const models = () =>
    ggdm.run.models.map((m) =>
        fold(`Model ${m.name}`,
            ggdm.h("p", {}, "SHA-256 ", digestText(m.digest)),
            m.card ? pre(`Card of the model ${m.name}`, m.card) : ggdm.h("p", {}, "It has no card.")));

const sweeps = () =>
    ggdm.run.sweeps.map((s) => fold(`Sweep ${s.name}`, ggdm.h("p", {}, "SHA-256 ", digestText(s.digest)), pre(`Sweep ${s.name}`, s.text)));

const again = () => {
    const lines = ggdm.run.run.reproduce ?? [];
    return lines.length
        ? [ggdm.h("h3", {}, "Again"), ggdm.h("p", { class: "intro" }, "The same bits come out on any number of workers, on the same instruction set and precision."), pre("Commands that do it again", lines.join("\n"))]
        : [];
};

ggdm.computed = () => open("computed", "What was computed", again(), constants(), sweeps(), recipes(), models());

/* ---- machine and time --------------------------------------------------------------------------- */

const timeText = (seconds) => (seconds === null || seconds === undefined ? "–" : new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " "));

const hoursText = (hours) => (hours === null || hours === undefined ? "not known" : String(Number(hours.toPrecision(3))));

const sessions = () => {
    const list = ggdm.run.run.sessions ?? [];
    return list.length
        ? ggdm.table("Sessions: a line for each start of a coordinator; times are UTC, of the first and the last event", ["session", "from", "to", "units done", "failed attempts", "given back"],
            list.map((s) => [String(s.session), timeText(s.first), timeText(s.last), ggdm.whole(s.done), ggdm.whole(s.failed), ggdm.whole(s.requeued)]))
        : null;
};

ggdm.machine = () => {
    const { run } = ggdm.run;
    const rows = [
        ["precision", run.precision], ["instruction set", run.isa], ["processor, where it began", run.processor], ["library", run.library], ["ggdm", run.version],
        ["started, UTC", timeText(run.started)],
        ["time of all sessions", ggdm.duration(run.wall_seconds)],
        ["hours of workers", hoursText(run.worker_hours)],
        ["core-hours", hoursText(run.core_hours)],
        ["units done", `${ggdm.whole(run.counts.units_done)} of ${ggdm.whole(run.counts.units_total)}`],
    ];
    open("machine", "Machine and cost", ggdm.table("On what, and how long", ["what", "value"], rows.map(([k, v]) => [k, v ?? "–"])), sessions());
};

/* ---- files ---------------------------------------------------------------------------------------- */

const FEW = 60;

ggdm.files = () => {
    const list = ggdm.run.files ?? [];
    if (!list.length) return;
    const item = (f) => ggdm.h("li", {}, ggdm.h("a", { href: encodeURI(f) }, f));
    const top = list.filter((f) => !f.startsWith("archive/"));
    const archives = list.filter((f) => f.startsWith("archive/"));
    const fill = (details) => details.open && !details.querySelector("ul") && details.append(ggdm.h("ul", { class: "files" }, archives.map(item)));
    const many = archives.length > FEW;
    const fold = many && ggdm.h("details", { class: "fold", ontoggle: (e) => fill(e.target) }, ggdm.h("summary", {}, `Archives of cells (${ggdm.whole(archives.length)} files)`));
    open("files", "Files beside this page", ggdm.h("ul", { class: "files" }, (many ? top : list).map(item)), fold);
};
