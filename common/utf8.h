/* Texts from outside: are they what they are to be?  (YAML and JSON are checked where they are
 * parsed; this is for texts that come otherwise.) */
#ifndef GGDM_COMMON_UTF8_H
#define GGDM_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** How many of these bytes, from the first on, are valid UTF-8 (RFC 3629) without control
 *  characters (U+0000 to U+001F, U+007F to U+009F): size where all are. */
size_t ggdm_utf8_plain(const char *text, size_t size);

/** How many bytes of a text its first letters (code points) take, all where it has no more. */
size_t ggdm_utf8_letters(const char *text, size_t letters);

#endif
