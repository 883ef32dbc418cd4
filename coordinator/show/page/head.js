/* The top of the page: what was run, how far it is, what the words mean, what failed. */

const tile = (label, value, bad) =>
    ggdm.h("div", { class: bad ? "tile bad" : "tile" }, ggdm.h("dt", {}, label), ggdm.h("dd", {}, value));

const of = (done, total) => (done === total ? ggdm.whole(done) : `${ggdm.whole(done)} of ${ggdm.whole(total)}`);

const wantedText = (cells) => {
    const [least, most] = d3.extent(cells, (k) => k.wanted);
    return least === most ? ggdm.whole(least) : `${ggdm.whole(least)} to ${ggdm.whole(most)}`;
};

ggdm.head = () => {
    const { run } = ggdm;
    const { counts } = run.run;
    const chain = run.chain.map((c) => ggdm.h("li", {}, ggdm.h("span", { class: "key" }, c.label), " ", c.value));
    const hours = run.run.core_hours;
    const tiles = [
        tile("cells", ggdm.whole(counts.cells)),
        tile("images a cell (n)", wantedText(run.cells)),
        tile("distinct images", of(counts.images_done, counts.images_total)),
        tile("diverged", ggdm.whole(counts.diverged), counts.diverged > 0),
        counts.units_given_up > 0 && tile("units given up", ggdm.whole(counts.units_given_up), true),
        tile("time", ggdm.duration(run.run.wall_seconds)),
        hours !== null && hours !== undefined && tile("core-hours", hours < 10 ? String(Number(hours.toPrecision(2))) : ggdm.whole(Math.round(hours))),
    ];
    document.getElementById("head").append(
        ggdm.h("ul", { class: "chain", "aria-label": "What was run" }, chain),
        run.run.notes ? ggdm.h("p", { class: "intro" }, run.run.notes) : "",
        ggdm.h("dl", { class: "tiles" }, tiles.filter(Boolean)));
};

/* ---- while it runs --------------------------------------------------------------------------- */

const PAUSED = "paused";
const paused = () => ggdm.view.get(PAUSED) === "yes";

ggdm.live = () => {
    const { live } = ggdm.run;
    const section = document.getElementById("live");
    if (!live) return;
    const percent = (100 * (live.fraction ?? 0)).toFixed(1);
    const eta = live.eta_seconds === null || live.eta_seconds === undefined ? "" : `, about ${ggdm.duration(live.eta_seconds)} left`;
    const pause = ggdm.h("button", {
        type: "button",
        id: "pause",
        "aria-pressed": String(paused()),
        onclick: () => {
            ggdm.view.set(PAUSED, paused() ? null : "yes");
            pause.setAttribute("aria-pressed", String(paused()));
        },
    }, "Pause updates");
    section.append(
        ggdm.h("h2", { id: "live-title" }, "The run goes on"),
        ggdm.h("progress", { max: 100, value: Number(percent), "aria-labelledby": "live-state" }),
        ggdm.h("p", { id: "live-state", role: "status" }, `${percent}\u202f% of the images are done${eta}. This page loads itself again every ${ggdm.duration(live.every)} and keeps what you have chosen.`),
        pause);
    section.hidden = false;
};

/** Load the page again after a while, once it is built. */
ggdm.follow = () => {
    const { live } = ggdm.run;
    if (!live) return;
    setInterval(() => {
        if (paused() || document.hidden) return;
        ggdm.leave();
        location.reload();
    }, live.every * 1000);
};

/* ---- words ----------------------------------------------------------------------------------- */

const word = (name, ...text) => [ggdm.h("dt", {}, name), ggdm.h("dd", {}, text)];

const classifier = (c) => c.title ?? c.name;

const chanceText = (judge) =>
    judge.chance ? [`A judge that guesses is right in ${(100 * judge.chance).toFixed(1)}\u202f% of the images (dotted line in charts). `] : [];

/* Only what this run has. */
const words = () => {
    const { run } = ggdm;
    const { strength, duration } = run;
    return [
        strength && word(strength.title,
            "how hard guidance pulls in each step. ", ggdm.h("b", {}, strength.says(strength.off)), " is the model on its own, without guidance: the dashed line in charts."),
        duration && word(duration.title,
            "how many steps, from the beginning of the chain (noise), are guided; the others are the model's own."),
        run.guide && word("guide", `${classifier(run.guide)}: whose gradient guides. It may be fooled by its own gradient, so that its opinion of the images is no proof.`),
        run.judge && word("judge", `${classifier(run.judge)}: another network, which never guides and only looks at the finished images. Its numbers are those to trust.`),
        (run.judge || run.guide) && word("right", "an image that is taken for what its cell aims at. Shares are of all images of a cell: those that diverged (became infinite, or left the range of images by far) count as wrong. ", ...(run.judge ? chanceText(run.judge) : []), `Bands and small numbers are intervals (${run.interval ?? "95\u202f%"}).`),
        word("cell", "one combination of the values that were varied; n is the number of its images."),
    ].filter(Boolean);
};

ggdm.about = () => {
    const section = document.getElementById("about");
    section.setAttribute("aria-labelledby", "about-title");
    section.append(ggdm.heading("about", "How to read this"), ggdm.h("dl", { class: "words" }, words()));
    section.hidden = false;
};

/* ---- failures -------------------------------------------------------------------------------- */

ggdm.failures = () => {
    const { failures, failures_total: total } = ggdm.run.run;
    if (!failures?.length) return;
    const section = document.getElementById("failures");
    const rows = failures.map((f) => [String(f.unit), f.state, (f.cells ?? []).join(", "), f.error ?? "–"]);
    const rest = total > failures.length ? ` The first ${failures.length} of ${ggdm.whole(total)}.` : "";
    section.setAttribute("aria-labelledby", "failures-title");
    section.append(
        ggdm.heading("failures", "Failures"),
        ggdm.h("p", { class: "intro" }, `Units of work that ended with an error; their images are missing.${rest} `, ggdm.h("code", {}, "ggdm retry . --failed"), " puts them back."),
        ggdm.table("Units that failed", ["unit", "state", "cells", "error"], rows));
    section.hidden = false;
};
