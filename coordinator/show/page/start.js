/* Build the page, section by section, so that its top is there at once. */

const restored = "ggdm-report-place";

/* The section at the top of the window, and by how much it begins below that: what is above may
 * have another height next time. */
const top = () => {
    const begun = [...document.querySelectorAll("main > section:not([hidden])")].filter((s) => s.getBoundingClientRect().top < 100);
    return begun.length ? { section: begun.at(-1).id, below: begun.at(-1).getBoundingClientRect().top } : {};
};

/** Keep, over a reload, where the reader is. */
ggdm.leave = () => {
    ggdm.view.write();
    const place = { ...top(), focus: document.activeElement?.id ?? "" };
    sessionStorage.setItem(restored, JSON.stringify(place));
};

const comeBack = () => {
    const place = JSON.parse(sessionStorage.getItem(restored) ?? "null");
    sessionStorage.removeItem(restored);
    if (!place) return;
    if (place.focus) document.getElementById(place.focus)?.focus({ preventScroll: true });
    const section = document.getElementById(place.section);
    if (section) scrollBy({ top: section.getBoundingClientRect().top - place.below, behavior: "instant" });
};

const contents = () => {
    const nav = document.getElementById("contents");
    const links = [...document.querySelectorAll("main > section:not([hidden]) > h2[id]")].map((h) => {
        const id = h.parentElement.id;
        const go = (event) => {
            event.preventDefault(); // the hash is the view's
            document.getElementById(id).scrollIntoView();
            h.focus({ preventScroll: true });
        };
        return ggdm.h("li", {}, ggdm.h("a", { href: `#${id}`, onclick: go }, h.dataset.short));
    });
    nav.append(ggdm.h("ul", {}, links));
    nav.hidden = links.length < 2;
};

const redrawAll = () => ggdm.panels.filter((p) => p.built).forEach((p) => p.redraw());

/* Another width or other colours: draw again. */
const watchWidth = () => {
    let width = document.getElementById("content").clientWidth;
    let timer = 0;
    new ResizeObserver(() => {
        const now = document.getElementById("content").clientWidth;
        if (now === width) return;
        width = now;
        ggdm.newWidth();
        clearTimeout(timer);
        timer = setTimeout(redrawAll, 120);
    }).observe(document.getElementById("content"));
    ggdm.theme.onchange(redrawAll);
    const paper = (on) => () => {
        ggdm.theme.print(on);
        redrawAll();
        if (on) ggdm.paintImages();
    };
    addEventListener("beforeprint", paper(true));
    addEventListener("afterprint", paper(false));
};

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

ggdm.start = async () => {
    ggdm.read(document.getElementById("report-data").textContent);
    const parts = ["head", "live", "about", "failures", "curves", "heatMap", "tradeoff", "images", "recorder", "cells", "surface", "computed", "machine", "files"];
    for (const part of parts) ggdm[part]();
    contents();
    for (const panel of ggdm.panels) {
        panel.rebuild();
        await nextTurn();
    }
    watchWidth();
    ggdm.enlargeChosen();
    comeBack();
    ggdm.follow();
    document.documentElement.dataset.ready = "yes";
    setTimeout(ggdm.decodeAll, 1000);
    performance.mark("ready");
};

ggdm.start();
