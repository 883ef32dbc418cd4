/* What networks make of prompts: a cache of a worker, by model and text.
 *
 * A prompt is encoded when it is first asked for, alone and in f32, whatever the precision of the
 * run: its numbers depend on the weights, the text and the instruction set.  What was not asked for
 * for the longest time goes when there is more than is kept; it is encoded again when it is wanted.
 */
#ifndef GGDM_WORKER_PROMPTS_H
#define GGDM_WORKER_PROMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "models/model.h"

#define GGDM_PROMPTS_BYTES ((size_t)64 << 20) /* kept by a worker */

/* What is asked of a text: one vector, [E], as an image has one; or the hidden states of all its
 * tokens and of the padding, [T, C], which cross-attention looks at. */
typedef enum ggdm_text_form { GGDM_TEXT_EMBEDDING, GGDM_TEXT_SEQUENCE } ggdm_text_form;

/** Token ids of a prompt, ids [context_length] of the model, for which ids may be NULL (it is then
 *  checked alone).  Errors: GGDM_EINVAL where the model reads no texts, where the text is none or,
 *  unless truncate, has more tokens than the model takes (which says how many, and the limit). */
ggdm_status ggdm_prompt_tokens(const ggdm_model *model, const char *text, bool truncate,
                               int32_t *ids, ggdm_error *err);

typedef struct ggdm_prompts ggdm_prompts;

/** most: bytes of vectors that are kept. */
ggdm_status ggdm_prompts_create(size_t most, ggdm_prompts **out, ggdm_error *err);
void ggdm_prompts_destroy(ggdm_prompts **prompts);

/** What model makes of a text, in out [count].  The model must outlive the cache.  Not for several
 *  threads at once.  Errors: those of ggdm_prompt_tokens, GGDM_ENOMEM. */
ggdm_status ggdm_prompts_get(ggdm_prompts *prompts, const ggdm_model *model, const char *text,
                             bool truncate, ggdm_text_form form, float *out, size_t count,
                             ggdm_error *err);
/** How many texts have been encoded so far. */
int64_t ggdm_prompts_encoded(const ggdm_prompts *prompts);

#endif
