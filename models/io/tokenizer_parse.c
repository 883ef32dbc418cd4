/* The one text of a tokenizer, all numbers in decimal:
 *
 *   ggdm tokenizer 1
 *   TOKENS MERGES START END PAD UNKNOWN      how many; ids (UNKNOWN -1: there is none)
 *   a token a line, in the order of their ids
 *   a merge a line, "LEFT RIGHT", the earlier one first
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/io/tokenizer_impl.h"

enum { MAX_TOKEN = 1024 /* bytes; what merges make of one takes its square in time */ };

typedef struct reader {
    char *at;          /* in a copy of the text */
    const char *where; /* for messages */
} reader;

static char *next_line(reader *r)
{
    char *line = r->at, *end = line ? strchr(line, '\n') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    r->at = end + 1;
    return line;
}

static ggdm_status read_head(ggdm_tokenizer *t, reader *r, int32_t *n_tokens, ggdm_error *err)
{
    const char *first = next_line(r), *second = next_line(r);
    if (!first || strcmp(first, GGDM_TOKENIZER_FIRST_LINE) != 0 || !second ||
        sscanf(second, "%d %d %d %d %d %d", n_tokens, &t->n_merges, &t->start, &t->end, &t->pad,
               &t->unknown) != 6)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: not a tokenizer, expected '%s' and its numbers",
                         r->where, GGDM_TOKENIZER_FIRST_LINE);
    const int32_t ids[] = {t->start, t->end, t->pad, t->unknown < 0 ? 0 : t->unknown};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] < 0 || ids[i] >= *n_tokens)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: special token %d, expected one of %d ids",
                             r->where, ids[i], *n_tokens);
    const size_t lines =
        strlen(r->at); /* a line has a byte, so that memory is bounded by the text */
    if (t->n_merges < 0 || (size_t)*n_tokens > lines || (size_t)t->n_merges > lines)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %d tokens and %d merges, but no lines of them",
                         r->where, *n_tokens, t->n_merges);
    return GGDM_OK;
}

static ggdm_status read_tokens(ggdm_tokenizer *t, reader *r, int32_t n, ggdm_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        const char *token = next_line(r);
        int32_t id;
        if (!token)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %d tokens, expected %d", r->where, i, n);
        GGDM_TRY(ggdm_intern_text(&t->tokens, token, &id, err));
        if (!*token || strlen(token) > MAX_TOKEN)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: token %d has %zu bytes, expected 1 to %d",
                             r->where, i, strlen(token), MAX_TOKEN);
        if (id != i)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: token '%.100s' has the ids %d and %d, expected one", r->where,
                             token, id, i);
    }
    return GGDM_OK;
}

static ggdm_status read_merge(ggdm_tokenizer *t, int32_t rank, char *line, char *joined,
                              const char *where, ggdm_error *err)
{
    char *right = strchr(line, ' ');
    if (!right || right == line || !right[1] || strchr(right + 1, ' '))
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: merge %d is '%.100s', expected two symbols with a space between",
                         where, rank + 1, line);
    *right++ = '\0';
    strcpy(joined, line);
    strcat(joined, right);
    const char *const texts[] = {line, right, joined};
    int32_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = ggdm_intern_find(&t->tokens, texts[i]);
        if (ids[i] < 0)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: merge %d is of '%.100s' and '%.100s', but the vocabulary has no "
                             "'%.100s'",
                             where, rank + 1, line, right, texts[i]);
    }
    t->merges[rank] = (ggdm_merge){ids[0], ids[1], ids[2]};
    const size_t slot = ggdm_merge_slot(t, ids[0], ids[1]);
    if (t->slots[slot] >= 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: merge %d, '%.100s %.100s', is merge %d again",
                         where, rank + 1, line, right, t->slots[slot] + 1);
    t->slots[slot] = rank;
    return GGDM_OK;
}

static ggdm_status read_merges(ggdm_tokenizer *t, reader *r, ggdm_error *err)
{
    char *joined = NULL; /* room for any line */
    ggdm_status st = GGDM_OK;
    t->n_slots = 64;
    while (t->n_slots < 2 * (size_t)t->n_merges)
        t->n_slots *= 2;
    GGDM_TRY(ggdm_alloc(&t->merges, (size_t)t->n_merges, sizeof *t->merges, err));
    GGDM_TRY(ggdm_alloc(&t->slots, t->n_slots, sizeof *t->slots, err));
    memset(t->slots, 0xff, t->n_slots * sizeof *t->slots);
    GGDM_TRY(ggdm_alloc(&joined, strlen(r->at) + 1, 1, err));
    for (int32_t i = 0; i < t->n_merges && st == GGDM_OK; i++) {
        char *line = next_line(r);
        st = line ? read_merge(t, i, line, joined, r->where, err)
                  : GGDM_FAIL(err, GGDM_EFORMAT, "%s: %d merges, expected %d", r->where, i,
                              t->n_merges);
    }
    free(joined);
    return st == GGDM_OK && *r->at
               ? GGDM_FAIL(err, GGDM_EFORMAT, "%s: more than %d merges", r->where, t->n_merges)
               : st;
}

static ggdm_status fill(ggdm_tokenizer *t, reader *r, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(read_head(t, r, &n, err));
    GGDM_TRY(read_tokens(t, r, n, err));
    GGDM_TRY(read_merges(t, r, err));
    return ggdm_tokenizer_prepare(t, err);
}

ggdm_status ggdm_tokenizer_parse(const char *text, const char *where, ggdm_tokenizer **out,
                                 ggdm_error *err)
{
    ggdm_tokenizer *t = NULL;
    char *copy = NULL;
    ggdm_status st;
    *out = NULL;
    if (strlen(text) > GGDM_TOKENIZER_FILE)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: a vocabulary of %zu bytes, expected at most %d",
                         where, strlen(text), GGDM_TOKENIZER_FILE);
    GGDM_TRY_GOTO(st, ggdm_alloc(&t, 1, sizeof *t, err), done);
    GGDM_TRY_GOTO(st, ggdm_strdup(text, &copy, err), done);
    GGDM_TRY_GOTO(st, fill(t, &(reader){copy, where}, err), done);
    ggdm_hash_buffer(text, strlen(text), t->digest);
    *out = t;
    t = NULL;
done:
    ggdm_tokenizer_destroy(&t);
    free(copy);
    return st;
}

void ggdm_tokenizer_destroy(ggdm_tokenizer **tokenizer)
{
    ggdm_tokenizer *t = *tokenizer;
    *tokenizer = NULL;
    if (!t)
        return;
    ggdm_intern_deinit(&t->tokens);
    free(t->whole);
    free(t->merges);
    free(t->slots);
    free(t);
}

ggdm_status ggdm_tokenizer_open(const char *dir, ggdm_tokenizer **out, ggdm_error *err)
{
    char *text;
    *out = NULL;
    GGDM_TRY(ggdm_tokenizer_read(dir, &text, err));
    ggdm_status st = text ? ggdm_tokenizer_parse(text, dir, out, err) : GGDM_OK;
    free(text);
    return st;
}

int32_t ggdm_tokenizer_size(const ggdm_tokenizer *t)
{
    return t->tokens.n;
}

int32_t ggdm_tokenizer_end(const ggdm_tokenizer *t)
{
    return t->end;
}

const uint8_t *ggdm_tokenizer_digest(const ggdm_tokenizer *t)
{
    return t->digest;
}
