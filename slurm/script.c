#include "slurm/script.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The template is part of the program, which then needs no file beside it. */
__asm__(".section .rodata\n"
        "ggdm_slurm_template: .incbin \"slurm/run.sbatch\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char ggdm_slurm_template[];

/* *value = NULL: empty.  False: no such place. */
static bool find_value(const ggdm_slurm_job *job, const ggdm_slurm_place *places, const char *key,
                       size_t len, const char **value)
{
    for (int i = 0; i < GGDM_SLURM_N_KEYS; i++)
        if (strlen(ggdm_slurm_settings[i].key) == len &&
            strncmp(ggdm_slurm_settings[i].key, key, len) == 0) {
            *value = job->value[i];
            return true;
        }
    for (; places->key; places++)
        if (strlen(places->key) == len && strncmp(places->key, key, len) == 0) {
            *value = places->value;
            return true;
        }
    return false;
}

static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

typedef enum quoting { RAW, QUOTED } quoting;

/* One line, up to its end.  *empty = there was a place, and nothing to fill in. */
static ggdm_status put_line(const ggdm_slurm_job *job, const ggdm_slurm_place *places,
                            const char *line, size_t len, quoting how, FILE *out, bool *empty,
                            ggdm_error *err)
{
    const char *end = line + len;
    *empty = false;
    while (line < end) {
        const char *open = memmem(line, (size_t)(end - line), "{{", 2), *value = NULL;
        const char *close = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
        if (!close) {
            fwrite(line, 1, (size_t)(end - line), out);
            return GGDM_OK;
        }
        const char *key = open + 2;
        if (!find_value(job, places, key, (size_t)(close - key), &value))
            return GGDM_FAIL(err, GGDM_EINTERNAL, "batch script: nobody fills {{%.*s}}",
                             (int)(close - key), key);
        fwrite(line, 1, (size_t)(open - line), out);
        *empty = !value || !*value;
        if (how == RAW)
            fputs(value ? value : "", out);
        else
            put_quoted(out, value ? value : "");
        line = close + 2;
    }
    return GGDM_OK;
}

static ggdm_status put_lines(const ggdm_slurm_job *job, const ggdm_slurm_place *places, FILE *out,
                             ggdm_error *err)
{
    const char *next;
    for (const char *line = ggdm_slurm_template; *line; line = next) {
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        bool directive = strncmp(line, "#SBATCH", 7) == 0, empty;
        bool raw = directive || strncmp(line, "{{setup}}", len) == 0;
        char *text = NULL;
        size_t size = 0;
        FILE *filled = open_memstream(&text, &size);
        if (!filled)
            return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
        ggdm_status st = put_line(job, places, line, len, raw ? RAW : QUOTED, filled, &empty, err);
        fclose(filled);
        if (st == GGDM_OK && !(directive && empty))
            fprintf(out, "%s\n", text);
        free(text);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

ggdm_status ggdm_slurm_script(const ggdm_slurm_job *job, const ggdm_slurm_place *places, char **out,
                              ggdm_error *err)
{
    size_t size;
    *out = NULL;
    FILE *f = open_memstream(out, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    ggdm_status st = put_lines(job, places, f, err);
    fclose(f);
    if (st == GGDM_OK && !*out)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}
