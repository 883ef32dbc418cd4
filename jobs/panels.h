/* Which scorers a cell wants: those that measure the nodes of its guidance, the sweep's judges, and
 * those of every sample. */
#ifndef GGDM_JOBS_PANELS_H
#define GGDM_JOBS_PANELS_H

#include "common/intern.h"
#include "jobs/resolver.h"
#include "jobs/spec.h"

/* A scorer in a panel. */
typedef struct ggdm_panel_entry {
    const char *name; /* in results: "guide", "judge", "smooth", "saturation" */
    int32_t scorer;   /* index into ggdm_cells.scorers */
} ggdm_panel_entry;

/* The scorers that a cell wants, in the order of its columns. */
typedef struct ggdm_panel {
    int32_t n;
    ggdm_panel_entry *entries;
} ggdm_panel;

typedef struct ggdm_scorer_text {
    const char *text; /* canonical */
    ggdm_output output;
} ggdm_scorer_text;

typedef struct ggdm_panel_judge {
    ggdm_item *item;   /* resolved */
    const char *model; /* that knows classes, by name; NULL */
    int32_t classes;   /* that it knows; 0: none */
    bool fits, ever;   /* it takes the samples of the cell that was added last; of any so far */
} ggdm_panel_judge;

/* What is collected while cells are expanded. */
typedef struct ggdm_panels {
    const ggdm_spec *spec;
    const ggdm_resolver *resolver; /* NULL */
    ggdm_arena *arena;             /* of what lasts */
    ggdm_intern *scorers;          /* texts */
    ggdm_intern *notes;            /* lines: which scorer is missing where */
    ggdm_output *outputs;          /* [scorers->n], owned */
    size_t outputs_cap;
    ggdm_intern texts;  /* of panels, to tell them apart */
    ggdm_panel *panels; /* [texts.n], owned; the entries are the arena's */
    size_t panels_cap;
    ggdm_panel_judge *judges; /* [n_judges], the arena's */
    int32_t n_judges;
    ggdm_intern pairs; /* models with scorers that were asked whether they fit ... */
    bool *fits;        /* [pairs.n] ... and what came of it; owned */
    size_t fits_cap;
} ggdm_panels;

/** Ready to collect, with digests in place of the names of judges; the texts of scorers go into
 *  *scorers, lines for the user into *notes.  resolver may be NULL.  Owned: ggdm_panels_deinit. */
ggdm_status ggdm_panels_begin(ggdm_panels *p, const ggdm_spec *spec, const ggdm_resolver *resolver,
                              ggdm_arena *arena, ggdm_intern *scorers, ggdm_intern *notes,
                              ggdm_error *err);
/** The panel of the cell at a place, whose values stand in the spec's stage: without the scorers
 *  that do not take its samples, of which there is a note.  *aim: what the cell aims at as its
 *  classifiers count (jobs/aims.h); -1: nothing, or nobody knows. */
ggdm_status ggdm_panels_add(ggdm_panels *p, ggdm_arena *scratch, int32_t place, int32_t *out,
                            int32_t *aim, ggdm_error *err);
/** After the last cell, whose values stand there still: is there a cell for every judge?
 *  Errors: GGDM_ESHAPE with the judge's position. */
ggdm_status ggdm_panels_check(const ggdm_panels *p, ggdm_error *err);
void ggdm_panels_deinit(ggdm_panels *p);

#endif
