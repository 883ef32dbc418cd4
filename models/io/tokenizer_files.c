/* Vocabularies as Hugging Face and OpenAI store them, brought to the one text of
 * models/io/tokenizer_parse.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/source.h"
#include "common/temp.h"
#include "models/find.h"
#include "models/io/tokenizer_impl.h"

#define START "<|startoftext|>"
#define END "<|endoftext|>"
#define PIPELINE "../" GGDM_PIPELINE_FILE

enum { OPENAI_MERGES = 49152 - 256 - 2 }; /* of the list as many as OpenAI's tokenizer takes */

/* What goes into the one text. */
typedef struct parts {
    const char **tokens; /* [n_tokens], by id; owned, what they point to is not */
    int32_t n_tokens;
    int32_t start, end, pad, unknown;
    const char *merges; /* lines */
} parts;

static int32_t count_lines(const char *text)
{
    int32_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static ggdm_status write_text(const parts *p, char **out, ggdm_error *err)
{
    size_t size = strlen(p->merges) + 128;
    for (int32_t i = 0; i < p->n_tokens; i++)
        size += strlen(p->tokens[i]) + 1;
    GGDM_TRY(ggdm_alloc(out, size, 1, err));
    char *to =
        *out + sprintf(*out, "%s\n%d %d %d %d %d %d\n", GGDM_TOKENIZER_FIRST_LINE, p->n_tokens,
                       count_lines(p->merges), p->start, p->end, p->pad, p->unknown);
    for (int32_t i = 0; i < p->n_tokens; i++) {
        to = stpcpy(to, p->tokens[i]);
        *to++ = '\n';
    }
    strcpy(to, p->merges);
    return GGDM_OK;
}

/* In place: lines without their ends' carriage returns and without those that say nothing; each
 * with a line feed at its end, for which there is room. */
static void tidy_lines(char *text)
{
    char *to = text;
    for (char *line = text, *next; *line; line = next) {
        size_t n = strcspn(line, "\n");
        next = line + n + (line[n] == '\n');
        n -= n > 0 && line[n - 1] == '\r';
        if (n == 0 || (line == text && strncmp(line, "#version", 8) == 0))
            continue;
        memmove(to, line, n);
        to += n;
        *to++ = '\n';
    }
    *to = '\0';
}

/* ---- Hugging Face ---- */

static ggdm_status read_vocab(const ggdm_doc *doc, parts *p, ggdm_error *err)
{
    const ggdm_node *root = doc->root;
    if (!ggdm_node_entries(root))
        return ggdm_node_expected(root, err, "an object of tokens and their ids");
    p->n_tokens = (int32_t)root->count;
    GGDM_TRY(ggdm_alloc(&p->tokens, root->count, sizeof *p->tokens, err));
    for (const ggdm_node *n = root->first; n; n = n->next) {
        int64_t id;
        GGDM_TRY(ggdm_node_int(n, INT32_MIN, INT32_MAX, &id, err));
        if (id < 0 || id >= p->n_tokens)
            return ggdm_node_expected(n, err, "an id below the number of tokens, %d", p->n_tokens);
        if (p->tokens[id])
            return ggdm_node_fail(n, err,
                                  "id %d is also that of '%.100s', expected one token for "
                                  "each of %d ids",
                                  (int)id, p->tokens[id], p->n_tokens);
        if (!*n->key || strpbrk(n->key, "\r\n"))
            return ggdm_node_fail(n, err, "a token that is empty or of several lines");
        p->tokens[id] = n->key;
    }
    return GGDM_OK;
}

static int32_t find_token(const parts *p, const char *token)
{
    for (int32_t i = 0; i < p->n_tokens; i++)
        if (strcmp(p->tokens[i], token) == 0)
            return i;
    return -1;
}

/* The files that name special tokens; the first that names one decides. */
typedef struct settings {
    ggdm_doc *docs[2]; /* NULL where there is no such file */
} settings;

static const char *const settings_files[] = {"special_tokens_map.json", "tokenizer_config.json"};

static ggdm_status read_settings(const char *dir, settings *s, ggdm_error *err)
{
    for (int i = 0; i < 2; i++) {
        char *path;
        GGDM_TRY(ggdm_path_join(dir, settings_files[i], &path, err));
        ggdm_status st = ggdm_exists(path)
                             ? ggdm_json_read(path, GGDM_TOKENIZER_FILE, &s->docs[i], err)
                             : GGDM_OK;
        free(path);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

/* The id of the special token that a key names, "pad_token": "!" or {"content": "!"}; otherwise
 * where none does. */
static ggdm_status find_setting(const settings *s, const char *key, const parts *p,
                                const char *otherwise, int32_t *id, ggdm_error *err)
{
    const ggdm_node *node = NULL;
    for (int i = 0; i < 2 && !node; i++) {
        node = s->docs[i] ? ggdm_node_get(s->docs[i]->root, key) : NULL;
        if (node && node->kind == GGDM_NODE_MAP)
            node = ggdm_node_get(node, "content");
        if (node && node->kind == GGDM_NODE_NULL)
            node = NULL;
    }
    if (node && node->kind != GGDM_NODE_STRING)
        return ggdm_node_expected(node, err, "a token");
    *id = node || otherwise ? find_token(p, node ? node->text : otherwise) : -1;
    if (node && *id < 0)
        return ggdm_node_expected(node, err, "a token of vocab.json");
    return GGDM_OK;
}

static ggdm_status find_specials(const char *dir, const settings *s, parts *p, ggdm_error *err)
{
    GGDM_TRY(find_setting(s, "bos_token", p, START, &p->start, err));
    GGDM_TRY(find_setting(s, "eos_token", p, END, &p->end, err));
    if (p->start < 0 || p->end < 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s/vocab.json: no token '%s', with which a text %s",
                         dir, p->start < 0 ? START : END, p->start < 0 ? "starts" : "ends");
    GGDM_TRY(find_setting(s, "pad_token", p, NULL, &p->pad, err));
    if (p->pad < 0) /* as CLIPTokenizer has it */
        p->pad = p->end;
    GGDM_TRY(find_setting(s, "unk_token", p, NULL, &p->unknown, err));
    if (p->unknown == p->end) /* in the middle of a text it would end it, unnoticed */
        p->unknown = -1;
    return GGDM_OK;
}

static ggdm_status make_hf(const char *dir, const ggdm_doc *vocab, char *merges, char **out,
                           ggdm_error *err)
{
    parts p = {.merges = merges};
    settings s = {{NULL}};
    ggdm_status st;
    tidy_lines(merges);
    GGDM_TRY_GOTO(st, read_vocab(vocab, &p, err), done);
    GGDM_TRY_GOTO(st, read_settings(dir, &s, err), done);
    GGDM_TRY_GOTO(st, find_specials(dir, &s, &p, err), done);
    st = write_text(&p, out, err);
done:
    ggdm_doc_destroy(&s.docs[0]);
    ggdm_doc_destroy(&s.docs[1]);
    free(p.tokens);
    return st;
}

/* A text, of a file or packed in it, with room for a line feed at its end. */
static ggdm_status read_lines(const char *path, char **out, ggdm_error *err)
{
    ggdm_source *source = NULL;
    char *bytes = NULL;
    size_t size = 0;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY(ggdm_source_open(path, &source, err));
    GGDM_TRY_GOTO(st, ggdm_source_rest(source, GGDM_TOKENIZER_FILE, &bytes, &size, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(out, size + 2, 1, err), done);
    memcpy(*out, bytes, size);
    if (strlen(*out) != size)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: contains a NUL byte", path);
done:
    ggdm_source_close(&source);
    free(bytes);
    return st;
}

static ggdm_status read_hf(const char *dir, char **out, ggdm_error *err)
{
    char *vocab = NULL, *merges = NULL, *lines = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "vocab.json", &vocab, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "merges.txt", &merges, err), done);
    GGDM_TRY_GOTO(st, ggdm_json_read(vocab, GGDM_TOKENIZER_FILE, &doc, err), done);
    GGDM_TRY_GOTO(st, read_lines(merges, &lines, err), done);
    st = make_hf(dir, doc, lines, out, err);
done:
    ggdm_doc_destroy(&doc);
    free(vocab);
    free(merges);
    free(lines);
    return st;
}

/* ---- OpenAI ---- */

/* The lines of merges, those that are used, out of the whole file. */
static char *cut_merges(char *lines)
{
    char *first = strchr(lines, '\n'), *end;
    if (!first) /* no more than its title */
        return lines + strlen(lines);
    tidy_lines(++first);
    end = first;
    for (int i = 0; i < OPENAI_MERGES && *end; i++)
        end = strchr(end, '\n') + 1;
    *end = '\0';
    return first;
}

/* Bytes, bytes at the end of a word, what merges make, and the two special tokens. */
static ggdm_status make_openai(const char *merges, char **out, ggdm_error *err)
{
    char symbols[256][3];
    uint8_t order[256];
    const int32_t n_merges = count_lines(merges);
    parts p = {.n_tokens = 512 + n_merges + 2, .unknown = -1, .merges = merges};
    char *joined = NULL, *to;
    ggdm_status st;
    ggdm_byte_symbols(symbols, order);
    p.start = p.n_tokens - 2;
    p.end = p.n_tokens - 1;
    GGDM_TRY(ggdm_alloc(&p.tokens, (size_t)p.n_tokens, sizeof *p.tokens, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&joined, strlen(merges) + 512 * 8, 1, err), done);
    to = joined;
    for (int i = 0; i < 512; i++) {
        p.tokens[i] = to;
        to += sprintf(to, "%s%s", symbols[order[i % 256]], i < 256 ? "" : GGDM_WORD_END) + 1;
    }
    for (int32_t i = 0; i < n_merges; i++, merges++) {
        p.tokens[512 + i] = to;
        for (; *merges != '\n'; merges++)
            if (*merges != ' ')
                *to++ = *merges;
        *to++ = '\0';
    }
    p.tokens[p.start] = START;
    p.tokens[p.end] = END;
    st = write_text(&p, out, err);
done:
    free(p.tokens);
    free(joined);
    return st;
}

static ggdm_status read_openai(const char *path, char **out, ggdm_error *err)
{
    char *lines = NULL;
    ggdm_status st = read_lines(path, &lines, err);
    if (st == GGDM_OK)
        st = make_openai(cut_merges(lines), out, err);
    free(lines);
    return st;
}

/* ---- where they are ---- */

static const char *const openai[] = {"bpe_simple_vocab_16e6.txt", "bpe_simple_vocab_16e6.txt.gz"};

static ggdm_status read_in(const char *dir, char **out, ggdm_error *err)
{
    const bool vocab = ggdm_has_file(dir, "vocab.json"), merges = ggdm_has_file(dir, "merges.txt");
    if (vocab && merges)
        return read_hf(dir, out, err);
    if (vocab || merges)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: there is %s but not %s, expected both", dir,
                         vocab ? "vocab.json" : "merges.txt", vocab ? "merges.txt" : "vocab.json");
    for (int i = 0; i < 2; i++) {
        if (!ggdm_has_file(dir, openai[i]))
            continue;
        char *path;
        GGDM_TRY(ggdm_path_join(dir, openai[i], &path, err));
        ggdm_status st = read_openai(path, out, err);
        free(path);
        return st;
    }
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                     "%s: of a tokenizer there is only tokenizer.json, expected vocab.json and "
                     "merges.txt (CLIPTokenizer.save_pretrained writes them)",
                     dir);
}

