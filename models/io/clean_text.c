#include "models/io/clean_text.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/HTMLparser.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "common/mem.h"

/* UTF-16, as ICU takes it. */
typedef struct text16 {
    UChar *data; /* owned */
    int32_t n, cap;
} text16;

static ggdm_status icu_fail(UErrorCode code, ggdm_error *err)
{
    return code == U_MEMORY_ALLOCATION_ERROR
               ? GGDM_FAIL(err, GGDM_ENOMEM, "no memory to clean a text")
               : GGDM_FAIL(err, GGDM_EINTERNAL, "ICU cannot clean a text: %s", u_errorName(code));
}

/* ---- reading ---- */

/* Room for a text of n bytes, and for what NFC and lower case may make of it: at most three units
 * of one (both properties of Unicode, fixed by its stability policy). */
static ggdm_status make_room(size_t n, text16 *out, ggdm_error *err)
{
    out->n = 0;
    out->cap = (int32_t)(3 * n + 1);
    return ggdm_alloc(&out->data, (size_t)out->cap, sizeof *out->data, err);
}

static bool is_control(UChar32 c)
{
    return u_charType(c) == U_CONTROL_CHAR && !(c >= '\t' && c <= '\r');
}

static ggdm_status read_utf8(const char *text, size_t size, text16 *out, ggdm_error *err)
{
    for (size_t i = 0; i < size;) {
        const size_t at = i;
        UChar32 c;
        U8_NEXT(text, i, size, c);
        if (c < 0)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "text, byte %zu (0x%02x): not valid UTF-8, expected UTF-8", at + 1,
                             (unsigned char)text[at]);
        if (is_control(c))
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "text, byte %zu: control character U+%04X, expected text without any",
                             at + 1, (unsigned)c);
        U16_APPEND_UNSAFE(out->data, out->n, c);
    }
    return GGDM_OK;
}

/* ---- HTML entities, as Python's html.unescape undoes them ---- */

enum {
    NONE = -1,
    NOTHING = -2, /* an entity, but of no character */
    LONGEST = 8,  /* letters of a name: thetasym */
    DEEPEST = 8   /* entities in entities; without an end they take a text's square in time */
};

