/* What images are compared with: the features of a data set, or what a file says of them. */
#ifndef GGDM_EVALUATE_REFERENCE_H
#define GGDM_EVALUATE_REFERENCE_H

#include "evaluate/frechet.h"

typedef struct ggdm_kept ggdm_kept;

typedef struct ggdm_reference {
    ggdm_world *world; /* borrowed */
    char *name;     /* for results: "mnist-test@DIGITS" of a digest; the same on all ranks; owned */
    int64_t n, d;   /* images (0: not said), features */
    ggdm_rows rows; /* of all ranks; rows.n 0: only mu and sigma are known */
    double *mu;     /* [d] mean: where a file says it, on rank 0; else NULL; owned */
    double *sigma;  /* [d, d] covariance, divided by n - 1; as mu */
    ggdm_kept *kept;        /* what metrics know of it (evaluate/kept.h); owned */
    ggdm_gaussian gaussian; /* ggdm_reference_gaussian */
} ggdm_reference;

/** Is it FILE.npz, and not a data set? */
bool ggdm_reference_is_file(const char *text);
/** The file or directory that is meant (owned by the caller), which need not be there.
 *  Errors: GGDM_EINVAL (neither a file nor a data set), GGDM_ENOMEM. */
ggdm_status ggdm_reference_find(const char *text, char **path, ggdm_error *err);
/** Open a reference: a data set ("mnist-test": of data/mnist; DIR-train), whose images are run
 *  through features, or FILE.npz (evaluate/reference_file.h).  Collective.
 *  features  of which the first layer is meant
 *  needs     a metric that needs the features of the reference's images; NULL: none does
 *  Errors: those of reading, naming the file; GGDM_EINVAL where they are other features, or there
 *  is less than needed; GGDM_ESHAPE where they are as many as others; the same on all ranks. */
ggdm_status ggdm_reference_open(ggdm_world *world, const char *text, ggdm_features *features,
                                const char *needs, ggdm_reference *out, ggdm_error *err);
/** Its mean and covariance over the ranks, borrowed, made when they are first asked for.
 * Collective. Errors: GGDM_ENUMERIC: of one image there is no covariance; GGDM_ENOMEM. */
ggdm_status ggdm_reference_gaussian(ggdm_reference *reference, ggdm_gaussian **out,
                                    ggdm_error *err);
/** As a file for other programs and ggdm_reference_open, of one whose rows are there.
 *  features  what ggdm_features_name calls them
 *  Collective.  Errors: those of ggdm_reference_gaussian and ggdm_container_create. */
ggdm_status ggdm_reference_write(ggdm_reference *reference, const char *features, const char *path,
                                 ggdm_error *err);
/** Safe on a zeroed one and twice. */
void ggdm_reference_close(ggdm_reference *reference);

#endif
