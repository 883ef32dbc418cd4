/* Which rows a reader means: terms as of `ggdm --cell`, separated by commas: c0007, 3-9, kappa>=0.1,
 * target=3; numbers of columns as they are shown, shares in per cent.  A term that is none of these
 * is looked for in the texts of a row. */

const operators = {
    "=": (a, b) => a === b,
    "!=": (a, b) => a !== b,
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
};

const same = (a, b) => a.toLowerCase() === b.toLowerCase();

/* What a row has by this name: a function of the cell, or null. */
const reader = (name) => {
    const { run } = ggdm;
    const axis = run.axes.find((a) => [a.name, a.label, a.path ?? "", a.label.replace("t\u0303", "t~")].some((n) => same(n, name)));
    if (axis) return (k) => (axis.numeric ? axis.values[k.at[axis.index]] : axis.texts[k.at[axis.index]]);
    if (["n", "diverged"].includes(name)) return (k) => k[name];
    const column = run.columns.find((c) => [c.name, c.label, c.title].some((n) => same(n, name)));
    return column ? (k) => (run.value(k, column) === null ? null : run.value(k, column) * column.factor) : null;
};

const condition = (text) => {
    const parts = /^([^<>=!]+?)\s*(<=|>=|!=|<|>|=)\s*(.*)$/.exec(text);
    if (!parts) return null;
    const [, name, op, value] = parts;
    const read = reader(name.trim());
    if (!read) throw new Error(`no axis or column is called “${name.trim()}”`);
    const number = Number(value);
    const wanted = value.replace(/^'(.*)'$/, "$1");
    if (!Number.isFinite(number) && !["=", "!="].includes(op)) throw new Error(`“${value}” is no number`);
    return (k) => {
        const v = read(k);
        if (v === null) return false;
        return typeof v === "number" ? operators[op](v, number) : operators[op](String(v).toLowerCase(), wanted.toLowerCase());
    };
};

/* Terms up to the next comma that is not in quotes. */
const termsOf = (text) => text.match(/(?:'[^']*'|[^,'])+/g)?.map((t) => t.trim()).filter(Boolean) ?? [];

const range = (text) => {
    const parts = /^c?(\d+)(?:\s*-\s*c?(\d+))?$/i.exec(text);
    if (!parts) return null;
    const first = Number(parts[1]);
    const last = Number(parts[2] ?? parts[1]);
    return (k) => Number(k.cell.slice(1)) >= first && Number(k.cell.slice(1)) <= last;
};

const words = (text) => (k) => `${k.cell} ${ggdm.run.says(k)}`.toLowerCase().includes(text.toLowerCase());

/** A function of a cell; throws an Error that says what is not understood. */
ggdm.filter = (text) => {
    const named = [];
    const conditions = [];
    for (const term of termsOf(text)) {
        const cells = range(term);
        if (cells) named.push(cells);
        else conditions.push(condition(term) ?? words(term));
    }
    return (k) => (named.length === 0 || named.some((f) => f(k))) && conditions.every((f) => f(k));
};
