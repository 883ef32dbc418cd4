/* Encoding: cleaned text to words, words to symbols, symbols merged to tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/io/clean_text.h"
#include "models/io/tokenizer_impl.h"

/* ---- merges ---- */

enum { NO_MERGE = INT32_MAX };

size_t ggdm_merge_slot(const ggdm_tokenizer *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(h >> 32) & (t->n_slots - 1);
    for (;; i = (i + 1) & (t->n_slots - 1)) {
        const ggdm_merge *m = t->slots[i] < 0 ? NULL : &t->merges[t->slots[i]];
        if (!m || (m->left == left && m->right == right))
            return i;
    }
}

static int32_t rank_of(const ggdm_tokenizer *t, int32_t left, int32_t right)
{
    const int32_t rank = t->slots[ggdm_merge_slot(t, left, right)];
    return rank < 0 ? NO_MERGE : rank;
}

/* A word while it is merged. */
typedef struct word {
    int32_t *ids, *ranks; /* of each symbol, and of each with the next; ids owned, ranks behind */
    char *text;           /* room for its symbols; owned */
    size_t n;
} word;

/* For words of up to size bytes. */
static ggdm_status make_word(word *w, size_t size, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&w->ids, 2 * size, sizeof *w->ids, err));
    w->ranks = w->ids + size;
    return ggdm_alloc(&w->text, 2 * size + sizeof GGDM_WORD_END, 1, err);
}

static void free_word(word *w)
{
    free(w->ids);
    free(w->text);
}

static void rank_pairs(const ggdm_tokenizer *t, word *w)
{
    for (size_t i = 0; i + 1 < w->n; i++)
        w->ranks[i] = rank_of(t, w->ids[i], w->ids[i + 1]);
}

/* Every occurrence of the pair of that rank, from the left.  Ranks of pairs that stay are kept. */
static void merge_all(const ggdm_tokenizer *t, word *w, int32_t rank)
{
    size_t to = 0;
    bool joined = false;
    for (size_t i = 0; i < w->n; to++) {
        const bool before = joined;
        joined = i + 1 < w->n && w->ranks[i] == rank;
        w->ids[to] = joined ? t->merges[rank].joined : w->ids[i];
        if (to > 0 && (joined || before))
            w->ranks[to - 1] = rank_of(t, w->ids[to - 1], w->ids[to]);
        i += joined ? 2 : 1;
        if (i < w->n)
            w->ranks[to] = w->ranks[i - 1];
    }
    w->n = to;
}

static void merge_word(const ggdm_tokenizer *t, word *w)
{
    rank_pairs(t, w);
    for (;;) {
        int32_t best = NO_MERGE;
        for (size_t i = 0; i + 1 < w->n; i++)
            best = w->ranks[i] < best ? w->ranks[i] : best;
        if (best == NO_MERGE)
            return;
        merge_all(t, w, best);
    }
}

/* ---- symbols ---- */

void ggdm_byte_symbols(char symbols[256][3], uint8_t order[256])
{
    int listed = 0, others = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int b = 0; b < 256; b++) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            if (printable == (pass == 1))
                continue;
            const int c = printable ? b : 256 + others++;
            order[listed++] = (uint8_t)b;
            symbols[b][0] = (char)(c < 0x80 ? c : 0xc0 | c >> 6);
            symbols[b][1] = (char)(c < 0x80 ? 0 : 0x80 | (c & 0x3f));
            symbols[b][2] = '\0';
        }
    }
}

static void find_base(ggdm_tokenizer *t)
{
    uint8_t order[256];
    char last[8];
    ggdm_byte_symbols(t->symbols, order);
    for (int b = 0; b < 256; b++) {
        snprintf(last, sizeof last, "%s%s", t->symbols[b], GGDM_WORD_END);
        t->base[0][b] = ggdm_intern_find(&t->tokens, t->symbols[b]);
        t->base[1][b] = ggdm_intern_find(&t->tokens, last);
    }
}

/* The symbols of a token that ends a word; false where it does not, or one of them is none. */
static bool split_token(const ggdm_tokenizer *t, const char *token, word *w)
{
    const size_t tail = strlen(GGDM_WORD_END), size = strlen(token);
    if (size <= tail || strcmp(token + size - tail, GGDM_WORD_END) != 0)
        return false;
    w->n = 0;
    for (size_t i = 0; i < size - tail;) {
        size_t n = 1;
        while (((unsigned char)token[i + n] & 0xc0) == 0x80)
            n++;
        snprintf(w->text, n + 1, "%s", token + i);
        i += n;
        if (i == size - tail)
            strcat(w->text, GGDM_WORD_END);
        w->ids[w->n] = ggdm_intern_find(&t->tokens, w->text);
        if (w->ids[w->n++] < 0)
            return false;
    }
    return true;
}

