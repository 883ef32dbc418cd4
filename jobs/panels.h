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
} ggdm_panel_judge;

/* What is collected while cells are expanded. */
typedef struct ggdm_panels {
    const ggdm_spec *spec;
    ggdm_arena *arena;    /* of what lasts */
    ggdm_intern *scorers; /* texts */
    ggdm_output *outputs; /* [scorers->n], owned */
    size_t outputs_cap;
    ggdm_intern texts;  /* of panels, to tell them apart */
    ggdm_panel *panels; /* [texts.n], owned; the entries are the arena's */
    size_t panels_cap;
    ggdm_panel_judge *judges; /* [n_judges], the arena's */
    int32_t n_judges;
} ggdm_panels;

/** Ready to collect; the texts of scorers go into *scorers.  Owned: ggdm_panels_deinit. */
ggdm_status ggdm_panels_begin(ggdm_panels *p, const ggdm_spec *spec, ggdm_arena *arena,
                              ggdm_intern *scorers, ggdm_error *err);
/** Digests in place of the names of judge i. */
ggdm_status ggdm_panels_resolve(ggdm_panels *p, int32_t i, const ggdm_resolver *resolver,
                                ggdm_error *err);
/** The panel of a cell whose values stand in stage. */
ggdm_status ggdm_panels_add(ggdm_panels *p, ggdm_arena *scratch, const ggdm_item *stage,
                            int32_t *out, ggdm_error *err);
void ggdm_panels_deinit(ggdm_panels *p);

#endif
