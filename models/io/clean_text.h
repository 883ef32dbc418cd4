/* Text as CLIP's tokenizer cleans it before it looks at it, and the words that it then sees.
 *
 * OpenAI's cleaning is ftfy.fix_text, HTML entities undone twice, white space collapsed, lower
 * case.  Of ftfy's defaults this does what depends on a character alone: entities, straight quotes,
 * ligatures and full-width forms taken apart, invisible marks removed, NFC.  It does not guess at
 * text that was decoded wrongly ("mojibake"). */
#ifndef GGDM_MODELS_IO_CLEAN_TEXT_H
#define GGDM_MODELS_IO_CLEAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

/** The cleaned text, UTF-8, in *out (owned).
 *  Errors: GGDM_EINVAL: not UTF-8, or a control character that is no white space, with its byte,
 *  counted from 1; GGDM_ENOMEM. */
ggdm_status ggdm_clean_text(const char *text, char **out, ggdm_error *err);

/** The next word of a cleaned text from byte *at on: *at becomes its first byte, *size its bytes.
 *  False behind the last.  A word is "'s" and the like, a run of letters, one digit, or a run of
 *  others that are no white space (the regular expression of CLIP, by Unicode's classes). */
bool ggdm_next_word(const char *text, size_t *at, size_t *size);

#endif