/* Which words are one token: most are, and need not be merged again and again. */
static ggdm_status find_whole(ggdm_tokenizer *t, ggdm_error *err)
{
    size_t longest = 1;
    word w = {0};
    for (int32_t id = 0; id < t->tokens.n; id++)
        if (strlen(t->tokens.texts[id]) > longest)
            longest = strlen(t->tokens.texts[id]);
    GGDM_TRY(ggdm_alloc(&t->whole, (size_t)t->tokens.n, sizeof *t->whole, err));
    ggdm_status st = make_word(&w, longest, err);
    for (int32_t id = 0; id < t->tokens.n && st == GGDM_OK; id++) {
        if (!split_token(t, t->tokens.texts[id], &w))
            continue;
        merge_word(t, &w);
        t->whole[id] = w.n == 1 && w.ids[0] == id;
    }
    free_word(&w);
    return st;
}

ggdm_status ggdm_tokenizer_prepare(ggdm_tokenizer *t, ggdm_error *err)
{
    find_base(t);
    return find_whole(t, err);
}

/* ---- encoding ---- */

typedef struct output {
    int32_t *ids;
    int n, room; /* how many there are, also where there is no room for them */
} output;

static void put(output *out, int32_t id)
{
    if (out->n < out->room)
        out->ids[out->n] = id;
    out->n++;
}

/* The id of a word that is one token, or -1. */
static int32_t find_word(const ggdm_tokenizer *t, const char *bytes, size_t size, char *text)
{
    char *to = text;
    for (size_t i = 0; i < size; i++)
        to = stpcpy(to, t->symbols[(uint8_t)bytes[i]]);
    strcpy(to, GGDM_WORD_END);
    const int32_t id = ggdm_intern_find(&t->tokens, text);
    return id >= 0 && t->whole[id] ? id : -1;
}

static ggdm_status put_word(const ggdm_tokenizer *t, const char *bytes, size_t size, word *w,
                            output *out, ggdm_error *err)
{
    const int32_t whole = find_word(t, bytes, size, w->text);
    if (whole >= 0) {
        put(out, whole);
        return GGDM_OK;
    }
    for (w->n = 0; w->n < size; w->n++) {
        const int32_t id = t->base[w->n + 1 == size][(uint8_t)bytes[w->n]];
        w->ids[w->n] = id < 0 ? t->unknown : id;
        if (w->ids[w->n] < 0)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "word '%.*s' has the byte 0x%02x, for which the vocabulary has no "
                             "token%s",
                             size < 100 ? (int)size : 100, bytes, (unsigned char)bytes[w->n],
                             w->n + 1 == size ? " at a word's end" : "");
    }
    merge_word(t, w);
    for (size_t i = 0; i < w->n; i++)
        put(out, w->ids[i]);
    return GGDM_OK;
}

/* One of the special tokens, spelt out in a text, or -1. */
static int32_t find_special(const ggdm_tokenizer *t, const char *text, size_t *size)
{
    const int32_t ids[] = {t->start, t->end};
    for (int i = 0; i < 2; i++) {
        const char *token = t->tokens.texts[ids[i]];
        if (strncmp(text, token, strlen(token)) != 0)
            continue;
        *size = strlen(token);
        return ids[i];
    }
    return -1;
}

static ggdm_status put_text(const ggdm_tokenizer *t, const char *text, output *out, ggdm_error *err)
{
    word w = {0};
    size_t size;
    ggdm_status st = make_word(&w, strlen(text) + 1, err);
    for (size_t at = 0; st == GGDM_OK && ggdm_next_word(text, &at, &size); at += size) {
        const int32_t special = find_special(t, text + at, &size);
        if (special >= 0)
            put(out, special);
        else
            st = put_word(t, text + at, size, &w, out, err);
    }
    free_word(&w);
    return st;
}

ggdm_status ggdm_tokenizer_encode(const ggdm_tokenizer *t, const char *text, int context,
                                  bool truncate, int32_t *ids, int *n, ggdm_error *err)
{
    output out = {ids, 0, context};
    char *clean = NULL;
    if (context < 2)
        return GGDM_FAIL(err, GGDM_EINVAL, "a context of %d tokens, expected at least 2", context);
    if (strlen(text) > GGDM_TOKENIZER_MOST)
        return GGDM_FAIL(err, GGDM_EINVAL, "a text of %zu bytes, expected at most %d", strlen(text),
                         GGDM_TOKENIZER_MOST);
    GGDM_TRY(ggdm_clean_text(text, &clean, err));
    put(&out, t->start);
    ggdm_status st = put_text(t, clean, &out, err);
    put(&out, t->end);
    if (st == GGDM_OK && out.n > context && !truncate)
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "text '%.60s%s' has %d tokens with those of start and end, expected at most "
                       "%d",
                       clean, strlen(clean) > 60 ? "..." : "", out.n, context);
    free(clean);
    GGDM_TRY(st);
    *n = out.n < context ? out.n : context;
    ids[*n - 1] = t->end;
    for (int i = *n; i < context; i++)
        ids[i] = t->pad;
    return GGDM_OK;
}
