/* All cells as a table that can be sorted, filtered and taken along. */

const PAGE = 100; // rows that are shown before one asks for more
const FEW = 6; // columns that are shown before one asks for more

const share = (v) => (v === null ? "" : `--share-width: ${(100 * v).toFixed(1)}%`);

/* Columns of the table: {key, title, value(cell) to sort by, text(cell), bounds(cell), style(cell)} */
const fixedColumns = () => {
    const { run } = ggdm;
    return [
        { key: "cell", title: "cell", value: (k) => k.cell, text: (k) => k.cell },
        ...run.axes.map((a) => ({
            key: `axis.${a.name}`,
            title: a.label,
            hint: a.title,
            words: !a.numeric,
            value: (k) => (a.numeric ? a.values[k.at[a.index]] : a.texts[k.at[a.index]]),
            text: (k) => a.texts[k.at[a.index]],
        })),
        { key: "n", title: "n", hint: "images", value: (k) => k.n, text: (k) => (k.complete ? ggdm.whole(k.n) : `${ggdm.whole(k.n)} of ${ggdm.whole(k.wanted)}`), bad: (k) => !k.complete },
        { key: "diverged", title: "diverged", value: (k) => k.diverged, text: (k) => ggdm.whole(k.diverged), bad: (k) => k.diverged > 0 },
    ];
};

const numberColumn = (c) => ({
    key: c.name,
    title: c.title,
    hint: c.note ?? c.name,
    value: (k) => ggdm.run.value(k, c),
    text: (k) => c.plain(ggdm.run.value(k, c)),
    bounds: (k) => {
        const [, lo, hi] = k.columns[c.name] ?? [];
        return lo === null || lo === undefined ? null : `${c.plain(lo)}${lo < 0 ? " to " : "–"}${c.plain(hi)}`;
    },
    note: (k) => k.columns[c.name]?.[4] ?? null,
    bar: c.kind === "share" ? (k) => share(ggdm.run.value(k, c)) : null,
});

/* ---- CSV ------------------------------------------------------------------------------------- */

