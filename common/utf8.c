#include "common/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes behind the first of a character, and the least code point that needs so many; -1: none
 * begins so. */
static int rest_of(unsigned char first, uint32_t *point, uint32_t *least)
{
    static const uint32_t leasts[] = {0, 0x80, 0x800, 0x10000};
    const int rest = first < 0x80             ? 0
                     : (first & 0xE0) == 0xC0 ? 1
                     : (first & 0xF0) == 0xE0 ? 2
                     : (first & 0xF8) == 0xF0 ? 3
                                              : -1;
    if (rest >= 0) {
        *least = leasts[rest];
        *point = rest ? first & (0x3FU >> rest) : first;
    }
    return rest;
}

static bool is_plain(uint32_t point, uint32_t least)
{
    return point >= least && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF) &&
           point >= 0x20 && !(point >= 0x7F && point <= 0x9F);
}

size_t ggdm_utf8_plain(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint32_t point = 0, least = 0;
        const int rest = rest_of((unsigned char)text[at], &point, &least);
        if (rest < 0 || at + (size_t)rest >= size)
            return at;
        for (int i = 1; i <= rest; i++) {
            const unsigned char c = (unsigned char)text[at + (size_t)i];
            if ((c & 0xC0) != 0x80)
                return at;
            point = point << 6 | (c & 0x3FU);
        }
        if (!is_plain(point, least))
            return at;
        at += (size_t)rest + 1;
    }
    return size;
}

size_t ggdm_utf8_mark(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void ggdm_utf8_show(const char *text, char *out, size_t size)
{
    size_t left = strlen(text), used = 0;
    while (left > 0) {
        const size_t plain = ggdm_utf8_plain(text, left);
        const bool stands = plain > 0 || *text == '\n' || *text == '\t';
        const size_t n = plain > 0 ? plain : 1, needs = stands ? n : sizeof "\\x00" - 1;
        if (used + needs >= size)
            break;
        if (stands)
            memcpy(out + used, text, n);
        else
            snprintf(out + used, size - used, "\\x%02x", (unsigned char)*text);
        used += needs;
        text += n;
        left -= n;
    }
    out[used] = '\0';
}

size_t ggdm_utf8_letters(const char *text, size_t letters)
{
    size_t n = 0;
    for (; text[n]; n++)
        if (((unsigned char)text[n] & 0xC0) != 0x80 && letters-- == 0)
            break;
    return n;
}

size_t ggdm_utf8_length(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

size_t ggdm_utf8_shorten(const char *text, size_t most, char *out, size_t size)
{
    static const char more[] = "...";
    const size_t letters = ggdm_utf8_length(text), bytes = strlen(text);
    if (letters <= most && bytes < size) {
        memcpy(out, text, bytes + 1);
        return letters;
    }
    size_t kept = letters <= most ? letters : most - 3, n = ggdm_utf8_letters(text, kept);
    while (n + sizeof more > size)
        n = ggdm_utf8_letters(text, --kept);
    memcpy(out, text, n);
    memcpy(out + n, more, sizeof more);
    return kept + 3;
}

void ggdm_utf8_print(FILE *out, const char *text, size_t most, size_t columns)
{
    char shown[1024];
    const size_t n = ggdm_utf8_shorten(text, most, shown, sizeof shown);
    fprintf(out, "%*s%s", n < columns ? (int)(columns - n) : 0, "", shown);
}