/* Is any file there that is a tokenizer or a part of one? */
static bool has_tokenizer(const char *dir)
{
    return ggdm_has_file(dir, "vocab.json") || ggdm_has_file(dir, "merges.txt") ||
           ggdm_has_file(dir, openai[0]) || ggdm_has_file(dir, openai[1]) ||
           ggdm_has_file(dir, "tokenizer.json");
}

/* The directory with the files of the tokenizer of dir, in *out (owned); NULL: there are none. */
static ggdm_status find_place(const char *dir, char **out, ggdm_error *err)
{
    const char *const places[] = {"tokenizer",
                                  ggdm_has_file(dir, PIPELINE) ? "../tokenizer" : NULL};
    GGDM_TRY(ggdm_strdup(dir, out, err));
    for (int i = 0; !has_tokenizer(*out); i++) {
        free(*out);
        *out = NULL;
        if (i == 2 || !places[i])
            return GGDM_OK;
        GGDM_TRY(ggdm_path_join(dir, places[i], out, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_tokenizer_read(const char *dir, char **out, ggdm_error *err)
{
    char *place = NULL;
    *out = NULL;
    GGDM_TRY(find_place(dir, &place, err));
    ggdm_status st = place ? read_in(place, out, err) : GGDM_OK;
    free(place);
    return st;
}

/* from/name to dir/name, where it is there. */
static ggdm_status copy_file(const char *from, const char *name, const char *dir, ggdm_error *err)
{
    char *path = NULL, *bytes = NULL;
    size_t size = 0;
    if (!ggdm_has_file(from, name))
        return GGDM_OK;
    GGDM_TRY(ggdm_path_join(from, name, &path, err));
    ggdm_status st = ggdm_read_file(path, GGDM_TOKENIZER_FILE, &bytes, &size, err);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, name, bytes, size, err);
    free(bytes);
    free(path);
    return st;
}

ggdm_status ggdm_tokenizer_copy(const char *dir, const char *to, ggdm_error *err)
{
    const char *const names[] = {
        "vocab.json", "merges.txt", settings_files[0],  settings_files[1],
        openai[0],    openai[1],    "added_tokens.json" /* of transformers */};
    char *place = NULL;
    GGDM_TRY(find_place(dir, &place, err));
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; place && i < sizeof names / sizeof *names && st == GGDM_OK; i++)
        st = copy_file(place, names[i], to, err);
    free(place);
    return st;
}