const quoted = (v) => {
    const text = v === null || v === undefined ? "" : String(v);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** The rows as CSV, with the names and numbers of summary.csv: shares from 0 to 1. */
ggdm.csv = (cells) => {
    const { run } = ggdm;
    const ranged = run.columns.map((c) => cells.some((k) => (k.columns[c.name]?.[1] ?? null) !== null));
    const heads = ["cell", ...run.axes.map((a) => a.name), "n", "complete", "diverged",
        ...run.columns.flatMap((c, i) => (ranged[i] ? [c.name, `${c.name}_lo`, `${c.name}_hi`] : [c.name]))];
    const line = (k) => [k.cell, ...run.axes.map((a) => a.values[k.at[a.index]]), k.n, Number(k.complete), k.diverged,
        ...run.columns.flatMap((c, i) => {
            const [value, lo, hi] = k.columns[c.name] ?? [];
            return ranged[i] ? [value, lo, hi] : [value];
        })];
    return [heads, ...cells.map(line)].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
};

const save = (cells) => {
    const url = URL.createObjectURL(new Blob([ggdm.csv(cells)], { type: "text/csv" }));
    ggdm.h("a", { href: url, download: `${ggdm.run.run.name || "cells"}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    ggdm.announce(`${ggdm.count(cells.length, "row")} saved`);
};

/* ---- the table ------------------------------------------------------------------------------- */

/* Numbers before texts, and nothing behind both, whichever way. */
const compare = (column, descending) => (a, b) => {
    const [p, q] = [column.value(a), column.value(b)];
    if (p === null || q === null) return (p === null) - (q === null);
    const order = typeof p === "string" ? p.localeCompare(q, "en", { numeric: true }) : p - q;
    return descending ? -order : order;
};

const sortKey = () => {
    const [key, way] = (ggdm.view.get("cells.sort") ?? "cell").split(":");
    return { key, descending: way === "down" };
};

const headOf = (column, sorted, resort) => {
    const active = sorted.key === column.key;
    return ggdm.h(
        "th",
        { scope: "col", class: column.words ? "words" : null, "aria-sort": active ? (sorted.descending ? "descending" : "ascending") : null },
        ggdm.h("button", { type: "button", id: `sort-${column.key}`, title: column.hint ?? null, onclick: () => resort(column.key) },
            column.title, ggdm.h("span", { class: "way", "aria-hidden": "true" }, active ? (sorted.descending ? " ↓" : " ↑") : " ↕")));
};

const cellOf = (column, k, first) => {
    if (first) {
        const there = ggdm.run.sprites && ggdm.imagesOf(k) > 0;
        const name = there ? ggdm.h("button", { type: "button", class: "link", "aria-label": `${k.cell}, show its images`, onclick: () => ggdm.enlarge(k, 0) }, k.cell) : k.cell;
        return ggdm.h("th", { scope: "row" }, name);
    }
    const classes = [column.words && "words", column.bad?.(k) && "bad", column.bar && "share"].filter(Boolean).join(" ");
    const bounds = column.bounds?.(k);
    const note = column.note?.(k);
    return ggdm.h("td", { class: classes || null, style: column.bar?.(k) || null, title: note },
        column.text(k), note && "\u00a0*", bounds && ggdm.h("span", { class: "bounds" }, bounds));
};

/* A condition on the first axis, as the filter takes it. */
const example = (run) => {
    const [axis] = run.axes;
    if (!axis) return run.cells[0]?.cell ?? "";
    const text = axis.texts.at(-1);
    return `${axis.name}=${text.includes(",") ? `'${text}'` : text}`;
};

ggdm.cells = () => {
    const { run } = ggdm;
    const fixed = fixedColumns();
    const usual = new Set(run.columns.slice(0, FEW).map((c) => c.name));
    let rows = [];
    let shown = PAGE;
    const field = ggdm.h("input", {
        id: "cells.filter",
        type: "search",
        value: ggdm.view.get("cells.filter") ?? "",
        placeholder: example(run),
        autocomplete: "off",
        spellcheck: "false",
        "aria-describedby": "cells-help cells-state",
        oninput: () => {
            ggdm.view.set("cells.filter", field.value || null);
            panel.redraw();
        },
    });
    const state = ggdm.h("p", { id: "cells-state", role: "status" });
    const help = ggdm.h("p", { id: "cells-help", class: "intro" },
        "Terms with commas between them: a cell (7), a range (3-9), a condition on an axis or a column by its name (",
        ggdm.h("code", {}, `${run.main?.kind === "share" ? `${run.main.name}>=50` : "n>10"}`), "; shares in %), or a text to look for.");

    const chosen = () => {
        const stored = ggdm.view.get("cells.columns");
        return stored === null ? usual : new Set(stored.split(" "));
    };
    const chooser = () => {
        const set = chosen();
        const box = (c) => {
            const input = ggdm.h("input", { type: "checkbox", id: `column-${c.name}`, checked: set.has(c.name), onchange: () => {
                if (input.checked) set.add(c.name);
                else set.delete(c.name);
                ggdm.view.set("cells.columns", [...set].join(" "));
                panel.redraw();
            } });
            return ggdm.h("div", { class: "tick" }, input, ggdm.h("label", { for: input.id }, c.title));
        };
        return ggdm.h("details", { class: "chooser" },
            ggdm.h("summary", {}, `Columns (${run.columns.length})`),
            ggdm.h("div", { class: "boxes" }, run.columns.map(box)));
    };
    const controls = () => [
        ggdm.h("div", { class: "control wide" }, ggdm.h("label", { for: "cells.filter" }, "Show only"), field),
        ggdm.h("button", { type: "button", id: "cells-save", onclick: () => save(rows) }, "Save as CSV"),
        run.columns.length > FEW ? chooser() : null,
        help,
        state,
    ];
    const resort = (key) => {
        const now = sortKey();
        const down = now.key === key ? !now.descending : false;
        ggdm.view.set("cells.sort", `${key}${down ? ":down" : ""}`);
        panel.redraw();
        document.getElementById(`sort-${key}`)?.focus();
        ggdm.announce(`sorted by ${key.replace("axis.", "")}, ${down ? "descending" : "ascending"}`);
    };
    const filtered = () => {
        try {
            const list = run.cells.filter(ggdm.filter(field.value));
            field.removeAttribute("aria-invalid");
            state.textContent = `${ggdm.whole(list.length)} of ${ggdm.count(run.cells.length, "cell")}`;
            return list;
        } catch (error) {
            field.setAttribute("aria-invalid", "true");
            state.textContent = `Not understood: ${error.message}.`;
            return run.cells;
        }
    };
    const draw = () => {
        const set = chosen();
        const columns = [...fixed, ...run.columns.filter((c) => set.has(c.name)).map(numberColumn)];
        const sorted = sortKey();
        const by = columns.find((c) => c.key === sorted.key) ?? fixed[0];
        rows = filtered().slice().sort(compare(by, sorted.descending));
        const few = rows.slice(0, shown);
        const table = ggdm.h("table", { class: "cells" },
            ggdm.h("caption", { id: "cells-caption" }, `Cells of the sweep; small: intervals (of shares ${run.interval ?? "95\u202f%"})`),
            ggdm.h("thead", {}, ggdm.h("tr", {}, columns.map((c) => headOf(c, { ...sorted, key: by.key }, resort)))),
            ggdm.h("tbody", {}, few.map((k) => ggdm.h("tr", {}, columns.map((c, i) => cellOf(c, k, i === 0))))));
        const more = rows.length > few.length && ggdm.h("button", { type: "button", class: "more", onclick: () => {
            shown = Infinity;
            panel.redraw();
        } }, `Show all ${ggdm.whole(rows.length)} rows`);
        return [ggdm.scroll("cells-caption", table), more];
    };
    const panel = ggdm.panel("cells", "All cells", null, controls, draw);
};
