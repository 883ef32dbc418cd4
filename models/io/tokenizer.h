/* CLIP's tokenizer: text to the token ids that its text transformer takes.
 *
 * A text is cleaned (models/io/clean_text.h), split into words, and each word's UTF-8 bytes are
 * merged pair by pair in the order of a learned list (byte-level byte pair encoding, Radford et al.
 * 2021).  The vocabulary may have any size; what is read is
 *
 *   vocab.json and merges.txt             as Hugging Face's CLIPTokenizer writes them; the special
 *                                         tokens by special_tokens_map.json, tokenizer_config.json
 *   bpe_simple_vocab_16e6.txt, or .gz     OpenAI's list of merges, which decides the vocabulary
 *
 * and is brought to one text, which is what is hashed, sent and kept. */
#ifndef GGDM_MODELS_IO_TOKENIZER_H
#define GGDM_MODELS_IO_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum {
    GGDM_TOKENIZER_MOST = 1 << 14, /* bytes of a text */
    GGDM_TOKENIZER_FILE = 16 << 20 /* bytes of a file, and of its one text */
};

/* Read-only after it is made: any thread may use it. */
typedef struct ggdm_tokenizer ggdm_tokenizer;

/** The one text (owned, NUL-terminated) of the tokenizer of a model directory: of the files in it,
 *  in its tokenizer/, or in the tokenizer/ of the pipeline whose component it is; *out is NULL
 *  where there are none.  Errors: GGDM_EFORMAT, GGDM_EINVAL and GGDM_EIO naming the file. */
ggdm_status ggdm_tokenizer_read(const char *dir, char **out, ggdm_error *err);
/** Copy those files to the directory to, which exists.  Errors: GGDM_EIO. */
ggdm_status ggdm_tokenizer_copy(const char *dir, const char *to, ggdm_error *err);
/** A tokenizer of that text; where names it in messages.  Errors: GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_tokenizer_parse(const char *text, const char *where, ggdm_tokenizer **out,
                                 ggdm_error *err);
/** Both; *out is NULL where there are no files. */
ggdm_status ggdm_tokenizer_open(const char *dir, ggdm_tokenizer **out, ggdm_error *err);
void ggdm_tokenizer_destroy(ggdm_tokenizer **tokenizer);

/** Ids of a text, between those of start and end, in ids[context], padded; *n: how many before the
 *  padding.  One that is too long is cut (and still ends with the end's) if truncate is set.
 *  Errors: GGDM_EINVAL: too long, with how many ids it has; not UTF-8, or control characters, with
 *  the place; a character that the vocabulary has no token for. */
ggdm_status ggdm_tokenizer_encode(const ggdm_tokenizer *tokenizer, const char *text, int context,
                                  bool truncate, int32_t *ids, int *n, ggdm_error *err);

/** How many ids there are: each is in 0 .. size - 1. */
int32_t ggdm_tokenizer_size(const ggdm_tokenizer *tokenizer);
/** The id behind the last of a text. */
int32_t ggdm_tokenizer_end(const ggdm_tokenizer *tokenizer);
/** SHA-256 of its one text: what counts in a model's digest. */
const uint8_t *ggdm_tokenizer_digest(const ggdm_tokenizer *tokenizer);

#endif
