/* Cells side by side: are their images the same, and does what was measured of them differ by more
 * than chance?
 *
 * Images of one index are a pair where both cells have one seed and images of one size: they begin
 * with the same noise (docs/GUIDANCE.md says which noise is whose).  Else all images of a cell are
 * a sample of their own. */
#ifndef GGDM_EVALUATE_COMPARE_H
#define GGDM_EVALUATE_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "evaluate/paired.h"
#include "evaluate/partners.h"

#define GGDM_COMPARE_LEVEL 0.05 /* what is rarer by chance alone counts as more than chance */

/* What one measure says of two cells. */
typedef struct ggdm_compared_measure {
    bool known;                 /* both cells have it, of one scorer; else nothing below holds */
    const ggdm_measured *a, *b; /* of all images of each cell */
    ggdm_difference difference; /* b - a: of accuracies in [0, 1], or of means */
    int64_t n;                  /* pairs it is of; 0: they are no pairs, and it is of all images */
    ggdm_pair_counts right;     /* of classes: of these pairs */
    double p, adjusted;         /* of classes: McNemar's or Fisher's, and by Holm over all pairs of
                                   cells; NAN: nothing is aimed at, or there are no images */
} ggdm_compared_measure;

typedef struct ggdm_compared {
    ggdm_partner who;
    bool same_key;
    bool paired;              /* images of one index are a pair */
    int32_t images;           /* that both cells have, by index */
    int32_t alone_a, alone_b; /* that one of them has */
    int32_t equal;            /* of `images`: their pixels are equal */
    double difference;        /* of `images`: mean absolute difference of pixels, 0 to 255; NAN:
                                 there are none, or of two sizes */
    ggdm_compared_measure *measures; /* [n_measures] */
} ggdm_compared;

typedef struct ggdm_comparison {
    ggdm_arena arena;          /* of all below */
    const ggdm_results *a, *b; /* borrowed */
    ggdm_compared *pairs;      /* [n] of partners.pairs, in their order */
    int32_t n;
    ggdm_measure *measures; /* [n_measures] that a pair of cells shares, as people read them */
    int32_t n_measures;
} ggdm_comparison;

/** Compare cells, image by image.  a, b, which were read (ggdm_results_read), must stay; they may
 * be one table.  *out is owned: ggdm_comparison_deinit, also after an error. Errors: those of the
 * stores, of images that cannot be decoded, naming run, cell and image. */
ggdm_status ggdm_compare(const ggdm_results *a, const ggdm_results *b,
                         const ggdm_partners *partners, ggdm_comparison *out, ggdm_error *err);
void ggdm_comparison_deinit(ggdm_comparison *comparison);

/** Whether a measure differs by more than chance. */
bool ggdm_compared_differs(const ggdm_compared_measure *m);

#endif
