/* Texts of UTF-8: those from outside (YAML and JSON are checked where they are parsed, this is for
 * texts that come otherwise), and as labels, where a prompt may be too long. */
#ifndef GGDM_COMMON_UTF8_H
#define GGDM_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** How many of these bytes, from the first on, are valid UTF-8 (RFC 3629) without control
 *  characters (U+0000 to U+001F, U+007F to U+009F): size where all are. */
size_t ggdm_utf8_plain(const char *text, size_t size);

/** Bytes of the mark that some editors begin a file with: 3, or 0 where there is none. */
size_t ggdm_utf8_mark(const char *text, size_t size);

/** A text as it may go to a terminal: line feeds and tabs stand, every other byte that is no plain
 *  UTF-8 is written as \xNN.  It is cut where there is no room, which four times its size is. */
void ggdm_utf8_show(const char *text, char *out, size_t size);

/** How many letters (code points) a text has. */
size_t ggdm_utf8_length(const char *text);
/** A text of at most so many letters (4 or more) and size bytes, "..." at its end where there was
 *  more; how many letters it has. */
size_t ggdm_utf8_shorten(const char *text, size_t most, char *out, size_t size);
/** Print it, right aligned in so many columns. */
void ggdm_utf8_print(FILE *out, const char *text, size_t most, size_t columns);

/** How many bytes of a text its first letters (code points) take, all where it has no more. */
size_t ggdm_utf8_letters(const char *text, size_t letters);

#endif
