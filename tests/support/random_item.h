/* Random trees of a catalogue: what must hold for every row, also of methods that are yet to come.
 */
#ifndef GGDM_TESTS_SUPPORT_RANDOM_ITEM_H
#define GGDM_TESTS_SUPPORT_RANDOM_ITEM_H

#include "jobs/item.h"
#include "tests/support/ggdm_test.h"

/** A value that a row may have, often its default or its neutral one; models and files are digests;
 *  windows fit into 10 steps. */
ggdm_scalar ggdm_random_scalar(ggdm_arena *arena, ggdm_test_rng *rng, const ggdm_param *row);
/** An item of a kind with all that it requires and some of the rest. */
ggdm_item *ggdm_random_item(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                            const ggdm_kind *kind);
/** The canonical text; "": of NULL. */
const char *ggdm_item_text_of(ggdm_arena *arena, const ggdm_item *item);

#endif
