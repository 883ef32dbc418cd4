/* What the files of the tokenizer share. */
#ifndef GGDM_MODELS_IO_TOKENIZER_IMPL_H
#define GGDM_MODELS_IO_TOKENIZER_IMPL_H

#include "common/hash.h"
#include "common/intern.h"
#include "models/io/tokenizer.h"

#define GGDM_TOKENIZER_FIRST_LINE "ggdm tokenizer 1"
#define GGDM_WORD_END "</w>" /* behind the last symbol of a word */

/* Ids of the sides of a merge and of what they become; its place in the table is its rank. */
typedef struct ggdm_merge {
    int32_t left, right, joined;
} ggdm_merge;

struct ggdm_tokenizer {
    ggdm_intern tokens; /* by id */
    bool *whole;        /* [tokens] the word of this text is this one token */
    ggdm_merge *merges;
    int32_t n_merges;
    int32_t *slots; /* hash table of merges by their sides, -1: free */
    size_t n_slots; /* a power of two */
    int32_t start, end, pad, unknown;
    int32_t base[2][256]; /* of a byte within a word, and of a word's last one; -1: none */
    char symbols[256][3]; /* by byte: the printable character for it, UTF-8 */
    uint8_t digest[GGDM_HASH_SIZE];
};

/** The printable character that stands for each byte in the files of byte-level vocabularies, UTF-8
 *  of one or two bytes, and the bytes in the order in which vocabularies list them: printable ones
 *  first (GPT-2's bytes_to_unicode). */
void ggdm_byte_symbols(char symbols[256][3], uint8_t order[256]);

/** The slot of the merge of two tokens, or where it would be. */
size_t ggdm_merge_slot(const ggdm_tokenizer *tokenizer, int32_t left, int32_t right);

/** Find in tokens and merges what encoding looks up.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_tokenizer_prepare(ggdm_tokenizer *tokenizer, ggdm_error *err);

#endif
