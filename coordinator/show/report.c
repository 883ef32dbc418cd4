#include "coordinator/show/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/show/html.h"
#include "coordinator/show/page_text.h"
#include "coordinator/show/report_table.h"

#define MOST_BYTES ((size_t)50000000) /* of a page */

/* What goes into the page, and where it comes from. */
typedef struct page {
    FILE *f;
    const ggdm_results *r;
    const char *dir;
    char *sprites_dir; /* name of the directory beside the page; owned */
    ggdm_report_options options;
    ggdm_sprites sprites;
    bool in_page; /* the sprites */
} page;

static ggdm_status put_title(page *p, ggdm_error *err)
{
    (void)err;
    ggdm_html_text(p->f, p->r->info->name);
    return GGDM_OK;
}

static ggdm_status put_body(page *p, ggdm_error *err)
{
    return ggdm_report_table(p->f, p->r, err);
}

/* As JSON that a script element may hold: nothing in it can end the element. */
static void put_script_text(FILE *f, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '<')
            fputs("\\u003c", f);
        else
            fputc(text[i], f);
}

static ggdm_status put_data(page *p, ggdm_error *err)
{
    const size_t most = p->options.most_bytes ? p->options.most_bytes : MOST_BYTES;
    const size_t used = strlen(ggdm_page_text) + (size_t)ftell(p->f);
    const ggdm_report_facts facts = {.dir = p->dir,
                                     .live = p->options.live,
                                     .summary = p->options.summary,
                                     .sprites = &p->sprites,
                                     .sprites_dir = p->sprites_dir,
                                     .room = used < most ? most - used : 0};
    ggdm_json j;
    char *text = NULL;
    size_t size = 0;
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_status st = ggdm_report_data(&j, p->r, &facts, &p->in_page, err);
    if (st == GGDM_OK)
        st = ggdm_json_finish(&j, &text, &size, err);
    else
        ggdm_json_deinit(&j);
    if (st == GGDM_OK)
        put_script_text(p->f, text, size);
    free(text);
    return st;
}

static ggdm_status put_sprites(page *p, ggdm_error *err)
{
    if (!p->in_page) {
        char *dir = NULL;
        GGDM_TRY(ggdm_path_join(p->dir, p->sprites_dir, &dir, err));
        ggdm_status st = ggdm_sprites_write(&p->sprites, dir, err);
        free(dir);
        return st;
    }
    for (int32_t i = 0; i < p->sprites.n; i++) {
        const ggdm_sprite *s = &p->sprites.sprites[i];
        if (!s->size)
            continue;
        fprintf(p->f, "<script type=\"text/plain\" id=\"sprite-%lld\">", (long long)s->trajectory);
        GGDM_TRY(ggdm_sprite_put_base64(&p->sprites, i, p->f, err));
        fputs("</script>\n", p->f);
    }
    return GGDM_OK;
}

#define MARK "<!--ggdm:"

static const struct {
    const char *mark;
    ggdm_status (*put)(page *p, ggdm_error *err);
} parts[] = {
    {MARK "title-->", put_title},
    {MARK "body-->", put_body},
    {MARK "data-->", put_data},
    {MARK "sprites-->", put_sprites},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static ggdm_status put_page(page *p, ggdm_error *err)
{
    const char *text = ggdm_page_text;
    for (const char *at; (at = strstr(text, MARK)); text = at) {
        int i = 0;
        while (i < N_PARTS && strncmp(at, parts[i].mark, strlen(parts[i].mark)) != 0)
            i++;
        if (i == N_PARTS)
            return GGDM_FAIL(err, GGDM_EINTERNAL, "the report's page: nobody fills %.20s", at);
        fwrite(text, 1, (size_t)(at - text), p->f);
        GGDM_TRY(parts[i].put(p, err));
        at += strlen(parts[i].mark);
    }
    fputs(text, p->f);
    return GGDM_OK;
}

static ggdm_status write_page(page *p, int fd, const char *path, ggdm_error *err)
{
    p->f = fdopen(fd, "w");
    if (!p->f) {
        const int why = errno;
        close(fd);
        return GGDM_FAIL_ERRNO(err, why, "%s: cannot be written", path);
    }
    ggdm_status st = put_page(p, err);
    const bool bad = ferror(p->f) != 0;
    errno = EIO; /* where an earlier write failed, and this does not say why */
    if ((fclose(p->f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    return st;
}

static ggdm_status replace_page(page *p, const char *path, ggdm_error *err)
{
    ggdm_temp temp;
    GGDM_TRY(ggdm_temp_open(path, &temp, err));
    const int fd = dup(temp.fd); /* the stream closes its own */
    ggdm_status st = fd >= 0 ? write_page(p, fd, path, err)
                             : GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    if (st == GGDM_OK)
        return ggdm_temp_commit(&temp, err);
    ggdm_temp_abort(&temp);
    return st;
}

ggdm_status ggdm_report_write(const ggdm_results *r, const char *dir, const char *name,
                              const ggdm_report_options *options, ggdm_error *err)
{
    page p = {.r = r, .dir = dir, .options = options ? *options : (ggdm_report_options){0}};
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, name, &path, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_asprintf(&p.sprites_dir, err, "%.*s_files/", (int)strcspn(name, "."), name), done);
    GGDM_TRY_GOTO(st, ggdm_sprites_make(r, dir, &p.sprites, err), done);
    st = replace_page(&p, path, err);
done:
    ggdm_sprites_deinit(&p.sprites);
    free(p.sprites_dir);
    free(path);
    return st;
}