/* What Windows says 0x80 .. 0x9f are, and so do browsers. */
static const UChar windows[] = {0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
                                0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

/* "#233;" or "#xe9;", its length with the semicolon in *used. */
static UChar32 numeric_entity(const UChar *s, int32_t n, int32_t *used)
{
    const bool hex = n > 1 && (s[1] == 'x' || s[1] == 'X');
    const int8_t radix = hex ? 16 : 10;
    const int32_t first = hex ? 2 : 1;
    int32_t i = first, digit;
    UChar32 c = 0;
    for (; i < n && s[i] < 0x80 && (digit = u_digit(s[i], radix)) >= 0; i++)
        c = c > UCHAR_MAX_VALUE ? c : c * radix + digit;
    if (i == first)
        return NONE;
    *used = i + (i < n && s[i] == ';');
    if (c >= 0x80 && c < 0xa0)
        c = windows[c - 0x80];
    if (c == 0 || c > UCHAR_MAX_VALUE || U_IS_SURROGATE(c))
        return 0xfffd;
    return is_control(c) || c == '\v' || U_IS_UNICODE_NONCHAR(c) ? NOTHING : c;
}

/* "eacute;" or, of the old names, "eacute" with anything behind. */
static UChar32 named_entity(const UChar *s, int32_t n, int32_t *used)
{
    char name[LONGEST + 1];
    int32_t length = 0;
    while (length < n && length < LONGEST && s[length] < 0x80 && u_isalnum(s[length])) {
        name[length] = (char)s[length];
        length++;
    }
    const bool closed = length < n && s[length] == ';';
    for (int32_t k = length; k > 0; k--) {
        name[k] = '\0';
        const htmlEntityDesc *e = htmlEntityLookup((const xmlChar *)name);
        if (!e || (!(closed && k == length) && (e->value > 0xff || e->value == '\'')))
            continue;
        *used = k + (closed && k == length);
        return (UChar32)e->value;
    }
    return NONE;
}

/* In place: no entity is shorter than its character.  True where there was one. */
static bool undo_entities(text16 *t)
{
    int32_t to = 0;
    bool any = false;
    for (int32_t i = 0; i < t->n;) {
        int32_t used = 0;
        UChar32 c = NONE;
        if (t->data[i] == '&' && i + 1 < t->n)
            c = t->data[i + 1] == '#' ? numeric_entity(t->data + i + 1, t->n - i - 1, &used)
                                      : named_entity(t->data + i + 1, t->n - i - 1, &used);
        any |= c != NONE;
        if (c >= 0)
            U16_APPEND_UNSAFE(t->data, to, c);
        else if (c == NONE)
            t->data[to++] = t->data[i];
        i += 1 + used;
    }
    t->n = to;
    return any;
}

/* ---- ftfy ---- */

static bool within(UChar32 c, UChar32 first, UChar32 last)
{
    return c >= first && c <= last;
}

static bool is_invisible(UChar32 c)
{
    return c == 0xfeff || within(c, 0x206a, 0x206f) || within(c, 0xfff9, 0xfffc) ||
           within(c, 0x1d173, 0x1d17a) || within(c, 0xe0000, 0xe007f);
}

/* Latin ligatures, half and full width: taken apart as NFKC does it. */
static bool is_compound(UChar32 c)
{
    return within(c, 0xfb00, 0xfb06) || within(c, 0xff01, 0xffef) || within(c, 0x132, 0x133) ||
           c == 0x149 || within(c, 0x1c4, 0x1cc) || within(c, 0x1f1, 0x1f3);
}

static UChar32 straight_quote(UChar32 c)
{
    if (c == 0x2bc || within(c, 0x2018, 0x201b))
        return '\'';
    return within(c, 0x201c, 0x201f) ? '"' : c;
}

static UErrorCode fix_characters(const text16 *in, text16 *out)
{
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *apart = unorm2_getNFKCInstance(&code);
    for (int32_t i = 0; i < in->n && U_SUCCESS(code);) {
        const int32_t at = i;
        UChar32 c;
        U16_NEXT(in->data, i, in->n, c);
        if (is_compound(c)) {
            out->n += unorm2_normalize(apart, in->data + at, i - at, out->data + out->n,
                                       out->cap - out->n, &code);
        } else if (!is_invisible(c)) {
            c = straight_quote(c);
            U16_APPEND_UNSAFE(out->data, out->n, c);
        }
    }
    return code;
}

/* ---- white space and case ---- */

/* Runs of white space become a space; none in front and behind. */
static void collapse(text16 *t)
{
    int32_t to = 0;
    for (int32_t i = 0; i < t->n; i++) { /* all white space is of one unit */
        if (!u_isUWhiteSpace(t->data[i]))
            t->data[to++] = t->data[i];
        else if (to > 0 && t->data[to - 1] != ' ')
            t->data[to++] = ' ';
    }
    t->n = to - (to > 0 && t->data[to - 1] == ' ');
}

/* From a to b and back. */
static ggdm_status clean(text16 *a, text16 *b, ggdm_error *err)
{
    UErrorCode code = U_ZERO_ERROR;
    if (!u_memchr(a->data, '<', a->n)) /* else it is HTML, whose entities have a meaning */
        for (int depth = 0; depth < DEEPEST && undo_entities(a); depth++)
            ;
    code = fix_characters(a, b);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
    a->n = unorm2_normalize(nfc, b->data, b->n, a->data, a->cap, &code);
    if (U_FAILURE(code))
        return icu_fail(code, err);
    undo_entities(a);
    undo_entities(a);
    collapse(a);
    b->n = u_strToLower(b->data, b->cap, a->data, a->n, "", &code);
    return U_SUCCESS(code) ? GGDM_OK : icu_fail(code, err);
}

static ggdm_status write_utf8(const text16 *t, char **out, ggdm_error *err)
{
    UErrorCode code = U_ZERO_ERROR;
    GGDM_TRY(ggdm_alloc(out, 3 * (size_t)t->n + 1, 1, err));
    u_strToUTF8(*out, 3 * t->n + 1, NULL, t->data, t->n, &code);
    if (U_SUCCESS(code))
        return GGDM_OK;
    free(*out);
    *out = NULL;
    return icu_fail(code, err);
}

ggdm_status ggdm_clean_text(const char *text, char **out, ggdm_error *err)
{
    text16 a = {0}, b = {0};
    const size_t size = strlen(text);
    ggdm_status st;
    *out = NULL;
    GGDM_TRY_GOTO(st, make_room(size, &a, err), done);
    GGDM_TRY_GOTO(st, make_room(size, &b, err), done);
    GGDM_TRY_GOTO(st, read_utf8(text, size, &a, err), done);
    GGDM_TRY_GOTO(st, clean(&a, &b, err), done);
    st = write_utf8(&b, out, err);
done:
    free(a.data);
    free(b.data);
    return st;
}

/* ---- words ---- */

typedef enum character_class { SPACE, LETTER, DIGIT, OTHER } character_class;

static character_class class_of(UChar32 c)
{
    const uint32_t mask = U_GET_GC_MASK(c);
    if (mask & U_GC_L_MASK)
        return LETTER;
    if (mask & U_GC_N_MASK)
        return DIGIT;
    return u_isUWhiteSpace(c) ? SPACE : OTHER;
}

/* Bytes of "'s" and the like at a place, or 0. */
static size_t contraction(const char *s)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(s, endings[i], strlen(endings[i])) == 0)
            return strlen(endings[i]);
    return 0;
}

bool ggdm_next_word(const char *text, size_t *at, size_t *size)
{
    size_t i = *at, end;
    UChar32 c;
    character_class class = SPACE;
    while (text[i] && class == SPACE) {
        *at = i;
        U8_NEXT_UNSAFE(text, i, c);
        class = class_of(c);
    }
    if (class == SPACE)
        return false;
    *size = contraction(text + *at);
    if (*size)
        return true;
    for (end = i; class != DIGIT && text[i]; end = i) {
        U8_NEXT_UNSAFE(text, i, c);
        if (class_of(c) != class)
            break;
    }
    *size = end - *at;
    return true;
}
